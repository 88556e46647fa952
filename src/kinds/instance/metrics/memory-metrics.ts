import { BUCKET_MS, bucketOf, isCoarse, widthOf } from '../../../store/series.ts';
import type { SeriesRetention } from '../../../store/series.ts';
import type { MetricsBucket, MetricsStore } from './metrics-store.ts';
import { RATES } from './sample.ts';
import type { Rates, Sample } from './sample.ts';

/** Samples and aggregates in memory, by the same rules as in PostgreSQL. */
export class MemoryMetrics implements MetricsStore {
  /** By instance, then by time. */
  readonly #samples = new Map<string, Map<number, Sample>>();
  readonly #aggregates = new Map<string, Map<number, MetricsBucket>>();

  async append(samples: readonly Sample[]): Promise<void> {
    for (const sample of samples) {
      const known = inner(this.#samples, sample.instanceId);
      if (!known.has(sample.at.getTime())) known.set(sample.at.getTime(), sample);
    }
  }

  async range(
    instanceIds: readonly string[],
    since: Date,
    until: Date,
    points: number,
  ): Promise<ReadonlyMap<string, readonly MetricsBucket[]>> {
    const [from, to, width] = [since.getTime(), until.getTime(), widthOf(since, until, points)];
    const answer = new Map<string, readonly MetricsBucket[]>();
    for (const id of instanceIds) {
      const cut = isCoarse(width) ? this.#aggregatedTo(id, to) : this.#sampledFrom(id) - BUCKET_MS;
      const old = [...inner(this.#aggregates, id).values()].filter(({ start }) => start.getTime() < cut);
      const fresh = [...inner(this.#samples, id).values()].filter(({ at }) => at.getTime() >= cut);
      const all = [...old, ...fresh.map(asBucket)].filter((b) => b.start.getTime() >= from && b.start.getTime() < to);
      const buckets = grouped(all, (time) => from + Math.floor((time - from) / width) * width);
      if (buckets.length > 0) answer.set(id, buckets);
    }
    return answer;
  }

  async latest(instanceIds: readonly string[]): Promise<ReadonlyMap<string, Sample>> {
    const newest = (id: string) => [...inner(this.#samples, id).values()].toSorted(byTime).at(-1);
    return new Map(
      instanceIds.flatMap((id) => [newest(id)].flatMap((sample) => (sample ? [[id, sample] as const] : []))),
    );
  }

  async rollUp(now: Date): Promise<number> {
    const made = new Set<number>();
    for (const [id, samples] of this.#samples) {
      for (const bucket of grouped([...samples.values()].toSorted(byTime).map(asBucket), bucketOf)) {
        const start = bucket.start.getTime();
        const known = inner(this.#aggregates, id);
        if (start + BUCKET_MS > now.getTime()) continue;
        made.add(start);
        if ((known.get(start)?.samples ?? 0) < bucket.samples) known.set(start, bucket);
      }
    }
    return made.size;
  }

  async prune(now: Date, { samplesMs, aggregatesMs }: SeriesRetention): Promise<number> {
    const removed = (from: ReadonlyMap<string, Map<number, unknown>>, before: number): number => {
      let count = 0;
      for (const rows of from.values()) for (const time of rows.keys()) if (time < before && rows.delete(time)) count++;
      return count;
    };
    return removed(this.#samples, now.getTime() - samplesMs) + removed(this.#aggregates, now.getTime() - aggregatesMs);
  }

  #aggregatedTo(id: string, before: number): number {
    const starts = [...inner(this.#aggregates, id).keys()].filter((start) => start < before);
    return Math.max(...starts) + BUCKET_MS;
  }

  #sampledFrom(id: string): number {
    return Math.min(...inner(this.#samples, id).keys());
  }
}

function inner<T>(map: Map<string, Map<number, T>>, id: string): Map<number, T> {
  const known = map.get(id) ?? new Map<number, T>();
  map.set(id, known);
  return known;
}

const byTime = (a: Sample, b: Sample): number => a.at.getTime() - b.at.getTime();

const asBucket = ({ at, cpuPercent, memoryBytes, memoryLimitBytes, ...rates }: Sample): MetricsBucket => ({
  start: at,
  samples: 1,
  ...(cpuPercent !== undefined && { cpuPercentAvg: cpuPercent, cpuPercentMax: cpuPercent }),
  ...(memoryBytes !== undefined && { memoryBytesAvg: memoryBytes, memoryBytesMax: memoryBytes }),
  ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
  ...Object.fromEntries(RATES.flatMap((rate) => (rates[rate] === undefined ? [] : [[rate, rates[rate]]]))),
});

/** One bucket of all that have the same start by `startOf`. */
function grouped(buckets: readonly MetricsBucket[], startOf: (time: number) => number): MetricsBucket[] {
  const groups = new Map<number, MetricsBucket[]>();
  for (const bucket of buckets) {
    const start = startOf(bucket.start.getTime());
    groups.set(start, [...(groups.get(start) ?? []), bucket]);
  }
  return [...groups].toSorted(([a], [b]) => a - b).map(([start, of]) => together(new Date(start), of));
}

function together(start: Date, buckets: readonly MetricsBucket[]): MetricsBucket {
  type Value = Exclude<keyof MetricsBucket, 'start'>;
  const having = (name: Value) => buckets.filter((b) => b[name] !== undefined);
  const mean = (name: Value) => {
    const weight = having(name).reduce((sum, b) => sum + b.samples, 0);
    return having(name).reduce((sum, b) => sum + (b[name] ?? 0) * b.samples, 0) / weight;
  };
  const most = (name: Value) => Math.max(...having(name).map((b) => b[name] ?? 0));
  const value = (name: Value, of: (name: Value) => number) => having(name).length > 0 && { [name]: of(name) };
  const rates: readonly (keyof Rates)[] = RATES;
  return {
    start,
    samples: buckets.reduce((sum, b) => sum + b.samples, 0),
    ...value('cpuPercentAvg', mean),
    ...value('cpuPercentMax', most),
    ...value('memoryBytesAvg', mean),
    ...value('memoryBytesMax', most),
    ...value('memoryLimitBytes', most),
    ...Object.assign({}, ...rates.map((rate) => value(rate, mean))),
  };
}
