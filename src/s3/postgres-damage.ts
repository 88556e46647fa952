import type { Pool } from '../store/pool.ts';
import type { Damage, DamageRows } from './rows.ts';
import type { ObjectRow } from './row.ts';

const NOTE =
  'INSERT INTO object_damage (object_id, bucket, what, found_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING';
const CLEAR = 'DELETE FROM object_damage WHERE object_id = ANY ($1::uuid[])';
const OF = `SELECT o.id, o.key, o.version_id, d.what, d.found_at, count(*) OVER () AS count
FROM object_damage d JOIN objects o ON o.id = d.object_id AND o.deleted_at IS NULL
WHERE d.bucket = $1 ORDER BY o.key, o.sequence DESC LIMIT $2`;

const COUNTS = `SELECT d.bucket, count(*) AS count
FROM object_damage d JOIN objects o ON o.id = d.object_id AND o.deleted_at IS NULL GROUP BY d.bucket`;

/** What is damaged, in PostgreSQL. */
export class PostgresDamage implements DamageRows {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async note({ id, bucket }: ObjectRow, what: string, foundAt: Date): Promise<boolean> {
    const { rowCount } = await this.#pool.run({ name: 'note damage', text: NOTE, values: [id, bucket, what, foundAt] });
    return rowCount === 1;
  }

  async clear(ids: readonly string[]): Promise<void> {
    await this.#pool.run({ name: 'clear damage', text: CLEAR, values: [[...ids]] });
  }

  async counts(): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#pool.run({ name: 'damage of all buckets', text: COUNTS, values: [] });
    return new Map(rows.map((row) => [String(row['bucket']), Number(row['count'])]));
  }

  async of(bucket: string, most: number): Promise<{ count: number; first: readonly Damage[] }> {
    const { rows } = await this.#pool.run({ name: 'damage of bucket', text: OF, values: [bucket, most] });
    const first = rows.map((row) => ({
      id: String(row['id']),
      key: String(row['key']),
      versionId: String(row['version_id']),
      what: String(row['what']),
      foundAt: row['found_at'] as Date,
    }));
    return { count: Number(rows[0]?.['count'] ?? 0), first };
  }
}
