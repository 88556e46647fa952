import { describe, expect, it } from 'vitest';
import { CAPABILITIES } from '../../../src/kinds/instance/capabilities.ts';
import { levelProblems } from '../../../src/kinds/instance/security-level.ts';
import type { SecurityLevel } from '../../../src/kinds/instance/security-level.ts';
import type { InstanceSpec } from '../../../src/kinds/instance/types.ts';
import { instance } from './support.ts';

/** What the restricted level wants beside, so that a row shows its own field alone. */
const TAME = { user: '1000', capabilities: { drop: ['ALL'] } };
/** As stored, with a field that admission takes only where the settings allow it. */
const specOf = (spec: object): InstanceSpec => ({ ...instance().spec, ...spec });
const fields = (spec: object, level: SecurityLevel, hostPorts?: readonly number[]) =>
  levelProblems(specOf(spec), level, hostPorts).map(({ field }) => field);

type Refused = readonly string[];
describe.each<[string, object, { baseline?: Refused; restricted?: Refused }]>([
  ['one that asks for nothing more', TAME, {}],
  ['one that says nothing', {}, { restricted: ['spec.capabilities.drop', 'spec.user'] }],
  [
    'raw packets',
    { ...TAME, capabilities: { drop: ['ALL'], add: ['CHOWN', 'NET_RAW'] } },
    {
      baseline: ['spec.capabilities.add[1]'],
      restricted: ['spec.capabilities.add[0]', 'spec.capabilities.add[1]'],
    },
  ],
  ['a low port', { ...TAME, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }, {}],
  ['some dropped', { ...TAME, capabilities: { drop: ['CHOWN'] } }, { restricted: ['spec.capabilities.drop'] }],
  [
    'a folder of the host',
    {
      ...TAME,
      volumes: [
        { name: 'a', mountPath: '/a' },
        { hostPath: '/srv', mountPath: '/b' },
      ],
    },
    {
      baseline: ['spec.volumes[1].hostPath'],
      restricted: ['spec.volumes[1].hostPath'],
    },
  ],
  ['a volume in memory', { ...TAME, volumes: [{ name: 'a', mountPath: '/a', driverOptions: { type: 'tmpfs' } }] }, {}],
  [
    "another server's volume",
    { ...TAME, volumes: [{ name: 'a', mountPath: '/a', driverOptions: { type: 'nfs' } }] },
    {
      restricted: ['spec.volumes[0].driverOptions.type'],
    },
  ],
  [
    'a device',
    { ...TAME, devices: [{ hostPath: '/dev/kvm' }] },
    {
      baseline: ['spec.devices[0]'],
      restricted: ['spec.devices[0]'],
    },
  ],
  ['a GPU', { ...TAME, gpus: { count: 1 } }, {}],
  ['a safe kernel setting', { ...TAME, sysctls: { 'net.ipv4.tcp_syncookies': '1' } }, {}],
  [
    'another kernel setting',
    { ...TAME, sysctls: { 'net.core.somaxconn': '1' } },
    {
      baseline: ['spec.sysctls["net.core.somaxconn"]'],
      restricted: ['spec.sysctls["net.core.somaxconn"]'],
    },
  ],
  ['ports that the Engine chooses', { ...TAME, ports: ['80', '127.0.0.1:0:81', '7000-7003'] }, {}],
  [
    'a port of the host',
    { ...TAME, ports: ['80', '8080:80'] },
    {
      baseline: ['spec.ports[1]'],
      restricted: ['spec.ports[1]'],
    },
  ],
  [
    'a range of them',
    { ...TAME, ports: ['8080-8081:80-81'] },
    {
      baseline: ['spec.ports[0]'],
      restricted: ['spec.ports[0]'],
    },
  ],
  [
    'more rights by sudo',
    { ...TAME, allowPrivilegeEscalation: true },
    { restricted: ['spec.allowPrivilegeEscalation'] },
  ],
  ['root', { ...TAME, user: '0:1000' }, { restricted: ['spec.user'] }],
  ['root in more digits', { ...TAME, user: '000' }, { restricted: ['spec.user'] }],
  ['a user by name', { ...TAME, user: 'www-data' }, { restricted: ['spec.user'] }],
  ['a user of the group of root', { ...TAME, user: '7:0' }, {}],
])('%s', (_what, spec, { baseline = [], restricted = [] }) => {
  it.each<[SecurityLevel, Refused]>([
    ['privileged', []],
    ['baseline', baseline],
    ['restricted', restricted],
  ])('at %s', (level, expected) => {
    expect(fields(spec, level)).toEqual(expected);
  });
});

it('a host port that is listed is allowed', () => {
  expect(fields({ ...TAME, ports: ['8080:80'] }, 'restricted', [8080])).toEqual([]);
  expect(fields({ ports: ['8080-8081:80-81'] }, 'baseline', [8080])).toEqual(['spec.ports[0]']);
});

it('what restricted allows to add, baseline allows; what baseline allows, privileged does', () => {
  const addable = (level: SecurityLevel) =>
    CAPABILITIES.filter(
      (name) => fields({ ...TAME, capabilities: { drop: ['ALL'], add: [name] } }, level).length === 0,
    );
  expect(addable('restricted')).toEqual(['NET_BIND_SERVICE']);
  expect(addable('baseline')).toHaveLength(13);
  expect(addable('privileged')).toEqual(CAPABILITIES);
});

it.each<[object, SecurityLevel, string]>([
  [
    { capabilities: { add: ['NET_RAW'] } },
    'baseline',
    'the security level "baseline" does not allow it: NET_RAW may not be added',
  ],
  [
    { ports: ['8080:80'] },
    'baseline',
    'host port 8080 may not be taken: leave the host port out (the Engine chooses one), or put',
  ],
  [{ ...TAME, user: 'web' }, 'restricted', '"web" may be root: set the number of a user other than 0, such as "1000"'],
  [{ ...TAME, user: undefined }, 'restricted', 'the image decides, and may run as root'],
])('says what is wrong and what to do: %j at %s', (spec, level, words) => {
  expect(
    levelProblems(specOf(spec), level)
      .map(({ message }) => message)
      .join('\n'),
  ).toContain(words);
});
