import type { SeriesRetention } from '../../../store/series.ts';
import type { TrafficRates, TrafficSample } from './traffic.ts';

/** What went through load balancers; as `MetricsStore` in all else. */
export interface TrafficStore {
  append(samples: readonly TrafficSample[]): Promise<void>;
  /** By target (the load balancer's own uid: all of it), as `MetricsStore.range`. */
  range(
    loadBalancerId: string,
    since: Date,
    until: Date,
    points: number,
  ): Promise<ReadonlyMap<string, readonly TrafficBucket[]>>;
  /** Makes the aggregates of what was sampled since they were made last; again, without harm. @returns buckets of time. */
  rollUp(now: Date): Promise<number>;
  /** Removes what is older, a few rows a transaction. @returns rows removed. */
  prune(now: Date, retention: SeriesRetention): Promise<number>;
}

export interface TrafficBucket extends TrafficRates {
  start: Date;
  samples: number;
  requestRateMax: number;
}
