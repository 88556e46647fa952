import { describe, expect, it } from 'vitest';
import { isInstance } from '../../src/kinds/instance/types.ts';
import { isReady } from '../../src/api/metadata.ts';
import { breathe } from '../../src/proof/manual-clock.ts';
import { orphans, unrest, untruths } from '../../src/proof/oracles.ts';
import type { Document } from '../../src/proof/person.ts';
import { play } from '../../src/proof/scenario.ts';
import type { World } from '../../src/proof/world.ts';
import { mainVpc } from '../kinds/vpc/scenarios.ts';
import { instance, live, occupy, putRight, readiness, SLOWEST_MS } from './support/mistakes.ts';
import type { Mistake } from './support/mistakes.ts';

const group = (spec: object = {}, template: object = {}): Document => ({
  kind: 'ScalingGroup',
  metadata: { name: 'web' },
  spec: {
    vpc: 'main',
    minInstances: 1,
    maxInstances: 3,
    healthCheckGracePeriod: '1s',
    strategy: { minReadySeconds: 0, maxSurge: 1 },
    template: { labels: { app: 'web' }, spec: { image: 'app:1', ...template } },
    ...spec,
  },
});
const balancer = (spec: object = {}): Document => ({
  kind: 'LoadBalancer',
  metadata: { name: 'front' },
  spec: {
    vpc: 'main',
    listeners: [{ port: 8080 }],
    targetGroups: [{ name: 'web', selector: { app: 'web' }, targetPort: 80 }],
    deregistrationDelay: '1s',
    ...spec,
  },
});
const main = { apply: mainVpc };
const web = (spec: object = {}, template: object = {}) => ({ apply: group(spec, template) });
const front = (spec: object = {}) => ({ apply: balancer(spec) });
const labelled = { apply: { ...instance('a'), metadata: { name: 'a', labels: { app: 'web' } } } };

const MISTAKES: readonly Mistake[] = [
  {
    name: 'a group of an image that does not exist',
    wrong: [main, web({}, { image: 'missing:1' })],
    says: {
      kind: 'ScalingGroup',
      name: 'web',
      reason: 'RolloutFailed',
      message: /web-0 is ImageUnavailable.*missing:1/s,
    },
    right: [web()],
    fresh: [main, web()],
  },
  {
    name: 'a roll to an image that does not exist',
    wrong: [main, web({ desiredCount: 2 }), web({ desiredCount: 2 }, { image: 'missing:1' })],
    says: { kind: 'ScalingGroup', name: 'web', reason: 'RolloutFailed', message: /missing:1/ },
    right: [web({ desiredCount: 2 })],
    fresh: [main, web({ desiredCount: 2 })],
  },
  {
    name: 'a group in a VPC that is missing',
    wrong: [web()],
    says: { kind: 'ScalingGroup', name: 'web', reason: 'InstancesUnavailable', message: /0 of 1 are available/ },
    right: [main],
    fresh: [main, web()],
  },
  {
    name: 'a count, bounds and a policy that cannot be',
    wrong: [
      main,
      web(),
      { refused: group({ desiredCount: 10_000 }), because: /10000 is outside 1 to 3/ },
      { refused: group({ minInstances: 5 }), because: /5 is more than maxInstances, which is 3/ },
      { refused: group({ vpc: 'other' }), because: /cannot move from VPC main/ },
      { refused: group({ policies: [{ name: 'load', metric: 'cpu' }] }), because: /needs a target/ },
    ],
    says: { kind: 'ScalingGroup', name: 'web', reason: 'AsDesired', message: /all 1 are available/ },
    right: [],
    fresh: [main, web()],
  },
  {
    name: 'a load balancer whose port another process of the host has',
    prepare: (world) => occupy(world, 8080),
    wrong: [main, labelled, front()],
    says: { kind: 'LoadBalancer', name: 'front', reason: 'PortInUse', message: /8080/ },
    right: [front({ listeners: [{ port: 8081 }] })],
    fresh: [main, labelled, front({ listeners: [{ port: 8081 }] })],
  },
  {
    name: 'a load balancer of targets that do not exist',
    wrong: [main, front({ targetGroups: [{ name: 'web', instances: ['a'], targetPort: 80 }] })],
    says: { kind: 'LoadBalancer', name: 'front', reason: 'NoTargets', message: /target group web has no target/ },
    right: [labelled],
    fresh: [main, labelled, front({ targetGroups: [{ name: 'web', instances: ['a'], targetPort: 80 }] })],
  },
  {
    name: 'a load balancer of a port on which nobody answers',
    wrong: [main, labelled, front({ targetGroups: [{ name: 'web', selector: { app: 'web' }, targetPort: 9999 }] })],
    says: { kind: 'LoadBalancer', name: 'front', reason: 'NoHealthyTargets', message: /none of the 1 targets/ },
    right: [front()],
    fresh: [main, labelled, front()],
  },
  {
    name: 'a load balancer whose rules name nobody',
    wrong: [
      main,
      labelled,
      front(),
      { refused: balancer({ rules: [{ targetGroup: 'api' }] }), because: /api/ },
      { refused: balancer({ vpc: 'other' }), because: /cannot move/ },
    ],
    says: { kind: 'LoadBalancer', name: 'front', reason: 'Serving', message: /1 of 1 targets are healthy/ },
    right: [],
    fresh: [main, labelled, front()],
  },
];

const members = ({ documents }: World) =>
  documents
    .filter(isInstance)
    .map((i) => i.metadata.name)
    .toSorted();

