import { uuid7 } from '../base/uuid7.ts';
import type { Clock } from '../base/clock.ts';
import type { CustomerKey } from './encryption.ts';
import { replace, wantedOf } from './objects.ts';
import type { Condition, Digester, ObjectBucket, Objects } from './objects.ts';
import type { ObjectPart, ObjectRow, StoredChecksum, Upload, UploadDescription } from './row.ts';

/** The upload came to an end, or there never was one. */
export class UploadGoneError extends Error {
  override readonly name = 'UploadGoneError';
}

/** What an upload becomes. */
export interface Completion {
  parts: readonly ObjectPart[];
  etag: string;
  checksum?: StoredChecksum;
}

/** Objects that come in parts, each of which is durable by itself. */
export class Multipart {
  readonly #objects: Objects;
  readonly #clock: Clock;

  constructor(objects: Objects, clock: Clock) {
    this.#objects = objects;
    this.#clock = clock;
  }

  /** Throws BucketGoneError. */
  async begin(bucket: ObjectBucket, key: string, description: UploadDescription): Promise<Upload> {
    const startedAt = this.#clock.now();
    const encryption = description.encryption ?? bucket.encryption;
    const upload: Upload = {
      id: uuid7(startedAt),
      bucket: bucket.name,
      key,
      startedAt,
      description: { ...description, ...(encryption && { encryption }) },
    };
    await this.#objects.rows.change(bucket, [], (now) => now.beginUpload(upload));
    return upload;
  }

  /** Throws UploadGoneError, NoSpaceError, EncryptionKeyError, and what `digester` throws. */
  async put(
    upload: Upload,
    number: number,
    body: AsyncIterable<Buffer>,
    digester: Digester,
    customerKey?: CustomerKey,
  ): Promise<ObjectPart> {
    const { bytes, rows } = this.#objects;
    const { checksum, ...stored } = await this.#objects.store(
      body,
      digester,
      upload.description.encryption,
      customerKey,
    );
    const part = { ...stored, number, checksum: checksum?.value };
    if (await rows.uploads.putPart(upload.id, part)) return part;
    await bytes.delete([part.id]).catch(() => undefined);
    throw new UploadGoneError(`upload ${upload.id} has come to an end`);
  }

  /** The object is there as a whole, or not at all. Throws UploadGoneError, QuotaError, and what `condition` throws. */
  complete(
    bucket: ObjectBucket,
    upload: Upload,
    { parts, etag, checksum }: Completion,
    condition: Condition,
  ): Promise<ObjectRow> {
    const row = this.#objects.rowOf(bucket, {
      ...upload.description,
      id: upload.id,
      key: upload.key,
      createdAt: this.#clock.now(),
      sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
      pieceSums: Buffer.alloc(0),
      etag,
      checksum,
      partCount: parts.length,
    });
    const wanted = wantedOf(bucket, upload.key).map((each) => ({ ...each, uploadId: upload.id }));
    return this.#objects.rows.change(bucket, wanted, (now) => {
      condition(now.current(upload.key));
      this.#end(
        upload,
        now.endUpload(
          upload.id,
          parts.map(({ id }) => id),
        ),
      );
      return replace(bucket, row, now);
    });
  }

  /** Throws UploadGoneError. */
  abort(bucket: ObjectBucket, upload: Upload): Promise<void> {
    return this.#objects.rows.change(bucket, [{ key: upload.key, uploadId: upload.id }], (now) =>
      this.#end(upload, now.endUpload(upload.id, [])),
    );
  }

  #end({ id }: Upload, isEnded: boolean): void {
    if (!isEnded) throw new UploadGoneError(`upload ${id} has come to an end`);
  }
}
