import { bulkInsert } from '../store/bulk.ts';
import type { Pool, Statement } from '../store/pool.ts';
import { objects, uploads } from '../store/schema.ts';
import { BucketDraft } from './bucket-draft.ts';
import type { BucketChange } from './bucket-draft.ts';
import { BucketQueue } from './bucket-queue.ts';
import type { Decision } from './bucket-queue.ts';
import { arnOf } from './keys.ts';
import { PostgresDamage } from './postgres-damage.ts';
import { PostgresUploads } from './postgres-uploads.ts';
import { storedItems } from './stored-items.ts';
import { BucketGoneError } from './rows.ts';
import type { Grant } from '../api/bucket-config.ts';
import type { ObjectEncryption } from './encryption.ts';
import type { BucketId, BucketUse, ObjectRow, Retention, StoredChecksum } from './row.ts';
import type { ObjectPage, ObjectRows, PageQuery, DamageRows, UploadRows, VersionsQuery, Wanted } from './rows.ts';

/** The bucket's own row is what its writers hold. Its document stays while they do; one that is being deleted gets nothing new. */
const LOCK = `SELECT b.objects, b.size_bytes AS bytes, b.sequence, r.deletion_time IS NOT NULL AS closing
FROM buckets b JOIN resources r ON r.uid = b.id WHERE b.id = $1 FOR UPDATE OF b FOR KEY SHARE OF r`;
const OPEN = `INSERT INTO buckets (id, name, objects, size_bytes, sequence)
SELECT uid, $2, 0, 0, 0 FROM resources WHERE uid = $1 AND deletion_time IS NULL ON CONFLICT DO NOTHING`;
const CLOSE = `WITH closed AS (
  DELETE FROM buckets b WHERE b.id = $1 AND NOT EXISTS (SELECT FROM objects o WHERE o.bucket = b.name AND o.deleted_at IS NULL)
  RETURNING name
), ended AS (DELETE FROM uploads u USING closed WHERE u.bucket = closed.name RETURNING u.id),
parts AS (UPDATE object_parts SET deleted_at = now() FROM ended WHERE object_id = ended.id AND deleted_at IS NULL)
SELECT FROM closed`;
const UPLOADS = 'SELECT id FROM uploads WHERE id = ANY ($1::uuid[]) FOR UPDATE';
/** The two newest of each key, and the version that is asked for. */
const WANTED = `SELECT o.* FROM jsonb_to_recordset($2::jsonb) AS w (key text, "versionId" varchar), LATERAL (
  (SELECT * FROM objects WHERE bucket = $1 AND key = w.key AND deleted_at IS NULL ORDER BY sequence DESC LIMIT 2)
  UNION
  (SELECT * FROM objects WHERE bucket = $1 AND key = w.key AND deleted_at IS NULL AND version_id = w."versionId" LIMIT 1)
) o`;
const FIND = `SELECT * FROM objects WHERE bucket = $1 AND key = $2 AND deleted_at IS NULL AND is_latest`;
const FIND_VERSION = `SELECT * FROM objects WHERE bucket = $1 AND key = $2 AND deleted_at IS NULL AND version_id = $3`;
const REMOVE_PARTS = `UPDATE object_parts SET deleted_at = now()
WHERE object_id = ANY ($1::uuid[]) AND deleted_at IS NULL AND id <> ALL ($2::uuid[])`;
const AMEND = `UPDATE objects o SET is_latest = r."isLatest", tags = r.tags, grants = r.grants, retention = r.retention, legal_hold = r."legalHold"
FROM jsonb_to_recordset($1::jsonb) AS r (id uuid, "isLatest" boolean, tags jsonb, grants jsonb, retention jsonb, "legalHold" boolean)
WHERE o.id = r.id`;
const insert = bulkInsert(objects, {});
const insertUploads = bulkInsert(uploads, {});

