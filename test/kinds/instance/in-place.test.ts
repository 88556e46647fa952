import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/observed.ts';
import type { Container } from '../../../src/drivers/compute.ts';
import { planInstance } from '../../../src/kinds/instance/plan.ts';
import { specHash } from '../../../src/kinds/instance/spec-hash.ts';
import { containerOf, instance, NOW, observed } from './support.ts';

describe('fields that are decided when the container is made', () => {
  it.each<[string, object]>([
    ['aliases', { aliases: ['db'] }],
    ['logs', { logs: { driver: 'local' } }],
    ['logs', { logs: { options: { tag: 'x' } } }],
    ['tty', { tty: true }],
    ['stdin', { stdin: true }],
    ['stopSignal', { stopSignal: 'SIGINT' }],
    ['hostname', { hostname: 'db' }],
    ['extraHosts', { extraHosts: { db: '10.0.0.1' } }],
    ['dns', { dns: { options: ['rotate'] } }],
    ['groups', { groups: ['audio'] }],
    ['capabilities', { capabilities: { drop: ['ALL'] } }],
    ['readOnlyRootFilesystem', { readOnlyRootFilesystem: true }],
    ['tmpfs', { tmpfs: [{ mountPath: '/tmp' }] }],
    ['shmSize', { shmSize: '1m' }],
    ['sysctls', { sysctls: { 'kernel.sem': '250 32000 100 128' } }],
    ['ulimits', { ulimits: { nofile: { soft: 9 } } }],
    ['devices', { devices: [{ hostPath: '/dev/kvm' }] }],
    ['gpus', { gpus: { count: 1 } }],
    ['oomScoreAdjust', { oomScoreAdjust: 5 }],
    ['healthCheck', { healthCheck: { disable: true } }],
  ])('%s replaces the container, and the plan says so', (field, spec) => {
    const before = instance();
    const seen = observed(present([containerOf(before)]));
    expect(planInstance(instance(spec), seen, NOW)[0]).toMatchObject({
      do: 'stopContainer',
      why: `spec.${field} changed`,
    });
    expect(planInstance(before, seen, NOW)).toEqual([]);
  });
});

it('what says nothing of the log is as if it were left out', () => {
  const said = instance({ logs: { driver: 'json-file', options: {} }, aliases: [] });
  expect(
    planInstance(said, observed(present([containerOf(said, { specHash: specHash(instance().spec) })])), NOW),
  ).toEqual([]);
});

it('an instance is connected again under all its names', () => {
  const i = instance({ aliases: ['db', 'db.internal'] });
  expect(planInstance(i, observed(present([containerOf(i, { attachments: [] })])), NOW)).toMatchObject([
    { do: 'connectContainer', aliases: ['web', 'db', 'db.internal'] },
  ]);
});

it('the name of its group is one of its names, and recreates nothing', () => {
  const i = instance({ aliases: ['db'] });
  const seen = (over: object) => observed(present([containerOf(i, over)]), { sharedName: 'group' });
  expect(planInstance(i, seen({}), NOW)).toEqual([]);
  expect(planInstance(i, seen({ attachments: [] }), NOW)).toMatchObject([
    { do: 'connectContainer', aliases: ['web', 'db', 'group'] },
  ]);
});

describe('limits', () => {
  const MIB = 2 ** 20;
  const wanted = { resources: { memory: '64Mi' }, memoryReservation: '8Mi', cpuSet: '0', pidsLimit: 9 };
  const change = (spec: object, over: Partial<Container>) => {
    const i = instance(spec);
    const [step] = planInstance(i, observed(present([containerOf(i, over)])), NOW);
    return step && { ...('change' in step ? step.change : {}), why: step.why };
  };

  it.each<[string, object, Partial<Container>, object | undefined]>([
    ['as asked for', wanted, {}, undefined],
    ['processes by hand', wanted, { pidsLimit: 5 }, { pidsLimit: 9, why: 'pidsLimit differs' }],
    ['a limit of processes that nobody wants', {}, { pidsLimit: 5 }, { pidsLimit: 4_096, why: 'pidsLimit differs' }],
    [
      'the same of a container of an earlier release',
      {},
      { pidsLimit: 5, defaults: undefined as never },
      { pidsLimit: 0, why: 'pidsLimit differs' },
    ],
    ['a kernel that limits no processes', {}, { pidsLimit: undefined as never }, undefined],
    ['other processors', wanted, { cpuSet: '0-1' }, { cpuSet: '0', why: 'cpuSet differs' }],
    [
      'another reservation',
      wanted,
      { memoryReservationBytes: MIB },
      { memoryReservationBytes: 8 * MIB, why: 'memoryReservation differs' },
    ],
    [
      'swap by hand goes back to the rule',
      wanted,
      { memorySwapBytes: 64 * MIB },
      { memoryBytes: 64 * MIB, memorySwapBytes: 128 * MIB, why: 'memorySwap differs' },
    ],
    [
      'swap that was asked for goes with the memory',
      { ...wanted, memorySwap: '96Mi' },
      { memoryBytes: 32 * MIB },
      { memoryBytes: 64 * MIB, memorySwapBytes: 96 * MIB, why: 'memory differs' },
    ],
    [
      'memory alone is told of when swap follows it',
      wanted,
      { memoryBytes: 32 * MIB, memorySwapBytes: 64 * MIB },
      { memoryBytes: 64 * MIB, memorySwapBytes: 128 * MIB, why: 'memory differs' },
    ],
    ['a kernel that limits no swap', wanted, { memorySwapBytes: undefined as never }, undefined],
    [
      'processors that were taken away',
      {},
      { cpuSet: '0' },
      { why: 'spec.cpuSet was taken away, and the Engine cannot lift a limit in place' },
    ],
    [
      'a reservation that was taken away',
      {},
      { memoryReservationBytes: MIB },
      { why: 'spec.memoryReservation was taken away, and the Engine cannot lift a limit in place' },
    ],
  ])('%s', (_what, spec, over, expected) => {
    expect(change(spec, over)).toEqual(expected);
  });
});
