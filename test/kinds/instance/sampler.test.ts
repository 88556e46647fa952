import { METRICS } from '../../../src/kinds/instance/metrics/store.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { present } from '../../../src/base/observed.ts';
import type { Sample } from '../../../src/kinds/instance/metrics/sample.ts';
import { sampleOf } from '../../../src/kinds/instance/metrics/rates.ts';
import { Sampler } from '../../../src/kinds/instance/metrics/sampler.ts';
import type { InstanceRuntime } from '../../../src/kinds/instance/runtime.ts';
import { ShortHistory } from '../../../src/kinds/instance/metrics/short-history.ts';
import { Thresholds } from '../../../src/kinds/instance/thresholds.ts';
import type { Container } from '../../../src/drivers/compute.ts';
import type { Usage } from '../../../src/drivers/metering.ts';
import { breathe, ManualClock } from '../../../src/proof/manual-clock.ts';
import { unrest } from '../../../src/proof/oracles.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

const INTERVAL = 10_000;
const MIB = 2 ** 20;

const vpc = { kind: 'VPC', metadata: { name: 'main' }, spec: {} };
const instance = (name: string, resources: object = {}) => ({
  kind: 'Instance',
  metadata: { name },
  spec: { image: 'app:1', vpc: 'main', resources },
});

async function start(resources: object = {}): Promise<{ world: World; daemon: WorldDaemon; uid: string }> {
  const world = new World({ metricsIntervalMs: INTERVAL });
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  await daemon.apply(vpc);
  const { uid } = (await daemon.apply(instance('web', resources))).metadata;
  await daemon.settle();
  return { world, daemon, uid };
}

const samplerOf = (daemon: WorldDaemon) => (daemon.runtimes.get('Instance') as InstanceRuntime).sampler;
const only = (world: World) => [...world.engine.containers.values()][0]!;
const eventsOf = async (daemon: WorldDaemon) =>
  (await daemon.store.events({ kind: 'Instance', limit: 100 })).items
    .map(({ record }) => record)
    .filter(({ reason }) => /Cpu|Memory/.test(reason));

