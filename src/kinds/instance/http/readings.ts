import type { Resource } from '../../../api/metadata.ts';
import type { Sample } from '../metrics/sample.ts';
import type { Sampler } from '../metrics/sampler.ts';
import { HISTORY_POINTS } from '../metrics/short-history.ts';
import type { HistoryPoint } from '../metrics/short-history.ts';
import type { MetricsBucket } from '../metrics/metrics-store.ts';
import { METRICS } from '../metrics/store.ts';
import type { ApiContext } from '../../../http/context.ts';
import { USUAL_INTERVAL_MS } from '../../../http/metrics-window.ts';

const STALE_INTERVALS = 3;

export interface SampledContext extends ApiContext {
  /** Left out where instances are not sampled. */
  sampler: Sampler | undefined;
}

/** What an instance uses now, and its last few minutes. */
export interface Reading {
  sample: Sample;
  window: { since: Date; until: Date; seconds: number; buckets: readonly MetricsBucket[] };
}

/**
 * By uid, of those that were sampled lately: out of the leader's memory, and of the store's on a daemon that stands by,
 * which knows them a moment later.
 */
export async function readingsOf(
  context: Pick<SampledContext, 'sampler' | 'leader' | 'store' | 'clock'>,
  instances: readonly Resource[],
): Promise<ReadonlyMap<string, Reading>> {
  const uids = instances.map(({ metadata }) => metadata.uid);
  return context.sampler && context.leader.isLeading()
    ? fromMemory(context.sampler, context.clock.now(), uids)
    : fromStore(context, uids);
}

/** Milliseconds between two samples. */
export const intervalOf = ({ sampler }: Pick<SampledContext, 'sampler'>): number =>
  sampler?.intervalMs ?? USUAL_INTERVAL_MS;

function fromMemory(sampler: Sampler, until: Date, uids: readonly string[]): ReadonlyMap<string, Reading> {
  const since = new Date(until.getTime() - sampler.intervalMs * HISTORY_POINTS);
  const seconds = sampler.intervalMs / 1_000;
  const readings = new Map<string, Reading>();
  for (const uid of uids) {
    const recent = sampler.recent(uid);
    if (!recent) continue;
    const { ageMs: _age, ...sample } = recent;
    readings.set(uid, { sample, window: { since, until, seconds, buckets: sampler.history(uid).map(asBucket) } });
  }
  return readings;
}

const asBucket = ({ at, cpuPercent, memoryBytes }: HistoryPoint): MetricsBucket => ({
  start: at,
  samples: 1,
  ...(cpuPercent !== undefined && { cpuPercentAvg: cpuPercent }),
  ...(memoryBytes !== undefined && { memoryBytesAvg: memoryBytes }),
});

async function fromStore(
  { sampler, store, clock }: Pick<SampledContext, 'sampler' | 'store' | 'clock'>,
  uids: readonly string[],
): Promise<ReadonlyMap<string, Reading>> {
  const intervalMs = intervalOf({ sampler });
  const until = clock.now();
  const since = new Date(until.getTime() - intervalMs * HISTORY_POINTS);
  const [latest, ranges] = await Promise.all([
    store.beside(METRICS).latest(uids),
    store.beside(METRICS).range(uids, since, until, HISTORY_POINTS),
  ]);
  const oldest = until.getTime() - STALE_INTERVALS * intervalMs;
  return new Map(
    [...latest]
      .filter(([, { at }]) => at.getTime() >= oldest)
      .map(([uid, sample]) => [
        uid,
        { sample, window: { since, until, seconds: intervalMs / 1_000, buckets: ranges.get(uid) ?? [] } },
      ]),
  );
}
