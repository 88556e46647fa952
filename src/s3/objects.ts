import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { uuid7 } from '../base/uuid7.ts';
import { BytesGoneError } from '../drivers/objects/bytes.ts';
import type { ByteRange, ObjectBytes } from '../drivers/objects/bytes.ts';
import type { ObjectLock } from '../api/bucket-config.ts';
import type { BucketDraft, NewRow } from './bucket-draft.ts';
import { cipherOf, EncryptionKeyError } from './encryption.ts';
import type { CustomerKey, ObjectEncryption, ObjectKeys } from './encryption.ts';
import { checked, piecesAround, PieceSums } from './pieces.ts';
import { ciphered, resting } from './resting.ts';
import { retentionFrom } from './retention.ts';
import type { Release } from './retention.ts';
import { NULL_VERSION } from './row.ts';
import { BucketGoneError } from './rows.ts';
import type { BucketId, ObjectRow, ObjectStanding, StoredChecksum } from './row.ts';
import type { ObjectRows } from './rows.ts';

/** A bucket, as far as its objects go. */
export interface ObjectBucket extends BucketId {
  versioning: 'Off' | 'Enabled' | 'Suspended';
  /** Bytes of all versions together. */
  quotaBytes: number | undefined;
  objectLock?: ObjectLock;
  /** For what is put without one of its own. */
  encryption?: ObjectEncryption;
}

/** What is put, beside its bytes. */
export interface ObjectDescription extends Partial<ObjectStanding> {
  key: string;
  contentType: string;
  headers?: Readonly<Record<string, string>>;
  metadata?: Readonly<Record<string, string>>;
  tags?: Readonly<Record<string, string>>;
  declaredBy?: string;
  encryption?: ObjectEncryption;
}

/** What becomes of the bytes while they come. */
export interface Digester {
  update(chunk: Buffer): void;
  /** Throws when they are not what was meant: then nothing is stored. */
  finish(): { etag: string; checksum?: StoredChecksum };
}

export interface PutOptions {
  digester?: Digester;
  condition?: Condition;
  /** Of SSE-C. */
  customerKey?: CustomerKey | undefined;
}

/** Looks at what is there before it is replaced or removed. Throws to refuse. */
export type Condition = (current: ObjectRow | undefined) => void;

/** More than the bucket may hold. */
export class QuotaError extends Error {
  override readonly name = 'QuotaError';
}

export interface ObjectsParts {
  rows: ObjectRows;
  bytes: ObjectBytes;
  clock: Clock;
  keys: ObjectKeys;
  /** Of damage that was not known. */
  onDamage?: (row: ObjectRow, what: string) => void;
}

/** Objects: their rows and their bytes as one. Who puts, reads and deletes sees the old or the new one, whole. */
export class Objects {
  readonly rows: ObjectRows;
  readonly bytes: ObjectBytes;
  readonly #clock: Clock;
  readonly #keys: ObjectKeys;
  readonly #onDamage: ObjectsParts['onDamage'];

  constructor({ rows, bytes, clock, keys, onDamage }: ObjectsParts) {
    this.rows = rows;
    this.bytes = bytes;
    this.#clock = clock;
    this.#keys = keys;
    this.#onDamage = onDamage;
  }

  /** Durable when it resolves (I11): bytes first, then the row. Throws BucketGoneError, QuotaError, NoSpaceError, and what `condition` and `digester` throw. */
  async put(
    bucket: ObjectBucket,
    description: ObjectDescription,
    body: AsyncIterable<Buffer>,
    { digester = md5(), condition = () => undefined, customerKey }: PutOptions = {},
  ): Promise<ObjectRow> {
    const encryption = description.encryption ?? bucket.encryption;
    const stored = await this.store(body, digester, encryption, customerKey);
    const { storedAt: createdAt, ...rest } = stored;
    const row = this.rowOf(bucket, { ...rest, createdAt, ...description, ...(encryption && { encryption }) });
    const { id } = row;
    let refusal: unknown;
    try {
      return await this.rows.change(bucket, wantedOf(bucket, description.key), (now) => {
        try {
          condition(now.current(row.key));
          return replace(bucket, row, now);
        } catch (error) {
          refusal = error;
          throw error;
        }
      });
    } catch (error) {
      // After any other failure the row may be there all the same. Bytes that have none are collected.
      if (error === refusal || error instanceof BucketGoneError) await this.bytes.delete([id]).catch(() => undefined);
      throw error;
    }
  }

