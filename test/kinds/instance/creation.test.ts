import { expect, it } from 'vitest';
import { present } from '../../../src/base/observed.ts';
import type { Container } from '../../../src/drivers/compute.ts';
import { containerSpecOf } from '../../../src/kinds/instance/container-spec.ts';
import { planInstance } from '../../../src/kinds/instance/plan.ts';
import { reportInstance } from '../../../src/kinds/instance/report.ts';
import { specHash } from '../../../src/kinds/instance/spec-hash.ts';
import { configOf, containerOf, instance, NETWORK, NOW, observed } from './support.ts';

const SAFE = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

it.each<[string, object, object]>([
  ['says nothing', {}, { capAdd: SAFE, pidsLimit: 4_096 }],
  ['adds one', { capabilities: { add: ['NET_RAW'] } }, { capAdd: [...SAFE, 'NET_RAW'] }],
  ['adds one that it has', { capabilities: { add: ['CHOWN'] } }, { capAdd: SAFE }],
  ['drops one', { capabilities: { drop: ['CHOWN', 'MKNOD'] } }, { capAdd: SAFE.slice(1) }],
  ['drops all', { capabilities: { drop: ['ALL'] } }, { capAdd: undefined }],
  ['drops all but one', { capabilities: { drop: ['ALL'], add: ['KILL'] } }, { capAdd: ['KILL'] }],
  ['has its own limit', { pidsLimit: 9 }, { pidsLimit: 9 }],
  ['lets sudo work', { allowPrivilegeEscalation: true }, { allowPrivilegeEscalation: true }],
  ['says what holds anyway', { allowPrivilegeEscalation: false }, { allowPrivilegeEscalation: undefined }],
])('one that %s is made with no more than that', (_what, spec, expected) => {
  const i = instance(spec);
  const made = containerSpecOf(i, NETWORK, '10.1.0.9', 'test', configOf(i));
  expect({ ...made, ...expected }).toEqual(made);
  expect(made).toMatchObject({ capDrop: ['ALL'], defaults: '1' });
});

it('one that uses no new field has the hash that it always had', () => {
  expect(specHash(instance({ allowPrivilegeEscalation: false }).spec)).toBe(specHash(instance().spec));
  expect(specHash(instance().spec)).toMatch(/^v1 image=\w+ logs=\w+ init=\w+$/);
});

/** As an earlier release made it: with no label, and without a limit of processes. */
const EARLIER: Partial<Container> = { defaults: undefined as never, pidsLimit: undefined as never };

it.each<[string, object, Partial<Container>, readonly string[] | undefined]>([
  ['made now', {}, {}, undefined],
  [
    'made by an earlier release',
    {},
    EARLIER,
    [
      'root inside it would be without AUDIT_WRITE, MKNOD, NET_RAW, SETFCAP (capabilities.add keeps them)',
      'it would have at most 4096 processes (pidsLimit sets another limit)',
    ],
  ],
  [
    'made earlier with what it needs',
    { capabilities: { add: ['NET_RAW', 'MKNOD'], drop: ['SETFCAP'] } },
    EARLIER,
    [
      'root inside it would be without AUDIT_WRITE (capabilities.add keeps them)',
      'it would have at most 4096 processes (pidsLimit sets another limit)',
    ],
  ],
  [
    'made earlier, and says all of it',
    { capabilities: { drop: ['ALL'] }, pidsLimit: 9 },
    { defaults: undefined as never },
    undefined,
  ],
])('a container %s stays, and its status tells what a recreate would change', (_what, spec, over, expected) => {
  const i = instance(spec);
  const seen = observed(present([containerOf(i, over)]));
  expect(planInstance(i, seen, NOW)).toEqual([]);
  expect(reportInstance(i, seen, [], NOW).status).toMatchObject({ phase: 'Running' });
  expect((reportInstance(i, seen, [], NOW).status as { recreateWouldChange?: string[] }).recreateWouldChange).toEqual(
    expected,
  );
});
