import { describe, expect, it } from 'vitest';
import { judge, picture } from '../support/oracles.ts';
import { SideEffects } from '../support/side-effects.ts';
import type { Fault } from '../support/side-effects.ts';
import { PassError } from '../../src/base/errors.ts';
import { World } from '../support/world.ts';
import type { WorldDaemon } from '../support/world.ts';

const vpc = { kind: 'VPC', metadata: { name: 'main' }, spec: { cidrBlock: '10.1.0.0/24' } };
const instance = (name: string, spec: object = {}) => ({
  kind: 'Instance',
  metadata: { name },
  spec: { image: 'app:1', vpc: 'main', ...spec },
});
const ref = (kind: string, name: string) => ({ kind, namespace: 'default', name });

interface Scenario {
  before: (daemon: WorldDaemon) => Promise<void>;
  run: (daemon: WorldDaemon) => Promise<void>;
}

const base = async (d: WorldDaemon) => {
  await d.apply(vpc);
  await d.apply(instance('web', { resources: { cpus: 1 } }));
};
const nothing = async () => undefined;

const SCENARIOS: Record<string, Scenario> = {
  create: { before: nothing, run: base },
  'change in place': {
    before: base,
    run: async (d) => void (await d.apply(instance('web', { resources: { cpus: 2 } }))),
  },
  recreate: {
    before: base,
    run: async (d) => void (await d.apply(instance('web', { image: 'app:2', resources: { cpus: 1 } }))),
  },
  'power off': {
    before: base,
    run: async (d) => void (await d.apply(instance('web', { powerState: 'Stopped', resources: { cpus: 1 } }))),
  },
  'power on': {
    before: async (d) => {
      await d.apply(vpc);
      await d.apply(instance('web', { powerState: 'Stopped' }));
    },
    run: async (d) => void (await d.apply(instance('web', { powerState: 'Running' }))),
  },
  'burst of ten': {
    before: async (d) => void (await d.apply(vpc)),
    run: async (d) => {
      for (let i = 0; i < 10; i++)
        await d.apply(instance(`web-${i}`, { volumes: [{ name: 'data', mountPath: '/data' }] }));
    },
  },
  'VPC move refused': {
    before: base,
    run: async (d) => expect(d.apply(instance('web', { vpc: 'other' }))).rejects.toThrow(/cannot move/),
  },
  'delete, instance first': {
    before: base,
    run: async (d) => {
      await d.delete(ref('Instance', 'web'));
      await d.delete(ref('VPC', 'main'));
    },
  },
  'delete, VPC first': {
    before: base,
    run: async (d) => {
      await d.delete(ref('VPC', 'main'));
      await d.delete(ref('Instance', 'web'));
    },
  },
};

async function undisturbed(scenario: Scenario): Promise<{ end: unknown; effects: number }> {
  const world = new World();
  const effects = new SideEffects();
  const daemon = await world.start(effects);
  await scenario.before(daemon);
  await daemon.settle();
  const before = effects.count;
  await scenario.run(daemon);
  await daemon.settle();
  const end = picture(world, daemon);
  await daemon.stop();
  return { end, effects: effects.count - before };
}

/** The same run, disturbed at the n-th side effect of its interesting part. */
async function disturbed(scenario: Scenario, n: number, fault: Fault, end: unknown): Promise<void> {
  const world = new World();
  const first = await world.start();
  await scenario.before(first);
  await first.settle();
  await first.stop();
  const effects = new SideEffects({
    at: n,
    fault,
    error: () => new PassError('EngineUnavailable', 'connection reset'),
  });
  const daemon = await world.start(effects);
  await scenario.run(daemon);
  if (fault === 'stop before' || fault === 'stop after') {
    for (let i = 0; i < 200 && !effects.stopped; i++) await world.clock.advance(100);
    daemon.die();
    const next = await world.start();
    await next.settle();
    await judge(world, next, end);
    await next.stop();
  } else {
    await daemon.settle(35_000);
    await judge(world, daemon, end);
    await daemon.stop();
  }
}

describe('F1, I3: the daemon dies before and after every side effect; F2: every answer is lost, every call fails once', () => {
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    it(`${name}: the same end, whatever happens at each of its side effects`, async () => {
      const { end, effects } = await undisturbed(scenario);
      for (let n = 1; n <= effects; n++) {
        for (const fault of ['stop before', 'stop after', 'lose the answer', 'fail before'] as const) {
          await disturbed(scenario, n, fault, end).catch((error: unknown) => {
            throw new Error(`${fault} side effect ${n} of ${effects} of "${name}"`, { cause: error });
          });
        }
      }
    });
  }
});