  /** Bytes that no row has yet, as they are to rest. Throws NoSpaceError, EncryptionKeyError, and what `digester` throws. */
  async store(
    body: AsyncIterable<Buffer>,
    digester: Digester,
    encryption: ObjectEncryption | undefined,
    customerKey: CustomerKey | undefined,
  ) {
    const storedAt = this.#clock.now();
    const id = uuid7(storedAt);
    const root = encryption && this.#keys.rootOf(encryption, customerKey);
    const sums = new PieceSums();
    let digest: ReturnType<Digester['finish']> = { etag: '' };
    const finish = () => (digest = digester.finish());
    const sizeBytes = await this.bytes.put(id, resting(body, { digester, sums, finish }, root && cipherOf(root, id)));
    return { id, storedAt, sizeBytes, pieceSums: sums.digest(), ...digest };
  }

  /** Puts the bytes of a row back in their place. They are what was put there before. */
  async restore(row: ObjectRow, body: AsyncIterable<Buffer>): Promise<void> {
    const { id } = row;
    const root = this.rootOf(row);
    await this.bytes.put(id, root ? ciphered(body, cipherOf(root, id)) : body);
    await this.rows.damage.clear([id]);
  }

  /** The current version goes; where the bucket keeps versions, a delete marker comes in its place, and is answered. */
  async delete(
    bucket: ObjectBucket,
    key: string,
    condition: Condition = () => undefined,
  ): Promise<ObjectRow | undefined> {
    const createdAt = this.#clock.now();
    const empty = { sizeBytes: 0, pieceSums: Buffer.alloc(0), etag: '', contentType: '' };
    const marker = {
      ...this.rowOf(bucket, { id: uuid7(createdAt), createdAt, key, ...empty }),
      isDeleteMarker: true,
      retention: undefined,
    };
    return this.rows.change(bucket, wantedOf(bucket, key), (now) => {
      const current = now.current(key);
      condition(current);
      if (bucket.versioning !== 'Off') return replace(bucket, marker, now);
      if (current) now.remove(current, { now: createdAt });
      return undefined;
    });
  }

