import type { Clock } from '../../../base/clock.ts';
import { timeOrderedId } from '../../../store/metrics-id.ts';
import type { Pool } from '../../../store/pool.ts';
import { bucketsOf, FINE_MS, rowsFrom, upkeepOf, widthOf } from '../../../store/series.ts';
import type { TrafficBucket, TrafficStore } from './traffic-store.ts';
import type { TrafficSample } from './traffic.ts';

const INSERT = `
INSERT INTO traffic_history (id, load_balancer_id, target_id, recorded_at, request_rate, failed_rate, error_rate, latency_ms)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::float8[], $6::float8[], $7::float8[],
  $8::float8[])
ON CONFLICT (id) DO NOTHING`;

/** A latency counts for as much as was asked; over rows of `n` samples each. */
const LATENCY = 'sum(latency * requests * n) / nullif(sum(requests * n) FILTER (WHERE latency IS NOT NULL), 0)';

/** The aggregates as far as they go, and the samples from then on. */
const RANGE = `
SELECT target_id, date_bin($4 * interval '1 millisecond', at, $2::timestamptz) AS start, sum(n)::integer AS samples,
  sum(requests * n) / sum(n) AS request_rate, max(requests_max) AS request_rate_max,
  sum(failed * n) / sum(n) AS failed_rate, sum(errors * n) / sum(n) AS error_rate, ${LATENCY} AS latency_ms
FROM (
  SELECT coalesce(max(bucket_start) + interval '5 minutes', '-infinity') AS cut FROM traffic_aggregates
  WHERE load_balancer_id = $1 AND bucket_start < $3 AND $5
) AS c CROSS JOIN LATERAL (
  SELECT target_id, bucket_start, samples, request_rate, request_rate_max, failed_rate, error_rate, latency_ms
  FROM traffic_aggregates WHERE load_balancer_id = $1 AND bucket_start >= $2 AND bucket_start < least($3, c.cut)
  UNION ALL
  SELECT target_id, recorded_at, 1, request_rate, request_rate, failed_rate, error_rate, latency_ms
  FROM traffic_history WHERE load_balancer_id = $1 AND recorded_at >= greatest($2, c.cut) AND recorded_at < $3
) AS rows (target_id, at, n, requests, requests_max, failed, errors, latency)
GROUP BY 1, 2 ORDER BY 2`;

/** Of a bucket that is made again once some of its samples are pruned, what it was is kept. */
const ROLL_UP = `
INSERT INTO traffic_aggregates AS known (load_balancer_id, target_id, bucket_start, samples, request_rate,
  request_rate_max, failed_rate, error_rate, latency_ms)
SELECT load_balancer_id, target_id, $3::timestamptz, count(*), avg(request_rate), max(request_rate), avg(failed_rate),
  avg(error_rate), sum(latency_ms * request_rate) / nullif(sum(request_rate) FILTER (WHERE latency_ms IS NOT NULL), 0)
FROM traffic_history WHERE id >= $1 AND id < $2 AND recorded_at >= $3 AND recorded_at < $4 GROUP BY 1, 2
ON CONFLICT (load_balancer_id, target_id, bucket_start) DO UPDATE SET samples = excluded.samples,
  request_rate = excluded.request_rate, request_rate_max = excluded.request_rate_max,
  failed_rate = excluded.failed_rate, error_rate = excluded.error_rate, latency_ms = excluded.latency_ms
WHERE known.samples < excluded.samples`;

export function postgresTraffic(pool: Pool, clock: Clock): TrafficStore {
  const rowsOf = rowsFrom(pool, 'traffic');
  const upkeep = upkeepOf(rowsOf, clock, {
    history: 'traffic_history',
    aggregates: 'traffic_aggregates',
    keys: ['load_balancer_id', 'target_id'],
  });
  return {
    async append(samples) {
      if (samples.length === 0) return;
      const column = (value: (sample: TrafficSample) => unknown) => samples.map((sample) => value(sample) ?? null);
      await rowsOf('append', INSERT, [
        column((s) => timeOrderedId(s.at, pairOf(s))),
        column((s) => s.loadBalancerId),
        column((s) => s.targetId),
        column((s) => s.at),
        column((s) => s.requestRate),
        column((s) => s.failedRate),
        column((s) => s.errorRate),
        column((s) => s.latencyMs),
      ]);
    },
    async range(loadBalancerId, since, until, points) {
      const widthMs = widthOf(since, until, points);
      // Samples are kept for a day, and shown as far as they are fine enough to be of use.
      const isCoarse = until.getTime() - since.getTime() > FINE_MS;
      return bucketsOf(
        await rowsOf('range', RANGE, [loadBalancerId, since, until, widthMs, isCoarse]),
        'target_id',
        bucketOf,
      );
    },
    rollUp: (now) => upkeep.rollUp(now, ROLL_UP),
    prune: (now, retention) => upkeep.prune(now, retention),
  };
}

/** Takes its beginning of one and its end of the other, as `timeOrderedId` does: one id for each pair and time. */
const pairOf = ({ loadBalancerId, targetId }: TrafficSample): string =>
  loadBalancerId.slice(0, 18) + targetId.slice(18);

const bucketOf = (row: Record<string, unknown>): TrafficBucket => ({
  start: row['start'] as Date,
  samples: Number(row['samples']),
  requestRate: Number(row['request_rate']),
  requestRateMax: Number(row['request_rate_max']),
  failedRate: Number(row['failed_rate']),
  errorRate: Number(row['error_rate']),
  ...(row['latency_ms'] !== null && { latencyMs: Number(row['latency_ms']) }),
});