describe('the sampler, over the simulated Engine', () => {
  it('samples what runs, in percent of its limit, and keeps it in the store and in memory', async () => {
    const { world, daemon, uid } = await start({ cpus: 0.5, memory: '64Mi' });
    world.meter.load = () => ({ cpuCores: 0.2, memoryBytes: 16 * MIB, networkReceive: 100, blockWrite: 5 });
    await world.clock.advance(3 * INTERVAL);
    const recent = samplerOf(daemon)?.recent(uid);
    expect(recent).toMatchObject({ memoryBytes: 16 * MIB, memoryLimitBytes: 64 * MIB });
    expect(recent?.cpuPercent).toBeCloseTo(40);
    expect(recent?.networkReceiveRate).toBeCloseTo(100);
    expect(recent?.ageMs).toBeLessThan(INTERVAL);
    const kept = (await daemon.store.beside(METRICS).latest([uid])).get(uid);
    expect({ ...kept, ageMs: recent?.ageMs }).toEqual(recent);
    expect(samplerOf(daemon)?.history(uid).at(-1)?.cpuPercent).toBeCloseTo(40);
  });

  it('I2: sampling is no commit and no change', async () => {
    const { world, daemon } = await start();
    expect(await unrest(world, daemon)).toEqual([]);
  });

  it('a new process begins anew: its first sample has no rates, and none is negative', async () => {
    const { world, daemon, uid } = await start();
    world.meter.load = () => ({ cpuCores: 1, memoryBytes: MIB, networkSend: 1_000 });
    await world.clock.advance(5 * INTERVAL);
    expect(samplerOf(daemon)?.recent(uid)?.cpuPercent).toBeCloseTo(100);
    world.engine.crash(only(world).id);
    await world.clock.advance(INTERVAL);
    expect(samplerOf(daemon)?.recent(uid)).not.toHaveProperty('cpuPercent');
    await world.clock.advance(INTERVAL);
    expect(samplerOf(daemon)?.recent(uid)?.cpuPercent).toBeCloseTo(100);
    const all =
      (await daemon.store.beside(METRICS).range([uid], new Date(0), world.clock.now(), 10_000_000)).get(uid) ?? [];
    expect(all.filter((b) => (b.cpuPercentAvg ?? 0) < 0 || (b.networkSendRate ?? 0) < 0)).toEqual([]);
  });

  it('what cannot be read is missing, and stale after three intervals; what is stopped is forgotten', async () => {
    const { world, daemon, uid } = await start();
    await world.clock.advance(INTERVAL);
    world.meter.isBlind = true;
    await world.clock.advance(2 * INTERVAL);
    expect(samplerOf(daemon)?.recent(uid)?.ageMs).toBeGreaterThanOrEqual(2 * INTERVAL);
    await world.clock.advance(2 * INTERVAL);
    expect(samplerOf(daemon)?.recent(uid)).toBeUndefined();
    world.meter.isBlind = false;
    await world.clock.advance(INTERVAL);
    expect(samplerOf(daemon)?.recent(uid)).toBeDefined();
    await daemon.apply({ ...instance('web'), spec: { ...instance('web').spec, powerState: 'Stopped' } as never });
    await daemon.settle();
    await world.clock.advance(INTERVAL);
    expect(samplerOf(daemon)?.history(uid)).toEqual([]);
  });

  it('an outage of the Engine takes nothing away that is known (I4)', async () => {
    const { world, daemon, uid } = await start();
    await world.clock.advance(2 * INTERVAL);
    const before = samplerOf(daemon)?.history(uid).length;
    world.engine.reachable = false;
    await world.clock.advance(INTERVAL);
    expect(samplerOf(daemon)?.history(uid)).toHaveLength(before!);
    world.engine.reachable = true;
  });

  it('tells a limit that is nearly reached once, and when it is over', async () => {
    const { world, daemon } = await start({ cpus: 1, memory: '64Mi' });
    world.meter.load = () => ({ cpuCores: 0.95, memoryBytes: 60 * MIB });
    await world.clock.advance(2 * INTERVAL);
    expect(await eventsOf(daemon)).toEqual([]);
    await world.clock.advance(10 * INTERVAL);
    expect((await eventsOf(daemon)).map((e) => [e.type, e.reason])).toEqual([['Warning', 'HighMemory']]);
    await world.clock.advance(300_000);
    expect((await eventsOf(daemon)).map((e) => e.reason)).toEqual(['HighMemory', 'HighCpu']);
    world.meter.load = () => ({ cpuCores: 0.5, memoryBytes: 60 * MIB });
    await world.clock.advance(600_000);
    world.meter.load = () => ({ cpuCores: 0.99, memoryBytes: 60 * MIB });
    await world.clock.advance(600_000);
    const [memory, cpu, normal] = (await eventsOf(daemon)).toSorted((a, b) => a.firstSeen.localeCompare(b.firstSeen));
    expect(cpu).toMatchObject({ reason: 'HighCpu', count: 2 });
    expect(cpu?.message).toContain('cpu is at or above 90 % of its limit (1 cores)');
    expect(memory).toMatchObject({ reason: 'HighMemory', count: 1 });
    expect(memory?.message).toContain('(64Mi)');
    expect(normal).toMatchObject({ type: 'Normal', reason: 'CpuNormal', count: 1 });
  });
});

describe('the sampler and a database that does not keep up', () => {
  const container = { id: 'c', state: 'running', startedAt: new Date(0) } as unknown as Container;
  const web = { kind: 'Instance', metadata: { uid: 'u', name: 'web', namespace: 'default' } };
  const usage = (clock: ManualClock): Usage => ({
    cpuNanoseconds: 0,
    memoryBytes: 1,
    at: clock.now(),
    monotonicMs: clock.monotonic(),
  });

  async function sampling(append: (samples: readonly Sample[]) => Promise<void>) {
    const clock = new ManualClock();
    const end = new AbortController();
    const view = { list: () => [web], byUid: () => web } as never;
    const sampler = new Sampler({
      meter: { read: async () => new Map([['c', usage(clock)]]), close: async () => undefined },
      intervalMs: INTERVAL,
      compute: { containers: () => present([container]) },
      view,
      append,
      commit: async () => undefined,
      clock,
      log: silentLog,
    });
    const run = sampler.run({ epoch: 1, signal: end.signal });
    onTestFinished(async () => {
      end.abort();
      await run;
    });
    await breathe();
    return { clock, sampler };
  }

  it('one batch is on its way at most, and the next is sampled in time', async () => {
    let calls = 0;
    let finish = () => {};
    const { clock, sampler } = await sampling(() => {
      calls++;
      return new Promise((resolve) => (finish = resolve));
    });
    await clock.advance(20 * INTERVAL);
    expect(calls).toBe(1);
    expect(sampler.recent('u')?.ageMs).toBe(0);
    finish();
    await clock.advance(INTERVAL);
    expect(calls).toBe(2);
  });

  it('a term ends though the Engine does not answer', async () => {
    const end = new AbortController();
    const clock = new ManualClock();
    const sampler = new Sampler({
      meter: { read: () => new Promise(() => undefined), close: async () => undefined },
      intervalMs: INTERVAL,
      compute: { containers: () => present([container]) },
      view: { list: () => [web], byUid: () => web } as never,
      append: async () => undefined,
      commit: async () => undefined,
      clock,
      log: silentLog,
    });
    const run = sampler.run({ epoch: 1, signal: end.signal });
    await breathe();
    end.abort();
    await run;
    expect(sampler.recent('u')).toBeUndefined();
  });

  it('one that fails is lost, and the next is tried', async () => {
    let calls = 0;
    const { clock, sampler } = await sampling(async () => {
      calls++;
      throw new Error('the database is away');
    });
    await clock.advance(5 * INTERVAL);
    expect(calls).toBe(6);
    expect(sampler.recent('u')).toBeDefined();
  });
});