  /** That version, for good. Answers it; `undefined`: there was none. Throws ObjectLockedError. */
  deleteVersion(
    bucket: ObjectBucket,
    key: string,
    versionId: string,
    { condition = () => undefined, ...release }: Omit<Release, 'now'> & { condition?: Condition } = {},
  ) {
    return this.rows.change(bucket, [{ key, versionId }], (now): ObjectRow | undefined => {
      const found = now.version(key, versionId);
      condition(found);
      if (found) now.remove(found, { ...release, now: this.#clock.now() });
      return found;
    });
  }

  /** The bytes, out of what they rest under (`rootOf`), each of them as it was put, or BytesGoneError in place of the first that is not: that is noted. */
  async *read(row: ObjectRow, range?: ByteRange, root = this.rootOf(row)): AsyncIterable<Buffer> {
    try {
      yield* this.#read(row, range, root);
    } catch (error) {
      if (error instanceof BytesGoneError) await this.noteDamage(row, error.message).catch(() => undefined);
      throw error;
    }
  }

  /** What its bytes rest under; `undefined`: they are as they were put. Throws EncryptionKeyError. */
  rootOf({ encryption }: ObjectRow, customerKey?: CustomerKey): Buffer | undefined {
    if (encryption) return this.#keys.rootOf(encryption, customerKey);
    if (customerKey) throw new EncryptionKeyError('needless', 'the object is not encrypted by a key of a client');
    return undefined;
  }

  /** Reads all of it, as it rests. Yields how many bytes it has read since, and answers what is wrong with them; `undefined`: nothing is. */
  async *examine(row: ObjectRow): AsyncGenerator<number, string | undefined> {
    try {
      for await (const chunk of this.#read(row)) yield chunk.length;
      return undefined;
    } catch (error) {
      if (error instanceof BytesGoneError) return error.message;
      throw error;
    }
  }

  async damageOf(row: ObjectRow): Promise<string | undefined> {
    const reading = this.examine(row);
    for (;;) {
      const next = await reading.next();
      if (next.done) return next.value;
    }
  }

  now(): Date {
    return this.#clock.now();
  }

  /** It stays in the bucket, as it is: there is nothing that it could be restored from. */
  async noteDamage(row: ObjectRow, what: string): Promise<void> {
    if (await this.rows.damage.note(row, what, this.#clock.now())) this.#onDamage?.(row, what);
  }

  async *#read(
    row: ObjectRow,
    range: ByteRange = { first: 0, last: row.sizeBytes - 1 },
    root?: Buffer,
  ): AsyncIterable<Buffer> {
    if (row.sizeBytes === 0) return;
    if (row.partCount === 0) return yield* this.#readOne(row, range, root);
    let at = 0;
    for (const part of await this.rows.uploads.parts(row.id)) {
      const [first, last] = [Math.max(range.first - at, 0), Math.min(range.last - at, part.sizeBytes - 1)];
      if (first <= last) yield* this.#readOne(part, { first, last }, root);
      at += part.sizeBytes;
    }
    if (at <= range.last) throw new BytesGoneError(`parts from byte ${at} on are gone`);
  }

  async *#readOne(
    { id, sizeBytes, pieceSums }: Pick<ObjectRow, 'id' | 'sizeBytes' | 'pieceSums'>,
    range: ByteRange,
    root: Buffer | undefined,
  ) {
    const pieces = await this.bytes.get(id, piecesAround(range, sizeBytes));
    const right = checked(pieces, pieceSums, range, sizeBytes);
    yield* root ? ciphered(right, cipherOf(root, id, range.first)) : right;
  }

  /** As it is for the bucket to have. */
  rowOf(
    { versioning, objectLock }: ObjectBucket,
    row: Pick<NewRow, 'id' | 'createdAt' | 'sizeBytes' | 'pieceSums' | 'etag'> &
      ObjectDescription & { checksum?: StoredChecksum; partCount?: number },
  ): NewRow {
    const versionId = versioning === 'Enabled' ? row.id.replaceAll('-', '') : NULL_VERSION;
    const lock = objectLock?.defaultRetention;
    return {
      ...row,
      owner: row.owner,
      grants: row.grants,
      retention: row.retention ?? (lock && retentionFrom(row.createdAt, lock)),
      legalHold: row.legalHold ?? false,
      versionId,
      isDeleteMarker: false,
      headers: row.headers ?? {},
      metadata: row.metadata ?? {},
      tags: row.tags ?? {},
      checksum: row.checksum,
      declaredBy: row.declaredBy,
      encryption: row.encryption,
      partCount: row.partCount ?? 0,
    };
  }
}

/** While versions are not kept, what comes takes the place of the version without an id; while they are, of none. */
export function replace(bucket: ObjectBucket, row: NewRow, now: BucketDraft): ObjectRow {
  const replaced = bucket.versioning === 'Enabled' ? undefined : now.version(row.key, NULL_VERSION);
  const bytes = now.use.bytes + row.sizeBytes - (replaced?.sizeBytes ?? 0);
  if (bucket.quotaBytes !== undefined && bytes > bucket.quotaBytes && row.sizeBytes > 0)
    throw new QuotaError(
      `bucket ${bucket.name} may hold ${bucket.quotaBytes} bytes, and would hold ${bytes} with ${row.key}`,
    );
  if (replaced) now.remove(replaced, { now: row.createdAt });
  return now.add(row);
}

export const wantedOf = ({ versioning }: ObjectBucket, key: string) =>
  versioning === 'Enabled' ? [{ key }] : [{ key, versionId: NULL_VERSION }];

/** The ETag of most objects: MD5 of the bytes, in hexadecimal. */
function md5(): Digester {
  const hash = createHash('md5');
  return { update: (chunk) => void hash.update(chunk), finish: () => ({ etag: hash.digest('hex') }) };
}
