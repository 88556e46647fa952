import { uuid7 } from '../base/uuid7.ts';
import type { Clock } from '../base/clock.ts';
import { digested, replace, wantedOf } from './objects.ts';
import type { Condition, Digester, ObjectBucket, Objects } from './objects.ts';
import { PieceSums } from './pieces.ts';
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
    const upload = { id: uuid7(startedAt), bucket: bucket.name, key, startedAt, description };
    await this.#objects.rows.change(bucket, [], (now) => now.beginUpload(upload));
    return upload;
  }

  /** Throws UploadGoneError, NoSpaceError, and what `digester` throws. */
  async put(upload: Upload, number: number, body: AsyncIterable<Buffer>, digester: Digester): Promise<ObjectPart> {
    const { bytes, rows } = this.#objects;
    const storedAt = this.#clock.now();
    const id = uuid7(storedAt);
    const sums = new PieceSums();
    let digest: ReturnType<Digester['finish']> = { etag: '' };
    const sizeBytes = await bytes.put(
      id,
      digested(body, [digester, sums], () => (digest = digester.finish())),
    );
    const { etag, checksum } = digest;
    const part = { id, number, sizeBytes, etag, checksum: checksum?.value, pieceSums: sums.digest(), storedAt };
    if (await rows.uploads.putPart(upload.id, part)) return part;
    await bytes.delete([id]).catch(() => undefined);
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
