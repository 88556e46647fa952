import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { ListObjectVersionsCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { setMaxListeners } from 'node:events';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { told } from './places.ts';
import type { S3Place } from './places.ts';
import { clientOf } from './sdk-client.ts';
import type { S3Connection } from './sdk-client.ts';
import {
  bucketOf,
  contentsOf,
  decoded,
  describedBy,
  descriptionOf,
  placed,
  headersOf,
  refusalOf,
  sourceOf,
  unquoted,
  versionsOf,
} from './sdk-words.ts';
import type {
  Description,
  DescribedObject,
  OpenObject,
  StoredBucket,
  StoredObject,
  StoredPart,
  StoredVersion,
} from './stored.ts';

const CRC32 = 'CRC32';
/** Bytes of a part of a stream, whose length is not known: S3's 10,000 parts are 160 GiB. */
const STREAM_PART = 16 << 20;

/** S3, by the client library of AWS. Variables and files that set up AWS are not looked at. */
export class S3 {
  readonly #client: S3Client;
  readonly #endpoint: string;
  readonly #signal: AbortSignal;

  constructor(connection: S3Connection) {
    this.#endpoint = connection.endpoint;
    this.#signal = connection.signal;
    // Each request listens to it.
    setMaxListeners(0, this.#signal);
    this.#client = clientOf(connection);
  }

  close(): void {
    this.#client.destroy();
  }

  async buckets(): Promise<StoredBucket[]> {
    const { Buckets = [] } = await this.#ask('', (how) => this.#client.send(new ListBucketsCommand({}), how));
    return Buckets.map(bucketOf);
  }

  async makeBucket(bucket: string): Promise<void> {
    await this.#ask(`s3://${bucket}`, (how) => this.#client.send(new CreateBucketCommand({ Bucket: bucket }), how));
  }

  async removeBucket(bucket: string): Promise<void> {
    await this.#ask(`s3://${bucket}`, (how) => this.#client.send(new DeleteBucketCommand({ Bucket: bucket }), how));
  }

  /** Objects by key; with a delimiter, also common prefixes. */
  async *list({ bucket, key: prefix }: S3Place, delimiter?: string): AsyncGenerator<StoredObject | { prefix: string }> {
    let next: string | undefined;
    do {
      const asked = new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: prefix,
        Delimiter: delimiter,
        ContinuationToken: next,
        EncodingType: 'url',
      });
      const page = await this.#ask(`s3://${bucket}`, (how) => this.#client.send(asked, how));
      yield* contentsOf(page);
      next = page.NextContinuationToken;
    } while (next !== undefined);
  }

  /** Versions and delete markers, by key. */
  async *versions({ bucket, key: prefix }: S3Place): AsyncGenerator<StoredVersion> {
    let [key, version]: [string | undefined, string | undefined] = [undefined, undefined];
    do {
      const asked: ListObjectVersionsCommand = new ListObjectVersionsCommand({
        Bucket: bucket,
        Prefix: prefix,
        KeyMarker: key,
        VersionIdMarker: version,
        EncodingType: 'url',
      });
      const page: ListObjectVersionsCommandOutput = await this.#ask(`s3://${bucket}`, (how) =>
        this.#client.send(asked, how),
      );
      yield* versionsOf(page);
      [key, version] = [page.NextKeyMarker && decoded(page.NextKeyMarker), page.NextVersionIdMarker];
    } while (key !== undefined);
  }

  /** With `part`, the size is that of this part. */
  async head(place: S3Place, part?: number): Promise<DescribedObject> {
    const asked = new HeadObjectCommand({ ...placed(place), PartNumber: part });
    const found = await this.#ask(told(place), (how) => this.#client.send(asked, how));
    return { ...describedBy(place.key, found), description: descriptionOf(found) };
  }

  /** The bytes from `from` on. With an ETag, throws CHANGED when the object has another one. */
  async get(place: S3Place, { from = 0, etag }: { from?: number; etag?: string } = {}): Promise<OpenObject> {
    const asked = new GetObjectCommand({
      ...placed(place),
      Range: from > 0 ? `bytes=${from}-` : undefined,
      IfMatch: etag && `"${etag}"`,
    });
    const found = await this.#ask(told(place), (how) => this.#client.send(asked, how));
    return { ...describedBy(place.key, found), body: addAbortSignal(this.#signal, found.Body as Readable) };
  }

  async put(place: S3Place, body: Buffer, description: Description): Promise<void> {
    const asked = new PutObjectCommand({ ...placed(place), ...headersOf(description), Body: body });
    await this.#ask(told(place), (how) => this.#client.send(asked, how));
  }

  /** A long stream goes in parts. When it breaks off, its parts are removed. */
  async putStream(place: S3Place, body: Readable, description: Description): Promise<void> {
    await this.#ask(told(place), async ({ abortSignal }) => {
      const params = { ...placed(place), ...headersOf(description), Body: body };
      const upload = new Upload({ client: this.#client, params, partSize: STREAM_PART });
      const abort = () => void upload.abort();
      abortSignal.addEventListener('abort', abort, { once: true });
      await upload.done().finally(() => abortSignal.removeEventListener('abort', abort));
    });
  }

  async copy(from: S3Place, to: S3Place, description?: Description): Promise<void> {
    const asked = new CopyObjectCommand({
      ...placed(to),
      CopySource: sourceOf(from),
      ...(description && { MetadataDirective: 'REPLACE', ...headersOf(description) }),
    });
    await this.#ask(told(to), (how) => this.#client.send(asked, how));
  }

  /** With a version's id, that version, for good. With an ETag, throws CHANGED when the object has another one. */
  async delete(place: S3Place, { versionId, etag }: { versionId?: string; etag?: string } = {}): Promise<void> {
    const asked = new DeleteObjectCommand({ ...placed(place), VersionId: versionId, IfMatch: etag && `"${etag}"` });
    await this.#ask(told(place), (how) => this.#client.send(asked, how));
  }

  /** The id of the newest unfinished upload to this key whose parts have CRC-32 checksums, as ours have. */
  async lastUpload({ bucket, key }: S3Place): Promise<string | undefined> {
    const asked = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key, EncodingType: 'url' });
    const { Uploads = [] } = await this.#ask(`s3://${bucket}`, (how) => this.#client.send(asked, how));
    return Uploads.filter(({ Key = '', ChecksumAlgorithm }) => decoded(Key) === key && ChecksumAlgorithm === CRC32)
      .toSorted((a, b) => Number(a.Initiated) - Number(b.Initiated))
      .at(-1)?.UploadId;
  }

  async beginUpload(place: S3Place, description: Description): Promise<string> {
    const asked = new CreateMultipartUploadCommand({
      ...placed(place),
      ...headersOf(description),
      ChecksumAlgorithm: CRC32,
    });
    const { UploadId = '' } = await this.#ask(told(place), (how) => this.#client.send(asked, how));
    return UploadId;
  }

  async parts(place: S3Place, uploadId: string): Promise<StoredPart[]> {
    const parts: StoredPart[] = [];
    let next: string | undefined;
    do {
      const asked = new ListPartsCommand({ ...placed(place), UploadId: uploadId, PartNumberMarker: next });
      const page = await this.#ask(told(place), (how) => this.#client.send(asked, how));
      for (const { PartNumber = 0, Size = 0, ETag, ChecksumCRC32: checksum } of page.Parts ?? [])
        parts.push({ number: PartNumber, sizeBytes: Size, etag: unquoted(ETag), checksum });
      next = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (next !== undefined);
    return parts;
  }

  async putPart(place: S3Place, uploadId: string, number: number, body: Buffer): Promise<StoredPart> {
    const asked = new UploadPartCommand({
      ...placed(place),
      UploadId: uploadId,
      PartNumber: number,
      Body: body,
      ChecksumAlgorithm: CRC32,
    });
    const { ETag, ChecksumCRC32 } = await this.#ask(told(place), (how) => this.#client.send(asked, how));
    return { number, sizeBytes: body.length, etag: unquoted(ETag), checksum: ChecksumCRC32 };
  }

  /** Copies bytes `first` to `last`, inclusive, if the object still has the ETag. */
  async copyPart(
    from: S3Place & { etag: string },
    to: S3Place,
    { uploadId, number, first, last }: { uploadId: string; number: number; first: number; last: number },
  ): Promise<StoredPart> {
    const asked = new UploadPartCopyCommand({
      ...placed(to),
      UploadId: uploadId,
      PartNumber: number,
      CopySource: sourceOf(from),
      CopySourceIfMatch: `"${from.etag}"`,
      CopySourceRange: `bytes=${first}-${last}`,
    });
    const { CopyPartResult: made } = await this.#ask(told(to), (how) => this.#client.send(asked, how));
    return { number, sizeBytes: last - first + 1, etag: unquoted(made?.ETag), checksum: made?.ChecksumCRC32 };
  }

  async completeUpload(place: S3Place, uploadId: string, parts: readonly StoredPart[]): Promise<void> {
    const asked = new CompleteMultipartUploadCommand({
      ...placed(place),
      UploadId: uploadId,
      MultipartUpload: {
        Parts: parts.map(({ number, etag, checksum }) => ({
          PartNumber: number,
          ETag: `"${etag}"`,
          ChecksumCRC32: checksum,
        })),
      },
    });
    await this.#ask(told(place), (how) => this.#client.send(asked, how));
  }

  async abortUpload(place: S3Place, uploadId: string): Promise<void> {
    // Without the command's signal, as it is called after Ctrl-C, too.
    await this.#client.send(new AbortMultipartUploadCommand({ ...placed(place), UploadId: uploadId }));
  }

  /** A URL that works for so many seconds, for anybody. */
  presign(place: S3Place, method: 'get' | 'put', seconds: number): Promise<string> {
    const asked = method === 'get' ? new GetObjectCommand(placed(place)) : new PutObjectCommand(placed(place));
    return getSignedUrl(this.#client, asked, { expiresIn: seconds });
  }

  /** Throws S3Refusal and Unreachable; `where` is for their messages. */
  async #ask<T>(where: string, ask: (how: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    try {
      return await ask({ abortSignal: this.#signal });
    } catch (error) {
      throw refusalOf(error, where, this.#endpoint);
    }
  }
}
