import { describe, expect, it, onTestFinished } from 'vitest';
import { findCondition, isReady } from '../../../src/api/metadata.ts';
import { LABEL } from '../../../src/drivers/labels.ts';
import type { SimulatedContainer } from '../../../src/drivers/simulated/objects.ts';
import { withTunnelTimeout } from '../../../src/kinds/load-balancer/admission.ts';
import { proxyConfigOf } from '../../../src/kinds/load-balancer/proxy-config.ts';
import type { LoadBalancer } from '../../../src/kinds/load-balancer/types.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { balancer, instance } from './support.ts';

/** A load balancer with two targets, and a client that opens web sockets to one of them. */
async function served(spec: object = {}) {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  for (const document of [instance('a'), instance('b'), balancer(spec)]) await daemon.apply(document);
  await daemon.settle(10_000);
  const containerOf = (kind: string, name: string): SimulatedContainer => {
    const status = daemon.get(kind, name)?.status as { containerName?: string } | undefined;
    return world.engine.named(status?.containerName ?? '')!;
  };
  const proxy = () => world.engine.proxies.of(containerOf('LoadBalancer', 'front').id);
  const serverOf = (name: string) =>
    proxy()
      .state('')
      .servers.find((s) => s.server.startsWith(`${name}-`));
  const open = (name: string, count = 1) => proxy().open(serverOf(name)!, count);
  const sessionsOf = (name: string) => serverOf(name)?.sessions;
  let edits = 0;
  const edit = async (more: object = {}) => {
    await daemon.apply(balancer({ ...spec, idleTimeout: `${60 + ++edits}s`, ...more }));
    await daemon.settle(2_000);
  };
  return { world, daemon, containerOf, proxy, open, sessionsOf, edit };
}

const CHECK = { interval: '2s', timeout: '2s', healthyThreshold: 2, unhealthyThreshold: 2, expectedStatus: 200 };

const now = (daemon: WorldDaemon) => daemon.get('LoadBalancer', 'front') as LoadBalancer;
const messageOf = (daemon: WorldDaemon) => findCondition(now(daemon), 'Ready')?.message;

describe('sessions of targets that stay', () => {
  it('live on over any number of edits, past deregistrationDelay, until tunnelTimeout', async () => {
    const { world, daemon, open, sessionsOf, edit } = await served({ tunnelTimeout: '2h' });
    open('a', 3);
    for (let times = 0; times < 6; times++) await edit();
    await world.clock.advance(5_400_000);
    expect([sessionsOf('a'), isReady(now(daemon))]).toEqual([3, true]);
    expect(now(daemon).status?.lastChange).toMatchObject({ failedRequests: 0, cutSessions: 0 });
    await world.clock.advance(2_000_000);
    expect(sessionsOf('a')).toBe(0);
  });

  it('of more than four configurations of before are cut, the oldest first, and that is said and counted', async () => {
    const { daemon, proxy, open, sessionsOf, edit } = await served();
    for (let sessions = 1; sessions <= 4; sessions++) {
      open('a', sessions);
      await edit();
    }
    expect(
      proxy()
        .state('')
        .oldWorkers?.map((worker) => worker.sessions),
    ).toEqual([1, 2, 3, 4]);
    open('a', 5);
    await edit();
    expect(
      proxy()
        .state('')
        .oldWorkers?.map((worker) => worker.sessions),
    ).toEqual([2, 3, 4, 5]);
    expect(now(daemon).status?.lastChange).toMatchObject({ failedRequests: 0, cutSessions: 1 });
    expect(messageOf(daemon)).toContain('0 requests failed and 1 session was cut during the last change');
    await edit();
    expect(sessionsOf('a')).toBe(12);
    expect(now(daemon).status?.lastChange).toMatchObject({ cutSessions: 2 });
    const { items } = await daemon.store.log({ kind: 'LoadBalancer', limit: 50 });
    expect(JSON.stringify(items)).toContain('end the 2 sessions of an old configuration');
  });

  it('in a container of before, whose old workers cannot be asked, have deregistrationDelay as they had', async () => {
    const { world, daemon, containerOf, proxy, open, sessionsOf } = await served();
    const { id, labels } = containerOf('LoadBalancer', 'front');
    (labels as Record<string, string>)[LABEL.specHash] = labels[LABEL.specHash]!.replace(' master', '');
    await daemon.stop();
    const again = await world.start();
    onTestFinished(() => again.stop());
    await again.settle(10_000);
    expect(world.engine.proxies.stored(id)?.drainMs).toBe(10_000);
    expect([containerOf('LoadBalancer', 'front').id, isReady(now(again))]).toEqual([id, true]);
    open('a');
    await again.apply(balancer({ maxConnections: 9 }));
    await world.clock.advance(9_000);
    expect(sessionsOf('a')).toBe(1);
    await world.clock.advance(3_000);
    expect([sessionsOf('a'), proxy().state('').oldWorkers]).toEqual([0, []]);
  });
});