/** Rows of objects in PostgreSQL. */
export class PostgresRows implements ObjectRows {
  readonly uploads: UploadRows;
  readonly damage: DamageRows;
  readonly #pool: Pool;
  readonly #queues = new Map<string, BucketQueue>();

  constructor(pool: Pool) {
    this.#pool = pool;
    this.uploads = new PostgresUploads(pool);
    this.damage = new PostgresDamage(pool);
  }

  async change<T>(bucket: BucketId, wanted: readonly Wanted[], decide: (now: BucketDraft) => T): Promise<T> {
    const queue = this.#queues.get(bucket.uid) ?? new BucketQueue((group) => this.#commit(bucket, group));
    this.#queues.set(bucket.uid, queue);
    try {
      return await queue.run(wanted, decide);
    } finally {
      if (queue.isIdle) this.#queues.delete(bucket.uid);
    }
  }

  async find(bucket: string, key: string, versionId?: string): Promise<ObjectRow | undefined> {
    const { rows } = await this.#pool.run(
      versionId === undefined
        ? { name: 'find object', text: FIND, values: [bucket, key] }
        : { name: 'find object version', text: FIND_VERSION, values: [bucket, key, versionId] },
    );
    return rows[0] && rowOf(rows[0]);
  }

  async latest(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const text = 'SELECT id FROM objects WHERE id = ANY ($1::uuid[]) AND is_latest AND deleted_at IS NULL';
    const { rows } = await this.#pool.run({ name: 'current objects', text, values: [[...ids]] });
    return new Set(rows.map((row) => String(row['id'])));
  }

  async page(bucket: string, query: PageQuery): Promise<ObjectPage> {
    const { most } = query;
    const items = await storedItems(this.#pool, bucket, { ...query, most: most + 1 });
    return {
      items: items.slice(0, most).map((item) => ('stored' in item ? { row: rowOf(item.stored) } : item)),
      isTruncated: items.length > most,
    };
  }

  async versions(bucket: string, { from, until, before, most }: VersionsQuery): Promise<readonly ObjectRow[]> {
    const text = `SELECT * FROM objects WHERE bucket = $1 AND deleted_at IS NULL AND key >= $2 AND ($3::text IS NULL OR key < $3)
AND ($4::bigint IS NULL OR key > $2 OR sequence < $4) ORDER BY key, sequence DESC LIMIT $5`;
    const values = [bucket, from, until, before ?? null, most];
    const { rows } = await this.#pool.run({ name: 'versions of objects', text, values });
    return rows.map(rowOf);
  }

  async uses(uids: readonly string[]): Promise<ReadonlyMap<string, BucketUse>> {
    const text = 'SELECT id, objects, size_bytes FROM buckets WHERE id = ANY ($1::uuid[])';
    const { rows } = await this.#pool.run({ name: 'uses of buckets', text, values: [[...uids]] });
    return new Map(
      rows.map((row) => [String(row['id']), { objects: Number(row['objects']), bytes: Number(row['size_bytes']) }]),
    );
  }

  async some(bucket: string, most: number, unlockedAt?: Date): Promise<readonly ObjectRow[]> {
    const text = `SELECT * FROM objects WHERE bucket = $1 AND deleted_at IS NULL AND ($3::timestamptz IS NULL OR NOT legal_hold
AND (retention IS NULL OR retention->>'mode' = 'GOVERNANCE' OR (retention->>'until')::timestamptz <= $3)) ORDER BY key, sequence LIMIT $2`;
    const values = [bucket, most, unlockedAt ?? null];
    const { rows } = await this.#pool.run({ name: 'some objects', text, values });
    return rows.map(rowOf);
  }

  async close({ uid }: BucketId): Promise<boolean> {
    let isEmpty = false;
    await this.#pool.transaction(
      [lockOf(uid), { name: 'close bucket', text: CLOSE, values: [uid] }],
      async (_db, [, lock, closed]) => {
        // There is no row where nothing was ever put into it.
        isEmpty = lock?.rowCount === 0 || closed?.rowCount === 1;
        return { end: 'SELECT' };
      },
    );
    return isEmpty;
  }

  async removed(before: Date, most: number): Promise<readonly string[]> {
    const text = `(SELECT id FROM objects WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)
UNION ALL (SELECT id FROM object_parts WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2)`;
    const { rows } = await this.#pool.run({ name: 'removed objects', text, values: [before, most] });
    return rows.map((row) => String(row['id']));
  }

  async forget(ids: readonly string[]): Promise<void> {
    const text = `WITH parts AS (DELETE FROM object_parts WHERE id = ANY ($1::uuid[]) AND deleted_at IS NOT NULL),
damage AS (DELETE FROM object_damage WHERE object_id = ANY ($1::uuid[]))
DELETE FROM objects WHERE id = ANY ($1::uuid[]) AND deleted_at IS NOT NULL`;
    await this.#pool.run({ name: 'forget objects', text, values: [[...ids]] });
  }

  async known(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const text = `SELECT id FROM objects WHERE id = ANY ($1::uuid[])
UNION ALL SELECT id FROM object_parts WHERE id = ANY ($1::uuid[])`;
    const { rows } = await this.#pool.run({ name: 'known objects', text, values: [[...ids]] });
    return new Set(rows.map((row) => String(row['id'])));
  }

  async #commit(bucket: BucketId, group: readonly Decision[]): Promise<void> {
    if (await this.#decide(bucket, group)) return;
    await this.#pool.run({ name: 'open bucket', text: OPEN, values: [bucket.uid, bucket.name] });
    if (!(await this.#decide(bucket, group))) throw new BucketGoneError(`bucket ${bucket.name} is not there any more`);
  }

  /** Answers whether the bucket was there to be written to. */
  async #decide({ uid, name }: BucketId, group: readonly Decision[]): Promise<boolean> {
    const wanted = group.flatMap((decision) => decision.wanted);
    const uploadIds = wanted.flatMap(({ uploadId }) => uploadId ?? []);
    let isThere = false;
    await this.#pool.transaction(
      [
        lockOf(uid),
        { name: 'wanted objects', text: WANTED, values: [name, JSON.stringify(wanted)] },
        ...(uploadIds.length > 0 ? [{ name: 'wanted uploads', text: UPLOADS, values: [uploadIds] }] : []),
      ],
      async (_db, [, lock, found, there]) => {
        const held = lock?.rows[0];
        isThere = held !== undefined;
        if (!held) return undefined;
        const use = { objects: Number(held['objects']), bytes: Number(held['bytes']) };
        const ids = (there?.rows ?? []).map(({ id }) => String(id));
        const draft = new BucketDraft(name, use, Number(held['sequence']), (found?.rows ?? []).map(rowOf), ids);
        for (const { decide } of group) decide(draft);
        const change = draft.change();
        if (held['closing'] && change.added.length + change.begun.length > 0)
          throw new BucketGoneError(`bucket ${name} is being deleted: nothing is put into it any more`);
        return isNothing(change) ? undefined : { statements: statementsOf(change), end: endOf(uid, change) };
      },
    );
    return isThere;
  }
}

