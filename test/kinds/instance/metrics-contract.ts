import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Sample } from '../../../src/kinds/instance/metrics/sample.ts';
import { METRICS } from '../../../src/kinds/instance/metrics/store.ts';
import type { MetricsStore } from '../../../src/kinds/instance/metrics/metrics-store.ts';
import type { StoreSubject } from '../../store/subject.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (ms: number) => new Date(NOW + ms);
const RETENTION = { samplesMs: 24 * HOUR, aggregatesMs: 30 * 24 * HOUR };

const sample = (instanceId: string, ms: number, more: Partial<Sample> = {}): Sample => ({
  instanceId,
  at: at(ms),
  cpuPercent: 10,
  memoryBytes: 1_000,
  ...more,
});

/** One sample each ten seconds, the cpu counting up. */
const series = (id: string, from: number, count: number): Sample[] =>
  Array.from({ length: count }, (_, i) => sample(id, from + i * 10_000, { cpuPercent: i }));

/** The promises of `MetricsStore`, for every implementation. */
export function metricsContract(fresh: () => Promise<StoreSubject>): void {
  const open = async (): Promise<MetricsStore> => (await (await fresh()).open()).beside(METRICS);
  const id = () => randomUUID();

  it('metrics: a sample is told as it was, what was not known is not told, and twice is once', async () => {
    const metrics = await open();
    const [a, b] = [id(), id()];
    const full = sample(a, 0, {
      memoryLimitBytes: 2_000,
      networkReceiveRate: 1.5,
      networkSendRate: 0,
      blockReadRate: 3,
      blockWriteRate: 4,
    });
    const bare: Sample = { instanceId: b, at: at(0), memoryBytes: 7 };
    await metrics.append([full, bare]);
    await metrics.append([full, sample(a, -10_000)]);
    expect(await metrics.latest([a, b, id()])).toEqual(
      new Map([
        [a, full],
        [b, bare],
      ]),
    );
    const buckets = await metrics.range([a, b], at(-5), at(5), 2);
    expect(buckets.get(a)?.map((bucket) => bucket.samples)).toEqual([1]);
    expect(buckets.get(b)).toEqual([{ start: at(0), samples: 1, memoryBytesAvg: 7, memoryBytesMax: 7 }]);
    await metrics.append([]);
  });

  it('metrics: a range is at most so many buckets of one width, from its beginning and without its end', async () => {
    const metrics = await open();
    const a = id();
    await metrics.append(series(a, 0, 61));
    const buckets = (await metrics.range([a], at(0), at(10 * MINUTE), 5)).get(a);
    expect(buckets?.map((b) => b.start)).toEqual([0, 2, 4, 6, 8].map((m) => at(m * MINUTE)));
    expect(buckets?.map((b) => [b.samples, b.cpuPercentAvg, b.cpuPercentMax])).toEqual(
      [0, 1, 2, 3, 4].map((k) => [12, k * 12 + 5.5, k * 12 + 11]),
    );
    for (const points of [1, 7, 60, 1_000])
      expect((await metrics.range([a], at(0), at(10 * MINUTE), points)).get(a)?.length).toBeLessThanOrEqual(points);
    expect((await metrics.range([a], at(HOUR), at(2 * HOUR), 5)).get(a)).toBeUndefined();
  });

  it('metrics: the roll-up is the same however often it runs, and a late sample is in it', async () => {
    const metrics = await open();
    const a = id();
    await metrics.append(series(a, 0, 65));
    const rolledAt = at(10 * MINUTE + 50_000);
    const coarse = async () => (await metrics.range([a], at(0), at(50 * MINUTE), 10)).get(a);
    const before = await coarse();
    expect(before?.map((b) => [b.samples, b.cpuPercentAvg, b.cpuPercentMax])).toEqual([
      [30, 14.5, 29],
      [30, 44.5, 59],
      [5, 62, 64],
    ]);
    expect(await metrics.rollUp(rolledAt)).toBe(2);
    expect(await coarse()).toEqual(before);
    await metrics.rollUp(rolledAt);
    expect(await coarse()).toEqual(before);
    await metrics.append([sample(a, 5 * MINUTE + 1, { cpuPercent: 44.5 })]);
    await metrics.rollUp(rolledAt);
    expect((await coarse())?.map((b) => b.samples)).toEqual([30, 31, 5]);
  });

  it('metrics: after a downtime the roll-up makes what is missing, and pruning keeps the aggregates of what it removes', async () => {
    const metrics = await open();
    const a = id();
    for (const hours of [0, 1, 7]) await metrics.append(series(a, hours * HOUR, 30));
    await metrics.rollUp(at(8 * HOUR));
    const later = at(25 * HOUR);
    await metrics.append(series(a, 24 * HOUR, 30));
    await metrics.rollUp(later);
    expect(await metrics.prune(later, RETENTION)).toBeGreaterThanOrEqual(30);
    // Some of the samples of the second hour's bucket are gone by now: what it was stays.
    await metrics.prune(at(25 * HOUR + 2 * MINUTE), RETENTION);
    await metrics.rollUp(later);
    const buckets = (await metrics.range([a], at(0), at(25 * HOUR), 25)).get(a);
    expect(buckets?.map((b) => [b.start.getTime() - NOW, b.samples])).toEqual([0, 1, 7, 24].map((h) => [h * HOUR, 30]));
    const fine = (await metrics.range([a], at(0), at(5 * HOUR), 100)).get(a);
    expect(fine?.map((b) => b.samples)).toEqual([30, 6, 12]);
    await metrics.prune(at(32 * 24 * HOUR), RETENTION);
    expect((await metrics.range([a], at(0), later, 25)).get(a)).toBeUndefined();
    expect(await metrics.latest([a])).toEqual(new Map());
  });

  it('metrics: of a long time no more is told than the aggregates have', async () => {
    const metrics = await open();
    const a = id();
    await metrics.append(series(a, 0, 90));
    await metrics.rollUp(at(HOUR));
    const buckets = (await metrics.range([a], at(0), at(7 * HOUR), 240)).get(a);
    expect(buckets?.map((b) => [b.start.getTime() - NOW, b.samples])).toEqual([0, 5, 10].map((m) => [m * MINUTE, 30]));
  });

  it('metrics: pruning ends when all is gone, however much it is', async () => {
    const metrics = await open();
    const a = id();
    await metrics.append(series(a, 0, 12_000));
    expect(await metrics.prune(at(12_000 * 10_000 + 24 * HOUR - 5_000), RETENTION)).toBe(12_000);
    expect(await metrics.latest([a])).toEqual(new Map());
  });

  it('metrics: they take no revision and wake no watcher', async () => {
    const store = await (await fresh()).open();
    const { revision } = await store.current();
    const end = new AbortController();
    let woken = 0;
    const watching = (async () => {
      for await (const changes of store.watchResources(revision, end.signal)) woken += changes.length;
    })();
    await store.beside(METRICS).append(series(id(), 0, 5));
    await store.beside(METRICS).rollUp(at(HOUR));
    expect((await store.current()).revision).toBe(revision);
    end.abort();
    await watching.catch(() => undefined);
    expect(woken).toBe(0);
  });
}