describe('F10: what is done wrong is said, costs little, and is put right', () => {
  it.each(MISTAKES)('$name', putRight);

  it('far too many instances are taken away again; 0 is a count too', async () => {
    const { world, daemon } = await live();
    const wide = { vpc: 'wide', minInstances: 0, maxInstances: 500 };
    await play(daemon, [{ apply: { ...mainVpc, metadata: { name: 'wide' }, spec: { cidrBlock: '10.1.0.0/16' } } }]);
    await play(daemon, [web({ ...wide, desiredCount: 500 })]);
    await breathe();
    await play(daemon, [web({ ...wide, desiredCount: 2 })]);
    await daemon.settle(SLOWEST_MS);
    expect(members(world)).toEqual(['web-0', 'web-1']);
    await play(daemon, [web({ ...wide, desiredCount: 0 })]);
    await daemon.settle(SLOWEST_MS);
    expect([members(world), world.engine.containers.size]).toEqual([[], 0]);
    expect(isReady(daemon.get('ScalingGroup', 'web')!)).toBe(true);
    expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
  });
});

describe('F11: look-alikes', () => {
  it('an instance of somebody else on a slot’s name is told of and left alone; when it goes ours comes', async () => {
    const { world, daemon } = await live();
    await play(daemon, [main, { apply: instance('web-1') }]);
    await play(daemon, [web({ desiredCount: 2 })]);
    await daemon.settle(SLOWEST_MS);
    expect(readiness(daemon, 'ScalingGroup', 'web')).toMatchObject({
      reason: 'SlotTaken',
      message: expect.stringMatching(/Instance default\/web-1 is not the group's/),
    });
    expect(daemon.get('Instance', 'web-1')?.metadata.ownerReferences).toBeUndefined();
    await play(daemon, [{ delete: 'Instance/default/web-1' }]);
    await daemon.settle(SLOWEST_MS);
    expect(isReady(daemon.get('ScalingGroup', 'web')!)).toBe(true);
    expect(members(world)).toEqual(['web-0', 'web-1']);
    expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
  });
});

describe('F13: processes that do not behave', () => {
  it('a roll to a program that crashes stops after maxUnavailable, and recovers', async () => {
    const { world, daemon } = await live();
    const strategy = { maxUnavailable: 1, maxSurge: 0, minReadySeconds: 5 };
    world.engine.processes.crashing.set('broken:1', { exitCode: 3, afterMs: 50 });
    await play(daemon, [main, web({ desiredCount: 3, strategy })]);
    await daemon.settle(SLOWEST_MS);
    await play(daemon, [web({ desiredCount: 3, strategy }, { image: 'broken:1' })]);
    await world.clock.advance(600_000);
    expect(readiness(daemon, 'ScalingGroup', 'web')).toMatchObject({
      status: 'False',
      reason: 'RolloutFailed',
      message: expect.stringMatching(/CrashLoopBackOff.*2 of 3 are available/s),
    });
    await play(daemon, [web({ desiredCount: 3, strategy })]);
    await daemon.settle(SLOWEST_MS);
    expect(isReady(daemon.get('ScalingGroup', 'web')!)).toBe(true);
    expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
  });

  it('instances that never last are replaced more and more slowly', async () => {
    const { world, daemon } = await live();
    world.engine.processes.crashing.set('broken:1', { exitCode: 3, afterMs: 50 });
    await play(daemon, [main, web({}, { image: 'broken:1' })]);
    await world.clock.advance(600_000);
    const calls = world.mutations();
    expect(readiness(daemon, 'ScalingGroup', 'web').status).toBe('False');
    await world.clock.advance(3_600_000);
    // One in five minutes, each of which is stopped, removed, created and started.
    expect(world.mutations() - calls).toBeLessThan(60);
    expect([...untruths(world, daemon), ...orphans(world)]).toEqual([]);
  });

  it('a target whose check flaps goes out and comes back, and nothing is replaced or reloaded', async () => {
    const { world, daemon } = await live();
    let healthy = true;
    world.engine.probe = () => ({ healthy, detail: healthy ? 'answers' : 'does not answer' });
    await play(daemon, [main, labelled, front()]);
    await daemon.settle(SLOWEST_MS);
    const calls = world.mutations();
    for (let i = 0; i < 5; i++) {
      expect(readiness(daemon, 'LoadBalancer', 'front').status).toBe('True');
      healthy = false;
      await world.clock.advance(30_000);
      expect(readiness(daemon, 'LoadBalancer', 'front')).toMatchObject({ status: 'False', reason: 'NoHealthyTargets' });
      healthy = true;
      await world.clock.advance(30_000);
    }
    expect(world.mutations()).toBe(calls);
    expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
  });

  it('a group of a check that never answers stays short, and says so after the deadline; nothing is replaced', async () => {
    const { world, daemon } = await live();
    world.engine.probe = () => ({ healthy: false, detail: 'no answer within 5 s' });
    const healthCheck = { http: { port: 80 }, startPeriod: '24h' };
    const strategy = { minReadySeconds: 0, progressDeadline: '2m' };
    await play(daemon, [main, web({ strategy }, { healthCheck })]);
    await daemon.settle(SLOWEST_MS);
    const calls = world.mutations();
    await world.clock.advance(600_000);
    expect(readiness(daemon, 'ScalingGroup', 'web')).toMatchObject({
      reason: 'RolloutFailed',
      message: expect.stringMatching(/web-0 is not available after 2m/),
    });
    expect(world.mutations()).toBe(calls);
    expect([...untruths(world, daemon), ...(await unrest(world, daemon))]).toEqual([]);
  });
});
