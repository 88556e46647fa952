import { grouped } from '../../../base/grouped.ts';
import { widthOf } from '../../../store/series.ts';
import type { SeriesRetention } from '../../../store/series.ts';
import type { TrafficBucket, TrafficStore } from './traffic-store.ts';
import type { TrafficSample } from './traffic.ts';

/** Samples in memory, where none is ever too many: they are not rolled up, and are told as if they were. */
export class MemoryTraffic implements TrafficStore {
  #samples: TrafficSample[] = [];

  async append(samples: readonly TrafficSample[]): Promise<void> {
    const keys = new Set(this.#samples.map(keyOf));
    this.#samples.push(...samples.filter((sample) => !keys.has(keyOf(sample))));
  }

  async range(
    loadBalancerId: string,
    since: Date,
    until: Date,
    points: number,
  ): Promise<ReadonlyMap<string, readonly TrafficBucket[]>> {
    const width = widthOf(since, until, points);
    const wanted = this.#samples
      .filter((s) => s.loadBalancerId === loadBalancerId && s.at >= since && s.at < until)
      .toSorted((a, b) => a.at.getTime() - b.at.getTime());
    const answer = new Map<string, TrafficBucket[]>();
    for (const [id, samples] of grouped(wanted, (s) => s.targetId)) {
      const startOf = ({ at }: TrafficSample) =>
        since.getTime() + Math.floor((at.getTime() - since.getTime()) / width) * width;
      answer.set(
        id,
        [...grouped(samples, startOf)].map(([start, all]) => bucketOf(new Date(start), all)),
      );
    }
    return answer;
  }

  async rollUp(): Promise<number> {
    return 0;
  }

  async prune(now: Date, { aggregatesMs }: SeriesRetention): Promise<number> {
    const before = this.#samples.length;
    this.#samples = this.#samples.filter(({ at }) => at.getTime() >= now.getTime() - aggregatesMs);
    return before - this.#samples.length;
  }
}

const keyOf = (s: TrafficSample): string => `${s.loadBalancerId} ${s.targetId} ${s.at.getTime()}`;

function bucketOf(start: Date, samples: readonly TrafficSample[]): TrafficBucket {
  const mean = (value: (s: TrafficSample) => number) => samples.reduce((sum, s) => sum + value(s), 0) / samples.length;
  const asked = samples.filter((s) => s.latencyMs !== undefined && s.requestRate > 0);
  const requests = asked.reduce((sum, s) => sum + s.requestRate, 0);
  return {
    start,
    samples: samples.length,
    requestRate: mean((s) => s.requestRate),
    requestRateMax: Math.max(...samples.map((s) => s.requestRate)),
    failedRate: mean((s) => s.failedRate),
    errorRate: mean((s) => s.errorRate),
    ...(requests > 0 && {
      latencyMs: asked.reduce((sum, s) => sum + (s.latencyMs ?? 0) * s.requestRate, 0) / requests,
    }),
  };
}
