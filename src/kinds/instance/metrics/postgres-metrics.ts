import type { Clock } from '../../../base/clock.ts';
import { timeOrderedId } from '../../../store/metrics-id.ts';
import type { Pool, Statement } from '../../../store/pool.ts';
import { bucketsOf, isCoarse, rowsFrom, upkeepOf, widthOf } from '../../../store/series.ts';
import type { MetricsBucket, MetricsStore } from './metrics-store.ts';
import { RATES } from './sample.ts';
import type { Rates, Sample } from './sample.ts';

const INSERT = `
INSERT INTO metrics_history (id, instance_id, cpu_percent, memory_usage_bytes, recorded_at, memory_limit_bytes,
  network_receive_rate, network_send_rate, block_read_rate, block_write_rate)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::float8[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::float8[],
  $8::float8[], $9::float8[], $10::float8[])
ON CONFLICT (id) DO NOTHING`;

/** Over rows of `samples` with `n` samples each. What a row does not know has no weight. */
const mean = (value: string): string => `sum(${value} * n) / nullif(sum(n) FILTER (WHERE ${value} IS NOT NULL), 0)`;

/**
 * The aggregates before a moment of each instance's own, the raw samples from then on. `cut`: that moment.
 * date_bin and not extract: arithmetic on numeric is most of the time otherwise.
 */
const rangeOf = (cut: string): string => `
SELECT i.id, b.* FROM unnest($1::uuid[]) AS i (id)
CROSS JOIN LATERAL (${cut}) AS c
CROSS JOIN LATERAL (
  SELECT date_bin($4 * interval '1 millisecond', at, $2::timestamptz) AS start, sum(n)::integer AS samples,
    ${mean('cpu')} AS cpu_avg, max(cpu_max) AS cpu_max, ${mean('memory')} AS memory_avg, max(memory_max) AS memory_max,
    max(memory_limit) AS memory_limit, ${mean('receive')} AS receive, ${mean('send')} AS send, ${mean('read')} AS read,
    ${mean('write')} AS write
  FROM (
    SELECT bucket_start, samples, cpu_percent_avg, cpu_percent_max, memory_usage_bytes_avg, memory_usage_bytes_max,
      memory_limit_bytes, network_receive_rate, network_send_rate, block_read_rate, block_write_rate
    FROM metrics_aggregates WHERE instance_id = i.id AND bucket_start >= $2 AND bucket_start < least($3, c.cut)
    UNION ALL
    SELECT recorded_at, 1, cpu_percent, cpu_percent, memory_usage_bytes::float8, memory_usage_bytes,
      memory_limit_bytes, network_receive_rate, network_send_rate, block_read_rate, block_write_rate
    FROM metrics_history WHERE instance_id = i.id AND recorded_at >= greatest($2, c.cut) AND recorded_at < $3
  ) AS samples (at, n, cpu, cpu_max, memory, memory_max, memory_limit, receive, send, read, write)
  GROUP BY 1
) AS b ORDER BY b.start`;
/** As far as the aggregates go. */
const COARSE = rangeOf(`
  SELECT coalesce(max(bucket_start) + interval '5 minutes', '-infinity') AS cut FROM metrics_aggregates
  WHERE instance_id = i.id AND bucket_start < $3`);
/** As far back as the samples go; of what was pruned by half, the half that is there. */
const FINE = rangeOf(`
  SELECT coalesce(min(recorded_at) - interval '5 minutes', 'infinity') AS cut FROM metrics_history
  WHERE instance_id = i.id`);

const LATEST = `
SELECT m.* FROM unnest($1::uuid[]) AS i (id) CROSS JOIN LATERAL (
  SELECT * FROM metrics_history WHERE instance_id = i.id ORDER BY recorded_at DESC LIMIT 1) AS m`;

