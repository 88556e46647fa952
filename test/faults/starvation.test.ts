import { describe, expect, it, onTestFinished } from 'vitest';
import { isReady } from '../../src/api/metadata.ts';
import { sleep } from '../../src/base/clock.ts';
import { PassError, StatusError } from '../../src/base/errors.ts';
import type { Change, Compute } from '../../src/drivers/compute.ts';
import { World } from '../../src/proof/world.ts';
import type { WorldDaemon, Wrap } from '../../src/proof/world.ts';
import type { CommitRequest, Store } from '../../src/store/store.ts';

const FAILING = 300;
const SLOW = 16;
/** Of the world's time. */
const SOON_MS = 1_000;

const vpc = (name: string, cidrBlock: string) => ({ kind: 'VPC', metadata: { name }, spec: { cidrBlock } });
const instance = (name: string, spec: object = {}) => ({
  kind: 'Instance',
  metadata: { name },
  spec: { image: 'app:1', vpc: 'main', ...spec },
});

async function start(wrap: Wrap = {}): Promise<{ world: World; daemon: WorldDaemon }> {
  const world = new World();
  const daemon = await world.start(wrap);
  onTestFinished(() => daemon.stop());
  return { world, daemon };
}

const runs = (daemon: WorldDaemon, name: string): boolean => {
  const found = daemon.get('Instance', name);
  return found !== undefined && isReady(found);
};

/** The same driver, with some of its members replaced. */
const instead = (compute: Compute, members: Partial<Compute>): Compute =>
  new Proxy(compute, {
    get(target, property) {
      const member: unknown = Reflect.get(members, property) ?? Reflect.get(target, property);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });

/** The same store, for whose commits the database is away when asked. */
const refusing = (store: Store, isAway: (request: CommitRequest) => boolean): Store =>
  new Proxy(store, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property);
      if (typeof member !== 'function') return member;
      const bound = member.bind(target) as (request: CommitRequest) => unknown;
      if (property !== 'commit') return bound;
      return (request: CommitRequest) =>
        isAway(request)
          ? Promise.reject(new StatusError('ServiceUnavailable', 'the database is away'))
          : bound(request);
    },
  });

describe('F17: whoever waits for something new', () => {
  it('does not wait for hundreds of keys that fail, nor for sixteen stops that take their whole time', async () => {
    const { world, daemon } = await start({
      compute: (compute) =>
        instead(compute, {
          createContainer: (spec) =>
            spec.image === 'bad:1'
              ? Promise.reject(new PassError('EngineError', 'it cannot be made'))
              : compute.createContainer(spec),
        }),
    });
    await daemon.apply(vpc('main', '10.1.0.0/16'));
    const stubborn = { command: ['sleep', '1000000'], init: false, stopGracePeriod: '1h' };
    for (let i = 0; i < SLOW; i++) await daemon.apply(instance(`slow-${i}`, stubborn));
    await daemon.settle();
    for (let i = 0; i < FAILING; i++) await daemon.apply(instance(`bad-${i}`, { image: 'bad:1' }));
    await world.clock.advance(5_000);
    for (let i = 0; i < SLOW; i++) await daemon.delete(`Instance/default/slow-${i}`);
    daemon.manager.notice(undefined, 'test', 'resync');
    await daemon.apply(instance('newcomer'));
    await world.clock.advance(SOON_MS);
    expect(runs(daemon, 'newcomer')).toBe(true);
    const leaving = daemon.get('Instance', 'slow-0');
    expect(leaving?.status?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({ reason: 'Terminating' });
    for (const { id, name } of world.engine.containers.values()) if (name.includes('slow')) world.engine.kill(id);
    await world.clock.advance(SOON_MS);
    expect(daemon.get('Instance', 'slow-0')).toBeUndefined();
  });
});

describe('one that waits, when nobody tells it that its wait is over', () => {
  it('looks by itself: the Engine was away, and its return was not told of', async () => {
    let told = true;
    const { world, daemon } = await start({
      compute: (compute) =>
        instead(compute, {
          subscribe: (listener: (change: Change) => void) =>
            compute.subscribe((change) => void (told && listener(change))),
        }),
    });
    await daemon.apply(vpc('main', '10.1.0.0/16'));
    await daemon.settle();
    world.engine.reachable = false;
    await daemon.apply(instance('web'));
    await daemon.settle();
    expect(runs(daemon, 'web')).toBe(false);
    told = false;
    world.engine.reachable = true;
    await world.clock.advance(30_000);
    expect(runs(daemon, 'web')).toBe(true);
  });
});

describe('a step that goes on by itself', () => {
  it('is alone with its key until its end, though the database did not take what its pass had to say (I9)', async () => {
    let [underWay, most, away] = [0, 0, false];
    const { world, daemon } = await start({
      compute: (compute) =>
        instead(compute, {
          createContainer: async (spec) => {
            away = true;
            most = Math.max(most, ++underWay);
            await sleep(world.clock, 20_000);
            underWay--;
            return compute.createContainer(spec);
          },
        }),
      store: (store) => refusing(store, (request) => away && underWay > 0 && request.fence !== undefined),
    });
    await daemon.apply(vpc('main', '10.1.0.0/16'));
    await daemon.settle();
    await daemon.apply(instance('web'));
    await world.clock.advance(60_000);
    expect(most).toBe(1);
    expect(runs(daemon, 'web')).toBe(true);
  });
});

describe('what a pass did', () => {
  it('is told of by the next one, when the database did not take it', async () => {
    let refusals = 3;
    const { world, daemon } = await start({
      store: (store) =>
        refusing(store, (request) => request.fence !== undefined && world.engine.containers.size > 0 && refusals-- > 0),
    });
    await daemon.apply(vpc('main', '10.1.0.0/16'));
    await daemon.settle();
    await daemon.apply(instance('web'));
    await daemon.settle(10_000);
    expect(refusals).toBeLessThanOrEqual(0);
    expect(runs(daemon, 'web')).toBe(true);
    const { items } = await daemon.store.log({ kind: 'Instance', limit: 100 });
    const steps = items.flatMap(({ record }) => record.steps.map((step) => step.step));
    expect(steps.filter((step) => /create/.test(step))).toHaveLength(1);
    expect(steps.filter((step) => /start/.test(step))).toHaveLength(1);
  });
});