describe('rates of two readings', () => {
  const at = (seconds: number, more: Partial<Usage> = {}): Usage => ({
    cpuNanoseconds: 1e9,
    memoryBytes: 100,
    at: new Date(seconds * 1_000),
    monotonicMs: seconds * 1_000,
    ...more,
  });

  it.each<[string, Usage, Usage | undefined, object, object]>([
    ['the first', at(10), undefined, {}, {}],
    ['half a core', at(20, { cpuNanoseconds: 6e9 }), at(10), {}, { cpuPercent: 50 }],
    ['half a core of two', at(20, { cpuNanoseconds: 6e9 }), at(10), { cpus: 2 }, { cpuPercent: 25 }],
    ['two cores without a limit', at(11, { cpuNanoseconds: 3e9 }), at(10), {}, { cpuPercent: 200 }],
    ['a new process', at(20, { cpuNanoseconds: 5, networkSentBytes: 9 }), at(10, { networkSentBytes: 1 }), {}, {}],
    ['a counter that fell', at(20, { blockReadBytes: 1 }), at(10, { blockReadBytes: 2 }), {}, { cpuPercent: 0 }],
    ['no time between', at(10, { cpuNanoseconds: 2e9 }), at(10), {}, {}],
    [
      'bytes',
      at(20, { networkReceivedBytes: 50, networkSentBytes: 5, blockReadBytes: 1, blockWrittenBytes: 10 }),
      at(10, { networkReceivedBytes: 0, networkSentBytes: 5, blockWrittenBytes: 0 }),
      {},
      { cpuPercent: 0, networkReceiveRate: 5, networkSendRate: 0, blockWriteRate: 1 },
    ],
  ])('%s', (_what, now, before, limits, expected) => {
    expect(sampleOf('u', now, before, limits)).toEqual({ instanceId: 'u', at: now.at, memoryBytes: 100, ...expected });
  });
});

describe('thresholds', () => {
  const crossings = (percents: readonly (number | undefined)[], stepMs = 10_000) => {
    const thresholds = new Thresholds();
    return percents.flatMap((cpu, i) => {
      const crossing = thresholds.judge('u', { cpu, memory: undefined }, i * stepMs);
      return crossing ? [[i, crossing.isHigh]] : [];
    });
  };

  it.each<[string, (number | undefined)[], number, [number, boolean][]]>([
    ['three in a row', [95, 95, 95, 95], 10_000, [[2, true]]],
    ['a pause between', [95, 95, 10, 95, 95, 95], 10_000, [[5, true]]],
    ['one that is missing between', [95, 95, undefined, 95, 95], 10_000, []],
    ['at the very limit', [90, 90, 90], 10_000, [[2, true]]],
    ['between both', [95, 95, 95, 85, 85, 85], 300_000, [[2, true]]],
    [
      'over',
      [95, 95, 95, 79],
      300_000,
      [
        [2, true],
        [3, false],
      ],
    ],
    ['over too soon', [95, 95, 95, 10, 10, 10], 60_000, [[2, true]]],
    [
      'up and down',
      [95, 95, 95, 10, 95, 95, 95, 10, 10],
      60_000,
      [
        [2, true],
        [7, false],
      ],
    ],
  ])('%s', (_what, percents, stepMs, expected) => {
    expect(crossings(percents, stepMs)).toEqual(expected);
  });
});

it('a short history keeps the newest, in order', () => {
  const history = new ShortHistory();
  expect(history.points()).toEqual([]);
  for (let i = 0; i < 50; i++) history.push({ instanceId: 'u', at: new Date(i), cpuPercent: i });
  const points = history.points();
  expect(points).toHaveLength(20);
  expect([points[0], points.at(-1)]).toEqual([
    { at: new Date(30), cpuPercent: 30 },
    { at: new Date(49), cpuPercent: 49 },
  ]);
});