describe('sessions of a target that leaves (I12)', () => {
  it('keep it from stopping when they are of before an edit too', async () => {
    const { world, daemon, containerOf, open, edit } = await served();
    open('a');
    await edit();
    await world.clock.advance(60_000);
    const { id } = containerOf('Instance', 'a');
    await daemon.delete('Instance/default/a');
    await world.clock.advance(8_000);
    expect(world.engine.containers.get(id)?.state).toBe('running');
    open('a', -1);
    await daemon.settle(5_000);
    expect(world.engine.containers.has(id)).toBe(false);
    expect(now(daemon).status?.lastChange).toMatchObject({ cutSessions: 0 });
  });

  it('are cut after deregistrationDelay, those of before an edit too, and counted', async () => {
    const { world, daemon, containerOf, proxy, open, edit } = await served();
    open('a', 2);
    open('b', 1);
    await edit();
    open('a', 3);
    const { id } = containerOf('Instance', 'a');
    await daemon.delete('Instance/default/a');
    await world.clock.advance(9_000);
    expect(world.engine.containers.get(id)?.state).toBe('running');
    await daemon.settle(15_000);
    expect(world.engine.containers.has(id)).toBe(false);
    expect(
      proxy()
        .state('')
        .servers.map((s) => s.sessions),
    ).toEqual([1]);
    expect(now(daemon).status?.lastChange).toMatchObject({ cutSessions: 5 });
    expect(messageOf(daemon)).toContain('and 5 sessions were cut');
  });
});

describe('tunnelTimeout', () => {
  it('is an hour, but for what was stored before there was one: that goes on without until it is set', () => {
    const { metadata, spec } = balancer();
    const stored = { ...withTunnelTimeout({ metadata, spec } as never, undefined) };
    expect(stored.spec.tunnelTimeout).toBe('1h');
    const { tunnelTimeout: _, ...before } = stored.spec;
    const older = { ...stored, spec: before } as LoadBalancer;
    expect(withTunnelTimeout(older, older)).toBe(older);
    expect(withTunnelTimeout(stored, older).spec.tunnelTimeout).toBe('1h');
    expect(withTunnelTimeout(older, stored).spec.tunnelTimeout).toBe('1h');
    const drained = (lb: LoadBalancer) => proxyConfigOf(lb, [], true);
    const usual = { idleTimeout: '60s', algorithm: 'roundRobin', type: 'HTTP', rules: [], healthCheck: CHECK };
    const whole = (more: object) => ({ ...older, spec: { ...older.spec, ...usual, ...more } }) as LoadBalancer;
    expect(drained(whole({}))).toMatchObject({ tunnelTimeoutMs: 60_000, drainMs: 10_000 });
    expect(drained(whole({ tunnelTimeout: '2h' }))).toMatchObject({ tunnelTimeoutMs: 7_200_000, drainMs: 7_200_000 });
  });

  it.each([
    ['8d', 'must be at most 168h'],
    ['0s', 'must be longer than 0'],
  ])('%s is refused', async (tunnelTimeout, words) => {
    const { daemon } = await served();
    await expect(daemon.apply(balancer({ tunnelTimeout }))).rejects.toThrow(words);
  });
});
