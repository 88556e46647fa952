import type { SeriesRetention } from '../../../store/series.ts';
import type { Rates, Sample } from './sample.ts';

/**
 * What instances used. Its writes are not the quiet world's: they take no revision, hold no lock that a commit
 * waits for, and wake nobody. What was appended twice is there once.
 */
export interface MetricsStore {
  /** One statement, however many there are. */
  append(samples: readonly Sample[]): Promise<void>;
  /**
   * By instance, from `since` up to and without `until`, at most `points` buckets of one width, the oldest first; those
   * of which nothing is known are left out. Raw samples where they are kept and fine enough, else the aggregates.
   */
  range(
    instanceIds: readonly string[],
    since: Date,
    until: Date,
    points: number,
  ): Promise<ReadonlyMap<string, readonly MetricsBucket[]>>;
  /** By instance, the newest sample, however old. */
  latest(instanceIds: readonly string[]): Promise<ReadonlyMap<string, Sample>>;
  /** Makes the aggregates of what was sampled since they were made last; again, without harm. @returns buckets of time. */
  rollUp(now: Date): Promise<number>;
  /** Removes what is older, a few rows a transaction. @returns rows removed. */
  prune(now: Date, retention: SeriesRetention): Promise<number>;
}

/** Each value over the samples that have it. */
export interface MetricsBucket extends Rates {
  start: Date;
  samples: number;
  cpuPercentAvg?: number;
  cpuPercentMax?: number;
  memoryBytesAvg?: number;
  memoryBytesMax?: number;
  /** The highest of the time. */
  memoryLimitBytes?: number;
}
