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
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { setMaxListeners } from 'node:events';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import type { Trust } from '../../../cli/https.ts';
import { told } from './places.ts';
import type { S3Place } from './places.ts';
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

const CONNECT_MS = 10_000;
const CRC32 = 'CRC32';
/** Of a stream whose end is not known: 10,000 of them are 160 GiB. */
const STREAM_PART = 16 << 20;

export interface S3Connection {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** How a certificate is checked, where the endpoint is https. */
  trust: Trust;
  /** For one answer, in milliseconds; 0: no limit. */
  requestTimeoutMs: number;
  signal: AbortSignal;
}

/** S3, by the client library of AWS. It alone is loaded when a command needs S3, and nothing that is set for AWS reaches it. */
export class S3 {
  readonly #client: S3Client;
  readonly #endpoint: string;
  readonly #signal: AbortSignal;

  constructor(connection: S3Connection) {
    const { endpoint, region, accessKeyId, secretAccessKey, trust, requestTimeoutMs, signal } = connection;
    // The library tells everybody on Node 20 that its versions of 2027 want Node 22. Which version is used is not theirs to choose.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
    this.#endpoint = endpoint;
    this.#signal = signal;
    // Each request listens to it.
    setMaxListeners(0, signal);
    this.#client = new S3Client({
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        ...(requestTimeoutMs > 0 && { requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true }),
        httpsAgent: { ...trust },
      },
      // What is left out is looked for in variables and files of AWS.
      defaultsMode: 'standard',
      maxAttempts: 3,
      retryMode: 'standard',
      requestChecksumCalculation: 'WHEN_SUPPORTED',
      responseChecksumValidation: 'WHEN_SUPPORTED',
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      useArnRegion: false,
      disableS3ExpressSessionAuth: true,
      authSchemePreference: [],
      sigv4aSigningRegionSet: [region],
      userAgentAppId: 'miniaws',
    });
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

  /** Objects by key; with a delimiter, the beginnings of keys that have it after the prefix, too. */
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

  /** `part`: its size in place of the object's. */
  async head(place: S3Place, part?: number): Promise<DescribedObject> {
    const asked = new HeadObjectCommand({ ...placed(place), PartNumber: part });
    const found = await this.#ask(told(place), (how) => this.#client.send(asked, how));
    return { ...describedBy(place.key, found), description: descriptionOf(found) };
  }

  /** Throws CHANGED where it is another one than `etag`. */
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

  /** In parts, where it is long. Nothing is left of one that breaks off. */
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

  /** Of the version where one is named: for good. Throws CHANGED where it is another one than `etag`. */
  async delete(place: S3Place, { versionId, etag }: { versionId?: string; etag?: string } = {}): Promise<void> {
    const asked = new DeleteObjectCommand({ ...placed(place), VersionId: versionId, IfMatch: etag && `"${etag}"` });
    await this.#ask(told(place), (how) => this.#client.send(asked, how));
  }

  /** The upload to this key that was begun last, of those that a later one may go on with. */
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

  /** The bytes of the range, its last one among them, of an object that still is `etag`. */
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
    // After Ctrl-C, too.
    await this.#client.send(new AbortMultipartUploadCommand({ ...placed(place), UploadId: uploadId }));
  }

  /** Good for so many seconds, to whoever has it. */
  presign(place: S3Place, method: 'get' | 'put', seconds: number): Promise<string> {
    const asked = method === 'get' ? new GetObjectCommand(placed(place)) : new PutObjectCommand(placed(place));
    return getSignedUrl(this.#client, asked, { expiresIn: seconds });
  }

  /** Throws S3Refusal and Unreachable. `where` it is asked is told with it. */
  async #ask<T>(where: string, ask: (how: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    try {
      return await ask({ abortSignal: this.#signal });
    } catch (error) {
      throw refusalOf(error, where, this.#endpoint);
    }
  }
}
