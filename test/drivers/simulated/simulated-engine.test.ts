import { describe, expect, it } from 'vitest';
import type { Change, Compute, ContainerSpec } from '../../../src/drivers/compute.ts';
import { createSimulatedCompute } from '../../../src/drivers/simulated/simulated-compute.ts';
import { SimulatedEngine } from '../../../src/drivers/simulated/simulated-engine.ts';
import { ManualClock } from '../../../src/proof/manual-clock.ts';

const network = {
  owner: { uid: 'vpc', kind: 'VPC', namespace: 'default', name: 'net', generation: 1 },
  name: 'net',
  cidrBlock: '10.213.0.0/16',
  gateway: '10.213.0.1',
  internal: false,
};

const spec = (n: number, networkId: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
  owner: { uid: `u${n}`, kind: 'Instance', namespace: 'default', name: `web-${n}`, generation: 1 },
  specHash: 'h',
  name: `web-${n}`,
  hostname: 'web',
  image: 'web:1',
  env: {},
  labels: {},
  ports: [],
  mounts: [],
  attachment: { networkId, address: `10.213.${1 + (n >> 8)}.${n & 255}`, aliases: [] },
  stopGraceMs: 0,
  logs: { maxBytes: 1, maxFiles: 1 },
  restart: 'unless-stopped',
  ...more,
});

async function world() {
  const clock = new ManualClock();
  const engine = new SimulatedEngine({ clock });
  const compute = createSimulatedCompute({ engine, installation: 'sim' });
  await compute.open();
  const changes: Change[] = [];
  compute.subscribe((change) => changes.push(change));
  const { id: networkId } = await compute.createNetwork(network);
  const start = async (n: number, more: Partial<ContainerSpec> = {}) => {
    const { id } = await compute.createContainer(spec(n, networkId, more));
    await compute.startContainer(id);
    return id;
  };
  return { clock, engine, compute, changes, start };
}

const seen = (compute: Compute, n: number) => {
  const containers = compute.containers(`u${n}`);
  return containers.state === 'present' ? containers.value[0] : undefined;
};

describe('SimulatedEngine', () => {
  it('keeps ten thousand containers, at a cost for each that does not grow', async () => {
    const { compute, start } = await world();
    const timed = async (from: number) => {
      const begun = performance.now();
      for (let n = from; n < from + 1_000; n++) await start(n);
      return performance.now() - begun;
    };
    const first = await timed(0);
    for (let n = 1_000; n < 9_000; n++) await start(n);
    const last = await timed(9_000);
    const everything = compute.everything();
    expect(everything.state === 'present' && everything.value.length).toBe(10_001);
    expect(last).toBeLessThan(first * 10 + 200);
  });

  it('F13: restarts a crashing image later each time, in the clock’s time', async () => {
    const { clock, engine, compute, start } = await world();
    engine.processes.crashing.set('web:1', { exitCode: 3, afterMs: 10 });
    await start(1);
    await clock.advance(10);
    expect(seen(compute, 1)).toMatchObject({ state: 'restarting', exitCode: 3 });
    await clock.advance(99);
    expect(seen(compute, 1)?.restarts).toBe(0);
    await clock.advance(1);
    expect(seen(compute, 1)).toMatchObject({ state: 'running', restarts: 1, exitCode: 3 });
    await clock.advance(10 + 199);
    expect(seen(compute, 1)).toMatchObject({ state: 'restarting', restarts: 1 });
    await clock.advance(1);
    expect(seen(compute, 1)).toMatchObject({ state: 'running', restarts: 2 });
  });

  it('F5: lost events are found by the relist', async () => {
    const { clock, engine, compute, changes, start } = await world();
    const [killed, removed] = [await start(1), await start(2)];
    engine.dropsEvents = true;
    engine.kill(killed);
    engine.remove(removed);
    await clock.advance(29_000);
    expect(seen(compute, 1)?.state).toBe('running');
    await clock.advance(1_000);
    expect(seen(compute, 1)?.state).toBe('exited');
    expect(compute.containers('u2').state).toBe('absent');
    expect(changes.map((change) => change.owner?.uid)).toEqual(['u1', 'u2']);
  });

  it('F2: a call takes the Engine’s time, and an outage that begins meanwhile refuses it', async () => {
    const { clock, engine, start } = await world();
    engine.latencyMs = 100;
    const call = expect(start(1)).rejects.toMatchObject({ reason: 'EngineUnavailable' });
    await clock.advance(50);
    engine.reachable = false;
    await clock.advance(50);
    await call;
  });

  it('outlives its driver', async () => {
    const { engine, compute, start } = await world();
    await start(1);
    await compute.close();
    const anew = createSimulatedCompute({ engine, installation: 'sim' });
    await anew.open();
    expect(seen(anew, 1)).toEqual(seen(compute, 1));
    const stranger = createSimulatedCompute({ engine, installation: 'other' });
    await stranger.open();
    expect(stranger.everything()).toEqual({ state: 'present', value: [] });
    expect(stranger.foreignRanges()).toEqual(['10.213.0.0/16']);
  });

  it('pulls what is only in a registry, with one pull for all who ask', async () => {
    const { clock, engine, compute, changes } = await world();
    engine.images.registry.set('far:1', { afterMs: 5_000 });
    expect(await compute.image('far:1')).toEqual({ state: 'absent' });
    const asked = Promise.all([1, 2].map((n) => compute.pullImage('far:1', spec(n, '').owner, 1_000)));
    await clock.advance(1_000);
    expect(await asked).toMatchObject([{ state: 'pulling' }, { state: 'pulling' }]);
    await clock.advance(4_000);
    expect(await compute.image('far:1')).toMatchObject({ state: 'present' });
    expect(changes.map((c) => [c.owner?.uid, c.what])).toEqual([
      ['u1', 'the pull of image far:1 has ended'],
      ['u2', 'the pull of image far:1 has ended'],
    ]);
  });

  it('is the same in every run', async () => {
    const run = async () => {
      const { clock, engine, compute, changes, start } = await world();
      engine.processes.crashing.set('bad:1', { exitCode: 1, afterMs: 5 });
      for (let n = 1; n <= 20; n++) await start(n, n % 3 === 0 ? { image: 'bad:1' } : {});
      await clock.advance(60_000);
      return { changes, everything: compute.everything(), three: compute.containers('u3') };
    };
    expect(await run()).toEqual(await run());
  });
});