const lockOf = (uid: string): Statement => ({ name: 'lock bucket', text: LOCK, values: [uid] });

const isNothing = ({ added, amended, removed, begun, ended }: BucketChange): boolean =>
  added.length + amended.length + removed.length + begun.length + ended.length === 0;

/** What goes or is current no longer comes first: of a key, one row is current. */
function statementsOf({ added, amended, removed, begun, ended }: BucketChange): Statement[] {
  const came = new Set(added.map(({ id }) => id));
  const gone = new Set(removed.map(({ id }) => id));
  const ids = [...gone].filter((id) => !came.has(id));
  const statements: Statement[] = [];
  if (ids.length > 0)
    statements.push({
      name: 'remove objects',
      text: 'UPDATE objects SET deleted_at = now(), is_latest = FALSE WHERE id = ANY ($1::uuid[])',
      values: [ids],
    });
  const inParts = removed.filter(({ partCount }) => partCount > 0).map(({ id }) => id);
  if (inParts.length > 0)
    statements.push({ name: 'remove parts of objects', text: REMOVE_PARTS, values: [inParts, []] });
  if (begun.length > 0) statements.push(insertUploads([...begun]));
  if (ended.length > 0) {
    const uploadIds = ended.map(({ uploadId }) => uploadId);
    const kept = ended.flatMap(({ parts }) => parts);
    statements.push({
      name: 'end uploads',
      text: 'DELETE FROM uploads WHERE id = ANY ($1::uuid[])',
      values: [uploadIds],
    });
    statements.push({ name: 'remove parts of objects', text: REMOVE_PARTS, values: [uploadIds, kept] });
  }
  for (const isLatest of [false, true]) {
    const these = amended.filter((row) => row.isLatest === isLatest);
    if (these.length > 0)
      statements.push({
        name: 'amend objects',
        text: AMEND,
        values: [
          JSON.stringify(
            // In JSON, what is undefined is left out, and that is NULL.
            these.map(({ id, tags, grants, retention, legalHold }) => ({
              id,
              isLatest,
              tags,
              grants,
              retention,
              legalHold,
            })),
          ),
        ],
      });
  }
  if (added.length > 0) statements.push(insert(added.map((row) => storedOf(row, gone.has(row.id)))));
  return statements;
}