/** Of a bucket that is made again once some of its samples are pruned, what it was is kept. */
const ROLL_UP = `
INSERT INTO metrics_aggregates AS known (instance_id, bucket_start, samples, cpu_percent_avg, cpu_percent_max,
  memory_usage_bytes_avg, memory_usage_bytes_max, memory_limit_bytes, network_receive_rate, network_send_rate,
  block_read_rate, block_write_rate)
SELECT instance_id, $3::timestamptz, count(*), avg(cpu_percent), max(cpu_percent), avg(memory_usage_bytes),
  max(memory_usage_bytes), max(memory_limit_bytes), avg(network_receive_rate), avg(network_send_rate),
  avg(block_read_rate), avg(block_write_rate)
FROM metrics_history WHERE id >= $1 AND id < $2 AND recorded_at >= $3 AND recorded_at < $4 GROUP BY instance_id
ON CONFLICT (instance_id, bucket_start) DO UPDATE SET samples = excluded.samples,
  cpu_percent_avg = excluded.cpu_percent_avg, cpu_percent_max = excluded.cpu_percent_max,
  memory_usage_bytes_avg = excluded.memory_usage_bytes_avg, memory_usage_bytes_max = excluded.memory_usage_bytes_max,
  memory_limit_bytes = excluded.memory_limit_bytes, network_receive_rate = excluded.network_receive_rate,
  network_send_rate = excluded.network_send_rate, block_read_rate = excluded.block_read_rate,
  block_write_rate = excluded.block_write_rate
WHERE known.samples < excluded.samples`;

export function postgresMetrics(pool: Pool, clock: Clock): MetricsStore {
  const rowsOf = rowsFrom(pool, 'metrics');
  const upkeep = upkeepOf(rowsOf, clock, {
    history: 'metrics_history',
    aggregates: 'metrics_aggregates',
    keys: ['instance_id'],
  });

  return {
    async append(samples) {
      if (samples.length > 0) await pool.run(insertOf(samples));
    },
    async range(instanceIds, since, until, points) {
      const widthMs = widthOf(since, until, points);
      const [name, text] = isCoarse(widthMs) ? ['coarse', COARSE] : ['fine', FINE];
      return bucketsOf(await rowsOf(name, text, [instanceIds, since, until, widthMs]), 'id', bucketOf);
    },
    async latest(instanceIds) {
      const rows = await rowsOf('latest', LATEST, [instanceIds]);
      return new Map(rows.map((row) => [row['instance_id'] as string, sampleOf(row)]));
    },
    rollUp: (now) => upkeep.rollUp(now, ROLL_UP),
    prune: (now, retention) => upkeep.prune(now, retention),
  };
}

function insertOf(samples: readonly Sample[]): Statement {
  const column = (value: (sample: Sample) => unknown) => samples.map((sample) => value(sample) ?? null);
  const whole = (value: number | undefined) => (value === undefined ? undefined : Math.round(value));
  return {
    name: 'metrics append',
    text: INSERT,
    values: [
      column((s) => timeOrderedId(s.at, s.instanceId)),
      column((s) => s.instanceId),
      column((s) => s.cpuPercent),
      column((s) => whole(s.memoryBytes)),
      column((s) => s.at),
      column((s) => whole(s.memoryLimitBytes)),
      ...RATES.map((rate) => column((s) => s[rate])),
    ],
  };
}

/** Only what is known is there at all. */
const known = <Name extends string>(values: Record<Name, unknown>): { [N in Name]?: number } =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [[name, Number(value)]])),
  ) as { [N in Name]?: number };

const ratesOf = (row: Record<string, unknown>, columns: readonly string[]): Rates =>
  known(Object.fromEntries(RATES.map((rate, i) => [rate, row[columns[i] ?? ''] ?? null])));

const sampleOf = (row: Record<string, unknown>): Sample => ({
  instanceId: row['instance_id'] as string,
  at: row['recorded_at'] as Date,
  ...known({
    cpuPercent: row['cpu_percent'],
    memoryBytes: row['memory_usage_bytes'],
    memoryLimitBytes: row['memory_limit_bytes'],
  }),
  ...ratesOf(row, ['network_receive_rate', 'network_send_rate', 'block_read_rate', 'block_write_rate']),
});

const bucketOf = (row: Record<string, unknown>): MetricsBucket => ({
  start: row['start'] as Date,
  samples: Number(row['samples']),
  ...known({
    cpuPercentAvg: row['cpu_avg'],
    cpuPercentMax: row['cpu_max'],
    memoryBytesAvg: row['memory_avg'],
    memoryBytesMax: row['memory_max'],
    memoryLimitBytes: row['memory_limit'],
  }),
  ...ratesOf(row, ['receive', 'send', 'read', 'write']),
});
