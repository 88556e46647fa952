import { describe, expect, it, onTestFinished } from 'vitest';
import { isReady } from '../../src/api/metadata.ts';
import type { InstanceStatus } from '../../src/kinds/instance/types.ts';
import { engineName, LABEL } from '../../src/drivers/labels.ts';
import { judge, orphans, picture, unrest, untruths } from '../../src/proof/oracles.ts';
import { play } from '../../src/proof/scenario.ts';
import { SideEffects } from '../../src/proof/seam.ts';
import { World } from '../../src/proof/world.ts';
import { mainVpc } from '../kinds/vpc/scenarios.ts';
import { instance, live, occupy, putRight, readiness, RETRIES, SLOWEST_MS } from './support/mistakes.ts';
import type { Mistake } from './support/mistakes.ts';

const main = { apply: mainVpc };
const apply = (name: string, spec: object = {}) => ({ apply: instance(name, spec) });

const foreignNetwork = (world: World) =>
  world.engine.networks.create({
    name: 'theirs',
    cidrBlock: '10.1.0.0/16',
    gateway: '10.1.0.1',
    internal: false,
    labels: {},
  });

const MISTAKES: readonly Mistake[] = [
  {
    name: 'an image that does not exist',
    wrong: [main, apply('web', { image: 'missing:1' })],
    says: { kind: 'Instance', name: 'web', reason: 'ImageUnavailable', message: /missing:1/ },
    right: [apply('web')],
    fresh: [main, apply('web')],
  },
  {
    name: 'an image whose program is not there',
    wrong: [main, apply('web', { command: ['/bin/nonexistent'] })],
    says: { kind: 'Instance', name: 'web', reason: 'CrashLoopBackOff', message: /127 \(the command was not found\)/ },
    right: [apply('web')],
    fresh: [main, apply('web')],
  },
  {
    name: 'an image whose program is not there, without an init',
    wrong: [main, apply('web', { command: ['/bin/nonexistent'], init: false })],
    says: { kind: 'Instance', name: 'web', reason: 'StartFailed', message: /executable file not found/ },
    right: [apply('web')],
    fresh: [main, apply('web')],
  },
  {
    name: 'a host port that another holds',
    wrong: [main, apply('a', { ports: ['8080:80'] }), apply('b', { ports: ['9090:80'] })],
    says: { kind: 'Instance', name: 'b', reason: 'PortInUse', message: /9090/ },
    prepare: (world) => occupy(world, 9090),
    right: [apply('b', { ports: ['9091:80'] })],
    fresh: [main, apply('a', { ports: ['8080:80'] }), apply('b', { ports: ['9091:80'] })],
  },
  {
    name: 'a range that another network of the Engine holds',
    prepare: foreignNetwork,
    wrong: [main, apply('web')],
    says: { kind: 'VPC', name: 'main', reason: 'CidrOverlap', message: /theirs/ },
    right: [],
    mend: ({ engine }) => engine.networks.remove(engine.networks.named('theirs')?.id ?? ''),
    fresh: [main, apply('web')],
  },
  {
    name: 'a range that the host itself is on',
    prepare: ({ engine }) => void (engine.hostRanges = [{ interface: 'lan0', cidrBlock: '10.1.0.0/16' }]),
    wrong: [main, apply('web')],
    says: { kind: 'VPC', name: 'main', reason: 'CidrOverlap', message: /10\.1\.0\.0\/16 of the host's interface lan0/ },
    right: [],
    mend: ({ engine }) => void (engine.hostRanges = []),
    fresh: [main, apply('web')],
  },
  {
    name: 'a VPC that is missing',
    wrong: [apply('web')],
    says: { kind: 'Instance', name: 'web', reason: 'VpcNotReady', message: /does not exist; create it/ },
    right: [main],
    fresh: [main, apply('web')],
  },
  {
    name: 'a VPC that is deleted first',
    wrong: [main, apply('web'), { delete: 'VPC/default/main' }],
    says: { kind: 'VPC', name: 'main', reason: 'InUse', message: /default\/web/ },
    right: [{ delete: 'Instance/default/web' }],
    fresh: [],
  },
  {
    name: 'fields that cannot change',
    wrong: [
      main,
      apply('web'),
      { refused: { ...mainVpc, spec: { cidrBlock: '10.9.0.0/24' } }, because: /cannot change/ },
      { refused: instance('web', { vpc: 'other' }), because: /cannot move/ },
    ],
    says: { kind: 'Instance', name: 'web', reason: 'Running', message: /it runs/ },
    right: [],
    fresh: [main, apply('web')],
  },
];

describe('F10: what is done wrong is said, costs little, and is put right', () => {
  it.each(MISTAKES)('$name', putRight);
});

describe('F11: look-alikes', () => {
  it.each<[string, Record<string, string>]>([
    ['nobody', {}],
    ['another installation', { [LABEL.installation]: 'another' }],
  ])('a container of our name that is of %s is told of and left alone; when it goes ours comes', async (_, labels) => {
    const { world, daemon } = await live();
    await play(daemon, [main]);
    await daemon.settle();
    world.engine.reachable = false;
    await play(daemon, [apply('web')]);
    const web = daemon.get('Instance', 'web');
    const name = engineName({ namespace: 'default', name: 'web', uid: web?.metadata.uid ?? '' });
    occupy(world, 7070);
    const theirs = world.engine.named('theirs')!;
    Object.assign(theirs, { labels: { ...labels, [LABEL.uid]: web?.metadata.uid } });
    world.engine.rename(theirs.id, name);
    world.engine.reachable = true;
    await world.clock.advance(120_000);
    expect(readiness(daemon, 'Instance', 'web')).toMatchObject({ status: 'False', reason: 'NameTaken' });
    expect(world.engine.named(name)).toMatchObject({ id: theirs.id, state: 'running' });
    world.engine.remove(theirs.id);
    await daemon.settle(SLOWEST_MS);
    expect(isReady(daemon.get('Instance', 'web')!)).toBe(true);
    expect(await judge(world, daemon, { end: await picture(world), mutations: RETRIES, steady: false })).toEqual([]);
  });
});

describe('F13: processes that do not behave', () => {
  it('a crash loop is the Engine’s to restart: it is said, nothing is called, and the fixed one recovers', async () => {
    const { world, daemon } = await live();
    world.engine.processes.crashing.set('broken:1', { exitCode: 3, afterMs: 50 });
    await play(daemon, [main, apply('web', { image: 'broken:1' })]);
    await world.clock.advance(600_000);
    expect(readiness(daemon, 'Instance', 'web')).toMatchObject({ status: 'False', reason: 'CrashLoopBackOff' });
    expect(readiness(daemon, 'Instance', 'web').message).toMatch(/exit code 3/);
    const calls = world.mutations();
    await world.clock.advance(600_000);
    expect(world.mutations()).toBe(calls);
    expect([...untruths(world, daemon), ...orphans(world)]).toEqual([]);
    await play(daemon, [apply('web')]);
    await daemon.settle(SLOWEST_MS);
    expect(isReady(daemon.get('Instance', 'web')!)).toBe(true);
    expect([...untruths(world, daemon), ...(await unrest(world, daemon))]).toEqual([]);
  });

  it.each<[string, object]>([
    ['a command', { command: ['check'] }],
    ['an http', { http: { port: 80 } }],
  ])('%s check that flaps takes Ready away and gives it back, and nothing is replaced', async (_, check) => {
    const { world, daemon } = await live();
    let healthy = true;
    world.engine.processes.health = () => healthy;
    world.engine.probe = () => ({ healthy, detail: healthy ? 'answers' : 'does not answer' });
    const healthCheck = { ...check, interval: '1s', retries: 1 };
    await play(daemon, [main, apply('web', { healthCheck })]);
    await daemon.settle(5_000);
    const calls = world.mutations();
    for (let i = 0; i < 5; i++) {
      expect(readiness(daemon, 'Instance', 'web').status).toBe('True');
      healthy = false;
      await world.clock.advance(5_000);
      expect(readiness(daemon, 'Instance', 'web')).toMatchObject({ status: 'False', reason: 'Unhealthy' });
      healthy = true;
      await world.clock.advance(5_000);
    }
    expect(world.mutations()).toBe(calls);
    expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
  });

  it('restartOnUnhealthy restarts what stays sick later and later, and stops when it is well', async () => {
    const { world, daemon } = await live();
    let healthy = true;
    world.engine.probe = () => ({ healthy, detail: healthy ? 'answers' : 'does not answer' });
    const healthCheck = { http: { port: 80 }, interval: '1s', retries: 1, restartOnUnhealthy: true };
    await play(daemon, [main, apply('web', { healthCheck })]);
    await daemon.settle(5_000);
    const restarts = () => (daemon.get('Instance', 'web')?.status as InstanceStatus | undefined)?.healthRestarts?.count;
    healthy = false;
    await world.clock.advance(5_000);
    expect(restarts()).toBe(1);
    // 10, 20, 40, 80, 160 and 300 s apart.
    await world.clock.advance(600_000);
    expect(restarts()).toBe(6);
    expect(readiness(daemon, 'Instance', 'web').message).toContain(
      'does not answer; it was restarted for that 6 times',
    );
    healthy = true;
    await world.clock.advance(5_000);
    expect(readiness(daemon, 'Instance', 'web').status).toBe('True');
    expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
  });

  it('a check that never answers is pending for ever, and says so', async () => {
    const { world, daemon } = await live();
    world.engine.probe = () => ({ healthy: false, detail: 'no answer within 5 s' });
    await play(daemon, [main, apply('web', { healthCheck: { http: { port: 80 }, startPeriod: '24h' } })]);
    await world.clock.advance(600_000);
    expect(readiness(daemon, 'Instance', 'web')).toMatchObject({ status: 'False', reason: 'HealthCheckPending' });
    expect([...untruths(world, daemon), ...(await unrest(world, daemon))]).toEqual([]);
  });
});

describe('F3: a picture that stays in the past', () => {
  it('found: costs no hot loop of the same call, and is got over when it ends', async () => {
    const world = new World();
    const effects = new SideEffects();
    const daemon = await world.start(effects);
    onTestFinished(() => daemon.stop());
    await play(daemon, [main]);
    await daemon.settle();
    let end = () => {};
    effects.plan(3, ({ act, remember }) => {
      const past = remember();
      past.show();
      end = () => past.end();
      return act();
    });
    await play(daemon, [apply('web')]);
    await world.clock.advance(600_000);
    expect(effects.count).toBeGreaterThan(3);
    expect(world.mutations()).toBeLessThan(RETRIES);
    end();
    await daemon.settle(SLOWEST_MS);
    expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
    expect(isReady(daemon.get('Instance', 'web')!)).toBe(true);
  });
});