/** Numbers and a uid of ours: nothing of it needs to be escaped. */
const endOf = (uid: string, { use, sequence }: BucketChange): string =>
  `UPDATE buckets SET objects = ${use.objects}, size_bytes = ${use.bytes}, sequence = ${sequence} WHERE id = '${uid}'`;

/** As `rowOf` reads it. In JSON, bytes are in PostgreSQL's own hexadecimal form. */
function storedOf({ pieceSums, grants, ...row }: ObjectRow, isGone: boolean): typeof objects.$inferInsert {
  const deletedAt = isGone ? row.createdAt : null;
  const hex = `\\x${pieceSums.toString('hex')}` as unknown as Buffer;
  return {
    ...row,
    grants: grants && [...grants],
    arn: arnOf(row),
    pieceSums: hex,
    deletedAt,
    ...(isGone && { isLatest: false }),
  };
}

function rowOf(row: Record<string, unknown>): ObjectRow {
  const text = (name: string) => (row[name] ?? '') as string;
  const texts = (name: string) => (row[name] ?? {}) as Record<string, string>;
  return {
    id: text('id'),
    bucket: text('bucket'),
    key: text('key'),
    sequence: Number(row['sequence']),
    versionId: text('version_id'),
    isLatest: row['is_latest'] === true,
    isDeleteMarker: row['is_delete_marker'] === true,
    sizeBytes: Number(row['size_bytes']),
    etag: text('etag'),
    contentType: text('content_type'),
    pieceSums: row['piece_sums'] as Buffer,
    checksum: (row['checksum'] ?? undefined) as StoredChecksum | undefined,
    headers: texts('headers'),
    metadata: texts('metadata'),
    tags: texts('tags'),
    createdAt: row['created_at'] as Date,
    declaredBy: (row['declared_by'] ?? undefined) as string | undefined,
    partCount: Number(row['part_count']),
    owner: (row['owner'] ?? undefined) as string | undefined,
    grants: (row['grants'] ?? undefined) as readonly Grant[] | undefined,
    retention: retentionOf(row['retention']),
    legalHold: row['legal_hold'] === true,
    encryption: (row['encryption'] ?? undefined) as ObjectEncryption | undefined,
  };
}

const retentionOf = (stored: unknown): Retention | undefined => {
  const found = stored as { mode: Retention['mode']; until: string } | null;
  return found ? { mode: found.mode, until: new Date(found.until) } : undefined;
};
