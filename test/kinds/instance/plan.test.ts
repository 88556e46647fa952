import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Instance } from '../../../src/kinds/instance/types.ts';
import { absent, present, unobservable } from '../../../src/base/observed.ts';
import { changedFields, specHash } from '../../../src/kinds/instance/spec-hash.ts';
import { planInstance } from '../../../src/kinds/instance/plan.ts';
import type { InstanceObserved, InstanceStep } from '../../../src/kinds/instance/plan.ts';
import { reportInstance } from '../../../src/kinds/instance/report.ts';
import type { Container } from '../../../src/drivers/compute.ts';
import { containerOf, instance, NOW, observed } from './support.ts';
import { engineName } from '../../../src/drivers/labels.ts';

const steps = (i: Instance, o: InstanceObserved): string[] => planInstance(i, o, NOW).map((s) => s.do);
const withContainer = (over: Partial<Container>, spec: object = {}) => {
  const i = instance(spec);
  return steps(i, observed(present([containerOf(i, over)])));
};

describe('the plan of an instance', () => {
  it.each<[string, () => string[], string[]]>([
    ['nothing there', () => steps(instance(), observed(absent)), ['createContainer', 'startContainer']],
    [
      'nothing there, and it shall be stopped',
      () => steps(instance({ powerState: 'Stopped' }), observed(absent)),
      ['createContainer'],
    ],
    [
      'no address yet',
      () => steps(instance({}, { status: {} }), observed(absent)),
      ['claimAddress', 'createContainer', 'startContainer'],
    ],
    [
      'an address of a VPC that is gone',
      () => steps(instance({}, { status: { privateIp: '10.9.0.1', vpcUid: 'old' } }), observed(absent)),
      ['claimAddress', 'createContainer', 'startContainer'],
    ],
    [
      'no image',
      () => steps(instance(), observed(absent, { image: { state: 'absent' } })),
      ['pullImage', 'createContainer', 'startContainer'],
    ],
    [
      'imagePullPolicy Always',
      () => steps(instance({ imagePullPolicy: 'Always' }), observed(absent)),
      ['pullImage', 'createContainer', 'startContainer'],
    ],
    [
      'imagePullPolicy Always, pulled already',
      () => steps(instance({ imagePullPolicy: 'Always' }), observed(absent, { pulled: true })),
      ['createContainer', 'startContainer'],
    ],
    [
      'a named volume',
      () => steps(instance({ volumes: [{ name: 'data', mountPath: '/d' }] }), observed(absent)),
      ['ensureVolume', 'createContainer', 'startContainer'],
    ],
    ['the VPC is not ready', () => steps(instance(), observed(absent, { vpc: { is: 'pending' } })), []],
    ['the VPC is being deleted', () => steps(instance(), observed(absent, { vpc: { is: 'deleting' } })), []],
    [
      'no VPC, and it is default',
      () => steps(instance({ vpc: 'default' }), observed(absent, { vpc: { is: 'missing' } })),
      ['createDefaultVpc'],
    ],
    ['I4: unobservable', () => steps(instance(), observed(unobservable('out of reach'))), []],
    ['as specified', () => withContainer({}), []],
    ['created, never started', () => withContainer({ state: 'created' }), ['startContainer']],
    ['exited', () => withContainer({ state: 'exited', exitCode: 0 }), ['startContainer']],
    ['exited, Never', () => withContainer({ state: 'exited', exitCode: 1 }, { restartPolicy: 'Never' }), []],
    [
      'exited well, OnFailure',
      () => withContainer({ state: 'exited', exitCode: 0 }, { restartPolicy: 'OnFailure' }),
      [],
    ],
    [
      'exited badly, OnFailure',
      () => withContainer({ state: 'exited', exitCode: 1 }, { restartPolicy: 'OnFailure' }),
      ['startContainer'],
    ],
    ['restarting is the Engine’s', () => withContainer({ state: 'restarting' }), []],
    ['paused', () => withContainer({ state: 'paused' }), ['unpauseContainer']],
    [
      'paused and to be stopped',
      () => withContainer({ state: 'paused' }, { powerState: 'Stopped' }),
      ['unpauseContainer', 'stopContainer'],
    ],
    ['renamed', () => withContainer({ name: 'foo' }), ['renameContainer']],
    ['on no network', () => withContainer({ attachments: [] }), ['connectContainer']],
    [
      'at another address',
      () => withContainer({ attachments: [{ networkId: 'net1', address: '10.1.0.8', aliases: [] }] }),
      ['disconnectContainer', 'connectContainer'],
    ],
    [
      'on a foreign network too',
      () =>
        withContainer({
          attachments: [
            { networkId: 'net1', address: '10.1.0.9', aliases: [] },
            { networkId: 'bridge', address: '172.17.0.2', aliases: [] },
          ],
        }),
      ['disconnectContainer'],
    ],
    ['other limits', () => withContainer({ cpus: 2 }, { resources: { cpus: 1, memory: '64Mi' } }), ['updateContainer']],
    ['another restart policy', () => withContainer({ restart: 'no' }), ['updateContainer']],
    [
      'a limit was taken away',
      () => withContainer({ cpus: 2 }),
      ['stopContainer', 'removeContainer', 'createContainer', 'startContainer'],
    ],
    [
      'made for another spec',
      () => withContainer({ specHash: specHash(instance({ image: 'app:0' }).spec) }),
      ['stopContainer', 'removeContainer', 'createContainer', 'startContainer'],
    ],
    ['dead', () => withContainer({ state: 'dead' }), ['removeContainer', 'createContainer', 'startContainer']],
    ['being removed', () => withContainer({ state: 'removing' }), []],
    ['to be stopped', () => withContainer({ state: 'running' }, { powerState: 'Stopped' }), ['stopContainer']],
  ])('%s', (_what, plan, expected) => {
    expect(plan()).toEqual(expected);
  });

  it('one container too many goes, and the one that needs least stays', () => {
    const i = instance();
    const good = containerOf(i);
    const plan = planInstance(
      i,
      observed(present([containerOf(i, { id: 'c0', name: 'copy', state: 'exited' }), good])),
      NOW,
    );
    expect(plan).toMatchObject([{ do: 'removeContainer', id: 'c0' }]);
  });

  it('deletion stops and removes everything with its uid, whatever the VPC is', () => {
    const i = instance();
    const gone = { ...i, metadata: { ...i.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    const plan = planInstance(
      gone,
      observed(present([containerOf(i), containerOf(i, { id: 'c2', state: 'exited' })]), { vpc: { is: 'missing' } }),
      NOW,
    );
    expect(plan.map((s) => ('id' in s ? `${s.do} ${s.id}` : s.do))).toEqual([
      'stopContainer c1',
      'removeContainer c1',
      'removeContainer c2',
    ]);
  });

  it('a restart that was asked for happens once', () => {
    const asked = '2026-01-01T00:30:00.000Z';
    const i = instance();
    const wanting = {
      ...i,
      metadata: { ...i.metadata, annotations: { 'miniaws.dev/restarted-at': asked } },
    };
    expect(steps(wanting, observed(present([containerOf(i)])))).toEqual(['stopContainer', 'startContainer']);
    expect(
      steps(wanting, observed(present([containerOf(i, { startedAt: new Date('2026-01-01T00:31:00Z') })]))),
    ).toEqual([]);
    expect(
      steps({ ...wanting, status: { ...i.status, restartedAt: asked } }, observed(present([containerOf(i)]))),
    ).toEqual([]);
  });
});

describe('the spec hash', () => {
  it('covers what forces a recreate, names the fields that differ, and nothing else', () => {
    const hash = (spec: object) => specHash(instance(spec).spec);
    for (const inPlace of [
      { resources: { cpus: 2 } },
      { restartPolicy: 'Never' },
      { powerState: 'Stopped' },
      { stopGracePeriod: '3s' },
      { imagePullPolicy: 'Always' },
      { healthCheck: { tcp: { port: 80 } } },
      { pidsLimit: 10 },
      { cpuSet: '0' },
      { memoryReservation: '8m' },
      { resources: { memory: '8m' }, memorySwap: '8m' },
    ]) {
      expect(hash(inPlace), JSON.stringify(inPlace)).toBe(hash({}));
    }
    expect(changedFields(hash({}), hash({ image: 'app:2', env: { A: '1' }, user: 'nobody' }))).toEqual([
      'image',
      'env',
      'user',
    ]);
    expect(changedFields(hash({ args: ['x'] }), hash({}))).toEqual(['args']);
  });

  it('is what it was when it was first released: a change here would recreate every container', () => {
    const { init: _, ...older } = instance().spec;
    expect(specHash(older)).toBe('v1 image=bc1b61cc2017 logs=f013e338e567');
    expect(specHash({ ...older, init: false, tty: false, ulimits: {}, groups: [] })).toBe(specHash(older));
    expect(changedFields(specHash(older), specHash({ ...older, init: true }))).toEqual(['init']);
  });
});

const containerStates = fc.constantFrom<Container['state']>(
  'created',
  'running',
  'restarting',
  'paused',
  'exited',
  'dead',
);
const drift = fc.record(
  {
    state: containerStates,
    name: fc.constantFrom('foo', undefined),
    exitCode: fc.constantFrom(0, 1),
    restarts: fc.nat(5),
    cpus: fc.constantFrom(1, 2),
    restart: fc.constantFrom<Container['restart']>('no', 'unless-stopped', 'on-failure'),
    attachments: fc.constantFrom(
      [],
      [{ networkId: 'net1', address: '10.1.0.9', aliases: [] }],
      [{ networkId: 'other', address: '1.1.1.1', aliases: [] }],
    ),
    specHash: fc.constantFrom(specHash(instance().spec), 'v1 image=000000000000', 'v0 '),
  },
  { requiredKeys: ['state'] },
);

/** What the Engine would make of a step, as far as a plan can tell. */
function obey(i: Instance, containers: readonly Container[], step: InstanceStep): Container[] {
  const change = (id: string, over: Partial<Container>) => containers.map((c) => (c.id === id ? { ...c, ...over } : c));
  switch (step.do) {
    case 'createContainer':
      return [...containers, containerOf(i, { id: `new${containers.length}`, state: 'created' })];
    case 'startContainer':
      return containers.map((c) =>
        c.id === step.id || (step.id === undefined && c.name === engineName(c.owner))
          ? { ...c, state: 'running', startedAt: NOW }
          : c,
      );
    case 'stopContainer':
      return change(step.id, { state: 'exited', exitCode: 0 });
    case 'removeContainer':
      return containers.filter((c) => c.id !== step.id);
    case 'unpauseContainer':
      return change(step.id, { state: 'running' });
    case 'renameContainer':
      return change(step.id, { name: step.to });
    case 'updateContainer':
      return change(step.id, step.change);
    case 'connectContainer':
      return containers.map((c) =>
        c.id === step.id
          ? {
              ...c,
              attachments: [
                ...c.attachments,
                { networkId: step.networkId, address: step.address, aliases: step.aliases },
              ],
            }
          : c,
      );
    case 'disconnectContainer':
      return containers.map((c) =>
        c.id === step.id ? { ...c, attachments: c.attachments.filter((a) => a.networkId !== step.networkId) } : c,
      );
    default:
      return [...containers];
  }
}

describe('properties of the plan', () => {
  const worlds = fc.record({
    powerState: fc.constantFrom('Running', 'Stopped'),
    restartPolicy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    drifts: fc.array(drift, { maxLength: 3 }),
  });
  const start = ({
    powerState,
    restartPolicy,
    drifts,
  }: {
    powerState: string;
    restartPolicy: string;
    drifts: readonly Partial<Container>[];
  }) => {
    const i = instance({ powerState, restartPolicy });
    const containers = drifts.map((d, n) =>
      containerOf(i, { ...JSON.parse(JSON.stringify(d)), id: `c${n}` } as Partial<Container>),
    );
    return { i, containers };
  };

  it('every world converges in at most two plans, then plans nothing (I1, I2)', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        const { i } = start(given);
        let { containers } = start(given);
        for (let look = 0; look < 2; look++) {
          for (const step of planInstance(i, observed(present(containers)), NOW))
            containers = obey(i, containers, step);
        }
        expect(planInstance(i, observed(present(containers)), NOW)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('nothing is planned on what cannot be observed (I4), and status never says Ready then (I8)', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        const { i } = start(given);
        const blind = observed(unobservable('out of reach'));
        expect(planInstance(i, blind, NOW)).toEqual([]);
        expect(reportInstance(i, blind, [], NOW).conditions.find((c) => c.type === 'Ready')?.status).toBe('Unknown');
      }),
    );
  });

  it('Ready is True only when nothing is left to do', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        const { i, containers } = start(given);
        const seen = observed(present(containers));
        const left = planInstance(i, seen, NOW);
        const ready = reportInstance(i, seen, left, NOW).conditions.find((c) => c.type === 'Ready')?.status === 'True';
        if (ready) expect(left).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});
