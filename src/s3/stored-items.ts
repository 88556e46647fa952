import type { Pool } from '../store/pool.ts';
import { afterPrefix, commonPrefixOf, rangeOf } from './keys.ts';
import type { PageQuery } from './rows.ts';

/** Rows that are read to see whether most keys stand for themselves. */
const SAMPLE = 64;

/**
 * Pages of a bucket's keys. $1: the bucket; $2: the first that may be of it; $3: the first that is not of it any more, or null;
 * $4: how many. Keys are compared by their bytes: the column's collation is "C".
 */
const CURRENT = `bucket = $1 AND is_latest AND deleted_at IS NULL AND NOT is_delete_marker`;
const IN_RANGE = `${CURRENT} AND ($3::text IS NULL OR key < $3)`;

const PAGE = `SELECT * FROM objects WHERE ${IN_RANGE} AND key >= $2 ORDER BY key LIMIT $4`;

/**
 * The first key of each item: one step of the index for each, however many keys a common prefix stands for. $5: the delimiter; $6:
 * what comes next after it in the order of bytes; $7: the place of the first character after the prefix, from 1. After a key comes
 * what is longer by a character of the least code, for a key has no NUL.
 */
const FIRST_KEYS = `WITH RECURSIVE page AS (
  SELECT (SELECT key FROM objects WHERE ${IN_RANGE} AND key >= $2 ORDER BY key LIMIT 1) AS key, 1 AS n
  UNION ALL
  SELECT (SELECT key FROM objects WHERE ${IN_RANGE} AND key >= CASE
      WHEN position($5 IN substr(page.key, $7)) > 0
      THEN left(page.key, $7 - 2 + position($5 IN substr(page.key, $7))) || $6
      ELSE page.key || chr(1) END ORDER BY key LIMIT 1), page.n + 1
  FROM page WHERE page.n < $4 AND page.key IS NOT NULL
)
SELECT key FROM page WHERE key IS NOT NULL ORDER BY n`;

const BY_KEYS = `SELECT * FROM objects WHERE ${CURRENT} AND key = ANY ($2::text[])`;

/** A common prefix, or a row as it is stored. */
export type StoredItem = { prefix: string } | { stored: Record<string, unknown> };

/**
 * At most `most` items, by key. Where most keys stand for themselves they are read in a row, which takes a twentieth of the time of
 * steps of the index; where common prefixes stand for many, nothing of those many is read.
 */
export async function storedItems(pool: Pool, bucket: string, query: PageQuery): Promise<StoredItem[]> {
  const { prefix, delimiter, most } = query;
  const items = new Map<string, StoredItem>();
  let after = query.after;
  for (let asked = delimiter === '' ? most : Math.min(SAMPLE, most); ; asked = most - items.size) {
    const { from, until } = rangeOf(prefix, delimiter, after);
    const values = [bucket, from, until, asked];
    const { rows } = await pool.run({ name: 'page of objects', text: PAGE, values });
    const before = items.size;
    for (const stored of rows as Record<string, unknown>[]) {
      const common = commonPrefixOf(String(stored['key']), prefix, delimiter);
      after = common ?? String(stored['key']);
      items.set(after, common === undefined ? { stored } : { prefix: common });
    }
    if (rows.length < asked || items.size === most) return [...items.values()];
    if ((items.size - before) * 2 < asked) {
      const rest = await itemsByPrefixes(pool, bucket, { prefix, delimiter, after, most: most - items.size });
      return [...items.values(), ...rest];
    }
  }
}

async function itemsByPrefixes(pool: Pool, bucket: string, query: PageQuery): Promise<StoredItem[]> {
  const { prefix, delimiter, after, most } = query;
  const { from, until } = rangeOf(prefix, delimiter, after);
  const place = Array.from(prefix).length + 1;
  const first = await pool.run({
    name: 'first keys of prefixes',
    text: FIRST_KEYS,
    values: [bucket, from, until, most, delimiter, afterPrefix(delimiter) ?? null, place],
  });
  const keys = first.rows.map(({ key }: { key: string }) => ({ key, common: commonPrefixOf(key, prefix, delimiter) }));
  const own = keys.flatMap(({ key, common }) => (common === undefined ? [key] : []));
  const { rows } =
    own.length === 0 ? { rows: [] } : await pool.run({ name: 'objects by keys', text: BY_KEYS, values: [bucket, own] });
  const byKey = new Map((rows as Record<string, unknown>[]).map((stored) => [stored['key'], stored]));
  return keys.flatMap(({ key, common }): StoredItem[] => {
    if (common !== undefined) return [{ prefix: common }];
    const stored = byKey.get(key);
    // What has been removed since is no item any more.
    return stored ? [{ stored }] : [];
  });
}
