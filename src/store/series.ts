import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { grouped } from '../base/grouped.ts';
import { timeOrderedId } from './metrics-id.ts';
import type { Pool } from './pool.ts';

const HOUR_MS = 3_600_000;
/** What a row of the aggregates stands for. */
export const BUCKET_MS = 5 * 60_000;
/** Of one instance these are 2,160 samples, 8 ms; a day's are 50 ms, of which a graph of 5-minute buckets shows as much. */
export const FINE_MS = 6 * 3_600_000;
/** Rows removed in one transaction: some 20 ms, in which nobody waits for its locks. */
const PRUNE_ROWS = 5_000;
/** Milliseconds until the next such: without a rest, pruning takes a third of the server from those who write. */
const PRUNE_REST_MS = 200;
/** Sorts before every id of version 7. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export interface SeriesRetention {
  /** Samples younger than this are kept, milliseconds. */
  samplesMs: number;
  aggregatesMs: number;
}

/** How long series are kept. */
export const SERIES_RETENTION: SeriesRetention = { samplesMs: 24 * HOUR_MS, aggregatesMs: 30 * 24 * HOUR_MS };

/** A table of samples, by ids that begin with the time, and one of what they come to in five minutes. */
interface Tables {
  history: string;
  aggregates: string;
  /** The columns that, with the time, name a row of the aggregates. */
  keys: readonly string[];
}

type Rows = (name: string, text: string, values: unknown[]) => Promise<Record<string, unknown>[]>;

export const rowsFrom =
  (pool: Pool, series: string): Rows =>
  async (name, text, values) =>
    (await pool.run({ name: `${series} ${name}`, text, values })).rows as Record<string, unknown>[];

export const bucketOf = (time: number): number => Math.floor(time / BUCKET_MS) * BUCKET_MS;

/** Rows of an answer as buckets, by what they are of. */
export const bucketsOf = <B>(
  rows: readonly Record<string, unknown>[],
  key: string,
  bucketFrom: (row: Record<string, unknown>) => B,
): Map<string, B[]> =>
  new Map([...grouped(rows, (row) => row[key] as string)].map(([id, all]) => [id, all.map(bucketFrom)]));

interface Upkeep {
  /**
   * `rollUp`: makes one bucket, of the ids from $1 and before $2, that were recorded from $3 and before $4.
   * @returns how many were made.
   */
  rollUp(now: Date, rollUp: string): Promise<number>;
  /** @returns how many rows were removed. */
  prune(now: Date, retention: SeriesRetention): Promise<number>;
}

/** What samples of any kind need from time to time: aggregates made, old rows removed without long locks. */
export function upkeepOf(rowsOf: Rows, clock: Clock, { history, aggregates, keys }: Tables): Upkeep {
  const newestAggregate = `SELECT max(bucket_start) AS at FROM ${aggregates} WHERE bucket_start < $1`;
  const nextSample = `SELECT recorded_at AS at FROM ${history} WHERE id >= $1 ORDER BY id LIMIT 1`;
  /** `$1`: where the batch before ended, so that none looks again at what those before it have removed. */
  const pruneHistory = `
WITH old AS (
  SELECT id FROM ${history} WHERE id > $1 AND id < $2 AND recorded_at < $3 ORDER BY id LIMIT ${PRUNE_ROWS}
), gone AS (DELETE FROM ${history} USING old WHERE ${history}.id = old.id)
SELECT count(*)::integer AS count, (SELECT id FROM old ORDER BY id DESC LIMIT 1) AS last FROM old`;
  const names = [...keys, 'bucket_start'];
  const pruneAggregates = `
WITH old AS (
  SELECT ${names.join(', ')} FROM ${aggregates} WHERE bucket_start < $1 ORDER BY bucket_start LIMIT ${PRUNE_ROWS}
), gone AS (
  DELETE FROM ${aggregates} AS a USING old WHERE ${names.map((name) => `a.${name} = old.${name}`).join(' AND ')}
) SELECT count(*)::integer AS count FROM old`;

  /** The first bucket that has samples and may not have its aggregates yet, at or after `from`. */
  async function nextBucket(from: number): Promise<number | undefined> {
    const [next] = await rowsOf('next', nextSample, [timeOrderedId(new Date(from))]);
    return next && bucketOf((next['at'] as Date).getTime());
  }

  async function inBatches(batch: (last: string) => Promise<Record<string, unknown> | undefined>): Promise<number> {
    let [removed, last] = [0, FIRST_ID];
    for (;;) {
      const row = await batch(last);
      const count = Number(row?.['count']);
      removed += count;
      if (count < PRUNE_ROWS) return removed;
      await sleep(clock, PRUNE_REST_MS);
      last = row?.['last'] as string;
    }
  }

  return {
    async rollUp(now, rollUp) {
      const [newest] = await rowsOf('newest', newestAggregate, [now]);
      const known = newest?.['at'] as Date | null | undefined;
      let made = 0;
      // The newest is made again: a sample may have come late.
      for (let from = known?.getTime() ?? 0; ; from += BUCKET_MS) {
        const bucket = await nextBucket(from);
        if (bucket === undefined || bucket + BUCKET_MS > now.getTime()) return made;
        const [start, end] = [new Date(bucket), new Date(bucket + BUCKET_MS)];
        await rowsOf('roll up', rollUp, [timeOrderedId(start), timeOrderedId(end), start, end]);
        from = bucket;
        made++;
      }
    },
    async prune(now, { samplesMs, aggregatesMs }) {
      const before = (ms: number) => new Date(now.getTime() - ms);
      const old = before(samplesMs);
      const samples = await inBatches(
        async (last) => (await rowsOf('prune', pruneHistory, [last, timeOrderedId(old), old]))[0],
      );
      const ofAggregates = async () => (await rowsOf('prune aggregates', pruneAggregates, [before(aggregatesMs)]))[0];
      return samples + (await inBatches(ofAggregates));
    },
  };
}

/** Milliseconds of one bucket of an answer. */
export function widthOf(since: Date, until: Date, points: number): number {
  const span = until.getTime() - since.getTime();
  // Of a long time the samples would be too many: its buckets are not finer than the aggregates.
  return Math.max(span > FINE_MS ? BUCKET_MS : 1, Math.ceil(span / points));
}

/** Whether the aggregates show as much as was asked for. */
export const isCoarse = (widthMs: number): boolean => widthMs >= BUCKET_MS;
