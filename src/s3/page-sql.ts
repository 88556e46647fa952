/**
 * Pages of a bucket's keys. $1: the bucket; $2: the first that may be of it; $3: the first that is not of it any more, or null;
 * $4: how many. Keys are compared by their bytes: the column's collation is "C".
 */
const CURRENT = `bucket = $1 AND is_latest AND deleted_at IS NULL AND NOT is_delete_marker AND ($3::text IS NULL OR key < $3)`;

export const PAGE = `SELECT * FROM objects WHERE ${CURRENT} AND key >= $2 ORDER BY key LIMIT $4`;

/**
 * One step of the index for each item, however many keys a common prefix stands for. $5: the delimiter; $6: what comes next
 * after it in the order of bytes; $7: the place of the first character after the prefix, from 1. After a key comes what is
 * longer by a character of the least code, for a key has no NUL.
 */
const ITEM = `o.*, CASE WHEN position($5 IN substr(o.key, $7)) > 0
  THEN left(o.key, $7 - 2 + position($5 IN substr(o.key, $7)) + length($5)) END AS common`;

export const PAGE_BY_PREFIXES = `WITH RECURSIVE page AS (
  (SELECT ${ITEM}, 1 AS n FROM objects o WHERE ${CURRENT} AND key >= $2 ORDER BY key LIMIT 1)
  UNION ALL
  SELECT next.*, page.n + 1 FROM page, LATERAL (
    SELECT ${ITEM} FROM objects o WHERE ${CURRENT} AND key >= CASE WHEN page.common IS NULL THEN page.key || chr(1)
      ELSE left(page.common, length(page.common) - length($5)) || $6 END ORDER BY key LIMIT 1
  ) next WHERE page.n < $4
)
SELECT * FROM page`;
