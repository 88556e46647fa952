import { bulkInsert } from '../store/bulk.ts';
import type { Pool } from '../store/pool.ts';
import { objectParts } from '../store/schema.ts';
import { afterPrefix } from './keys.ts';
import type { ObjectPart, Upload, UploadDescription } from './row.ts';
import type { UploadRows, UploadsQuery } from './rows.ts';

const FIND = 'SELECT * FROM uploads WHERE id = $1';
const LIST = `SELECT * FROM uploads WHERE bucket = $1 AND key >= $2 AND ($3::text IS NULL OR key < $3)
AND (key > $4 OR (key = $4 AND id > $5::uuid)) ORDER BY key, id LIMIT $6`;
/** The upload does not end until this is committed, or is gone before it. */
const HOLD = 'SELECT id FROM uploads WHERE id = $1 FOR KEY SHARE';
const REPLACE =
  'UPDATE object_parts SET deleted_at = now() WHERE object_id = $1 AND number = $2 AND deleted_at IS NULL';
const PARTS =
  'SELECT * FROM object_parts WHERE object_id = $1 AND deleted_at IS NULL AND number > $2 ORDER BY number LIMIT $3';
const insert = bulkInsert(objectParts, {});
const [FIRST_ID, LAST_ID] = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
const MOST_PARTS = 10_000;

/** Uploads and parts in PostgreSQL. */
export class PostgresUploads implements UploadRows {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async find(id: string): Promise<Upload | undefined> {
    const { rows } = await this.#pool.run({ name: 'find upload', text: FIND, values: [id] });
    return rows[0] && uploadOf(rows[0]);
  }

  async list(bucket: string, { prefix, afterKey, afterId, most }: UploadsQuery): Promise<readonly Upload[]> {
    const after = afterId === '' ? (afterKey === '' ? FIRST_ID : LAST_ID) : afterId;
    const values = [bucket, prefix, afterPrefix(prefix) ?? null, afterKey, after, most];
    const { rows } = await this.#pool.run({ name: 'list uploads', text: LIST, values });
    return rows.map(uploadOf);
  }

  async putPart(uploadId: string, part: ObjectPart): Promise<boolean> {
    let isThere = false;
    const hold = { name: 'hold upload', text: HOLD, values: [uploadId] };
    await this.#pool.transaction([hold], async (_db, [, held]) => {
      isThere = held?.rowCount === 1;
      if (!isThere) return undefined;
      const { pieceSums, checksum = null, ...rest } = part;
      // In JSON, bytes are in PostgreSQL's own hexadecimal form.
      const hex = `\\x${pieceSums.toString('hex')}` as unknown as Buffer;
      const replaced = { name: 'replace part', text: REPLACE, values: [uploadId, part.number] };
      const row = { ...rest, objectId: uploadId, pieceSums: hex, checksum, deletedAt: null };
      return { statements: [replaced, insert([row])], end: 'SELECT' };
    });
    return isThere;
  }

  async parts(id: string, afterNumber = 0, most = MOST_PARTS): Promise<readonly ObjectPart[]> {
    const { rows } = await this.#pool.run({ name: 'parts of object', text: PARTS, values: [id, afterNumber, most] });
    return rows.map((row) => ({
      id: String(row['id']),
      number: Number(row['number']),
      sizeBytes: Number(row['size_bytes']),
      etag: String(row['etag']),
      checksum: (row['checksum'] ?? undefined) as string | undefined,
      pieceSums: row['piece_sums'] as Buffer,
      storedAt: row['stored_at'] as Date,
    }));
  }
}

const uploadOf = (row: Record<string, unknown>): Upload => ({
  id: String(row['id']),
  bucket: String(row['bucket']),
  key: String(row['key']),
  startedAt: row['started_at'] as Date,
  description: descriptionOf(row['description'] as UploadDescription),
});

/** Out of JSON, where a time is a text. */
const descriptionOf = ({ retention, ...stored }: UploadDescription): UploadDescription => ({
  ...stored,
  ...(retention && { retention: { ...retention, until: new Date(retention.until) } }),
});
