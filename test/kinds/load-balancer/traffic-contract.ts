import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { TrafficSample } from '../../../src/kinds/load-balancer/metrics/traffic.ts';
import { TRAFFIC } from '../../../src/kinds/load-balancer/metrics/store.ts';
import type { TrafficStore } from '../../../src/kinds/load-balancer/metrics/traffic-store.ts';
import type { StoreSubject } from '../../store/subject.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const at = (ms: number) => new Date(NOW + ms);
const RETENTION = { samplesMs: 24 * HOUR, aggregatesMs: 30 * 24 * HOUR };

/** The promises of `TrafficStore`, for every implementation. */
export function trafficContract(fresh: () => Promise<StoreSubject>): void {
  const open = async (): Promise<TrafficStore> => (await (await fresh()).open()).beside(TRAFFIC);
  const sample = (lb: string, target: string, ms: number, more: Partial<TrafficSample> = {}): TrafficSample => ({
    loadBalancerId: lb,
    targetId: target,
    at: at(ms),
    requestRate: 10,
    failedRate: 0,
    errorRate: 0,
    ...more,
  });

  it('traffic: by target, in buckets; a latency counts for as much as was asked, and twice is once', async () => {
    const traffic = await open();
    const [lb, other, target] = [randomUUID(), randomUUID(), randomUUID()];
    await traffic.append([
      sample(lb, lb, 0, { requestRate: 10, latencyMs: 2 }),
      sample(lb, lb, 10_000, { requestRate: 30, latencyMs: 6, failedRate: 1, errorRate: 2 }),
      sample(lb, target, 0),
      sample(other, target, 0),
    ]);
    await traffic.append([sample(lb, lb, 0, { requestRate: 99 })]);
    await traffic.append([]);
    const buckets = await traffic.range(lb, at(0), at(MINUTE), 1);
    expect([...buckets.keys()].sort()).toEqual([lb, target].sort());
    expect(buckets.get(lb)).toEqual([
      { start: at(0), samples: 2, requestRate: 20, requestRateMax: 30, failedRate: 0.5, errorRate: 1, latencyMs: 5 },
    ]);
    expect(buckets.get(target)?.[0]).not.toHaveProperty('latencyMs');
    expect(await traffic.range(lb, at(HOUR), at(2 * HOUR), 5)).toEqual(new Map());
  });

  it('traffic: the roll-up changes nothing of what a long time shows, and pruning keeps it', async () => {
    const traffic = await open();
    const [lb, target] = [randomUUID(), randomUUID()];
    const series = Array.from({ length: 90 }, (_, i) =>
      sample(lb, target, i * 10_000, { requestRate: i, latencyMs: 4 }),
    );
    await traffic.append(series);
    const shown = async () => (await traffic.range(lb, at(0), at(7 * HOUR), 84)).get(target);
    const before = await shown();
    expect(before?.map((b) => [b.start.getTime() - NOW, b.samples, b.requestRateMax, b.latencyMs])).toEqual([
      [0, 30, 29, 4],
      [5 * MINUTE, 30, 59, 4],
      [10 * MINUTE, 30, 89, 4],
    ]);
    await traffic.rollUp(at(HOUR));
    await traffic.rollUp(at(HOUR));
    expect(await shown()).toEqual(before);
    await traffic.prune(at(25 * HOUR), RETENTION);
    expect(await shown()).toEqual(before);
    await traffic.prune(at(32 * 24 * HOUR), RETENTION);
    expect(await shown()).toBeUndefined();
  });
}
