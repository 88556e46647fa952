import { UUID } from '../../base/uuid7.ts';
import type { Buckets, S3Bucket } from '../buckets.ts';
import type { Objects } from '../objects.ts';
import { Multipart } from '../multipart.ts';
import type { ObjectPart, ObjectRow, Upload } from '../row.ts';
import { askedChecksum } from '../wire/asked-checksum.ts';
import { CHECKSUM_ALGORITHMS, multipartEtag } from '../wire/checksums.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import { ownerElement } from './acl.ts';
import { askedObject } from './asked-object.ts';
import { quoted, writtenVersion, xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { writeCondition } from './conditions.ts';
import { sourceOf } from './copy.ts';
import { askedDigester, digesterBy } from './digester.ts';
import { encryptionHeaders, givenKey } from './encryption.ts';
import { urlEncoded } from './listing.ts';
import { rangeOf, uploaded } from './object-operations.ts';
import { checkWhole, checksumOf, uploadChecksum } from './part-checksums.ts';
import { MOST_PARTS, partNumber } from './parts.ts';
import type { S3Request } from './request.ts';

const SMALLEST_PART = 5 << 20;
const MOST_LISTED = 1_000;

export class MultipartOperations {
  readonly #objects: Objects;
  readonly #buckets: Buckets;
  readonly #multipart: Multipart;

  constructor(objects: Objects, buckets: Buckets, multipart: Multipart) {
    this.#objects = objects;
    this.#buckets = buckets;
    this.#multipart = multipart;
  }

  async create(request: S3Request): Promise<Answer> {
    const { bucket } = request;
    const { description } = await askedObject(request, this.#buckets);
    const { key, headers = {}, metadata = {}, tags = {}, ...rest } = description;
    const checksum = uploadChecksum(request);
    const upload = await this.#multipart.begin(bucket, key, {
      ...rest,
      headers,
      metadata,
      tags,
      ...(checksum && { checksum }),
    });
    const said: Record<string, string> = checksum
      ? { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type }
      : {};
    return xml(
      'InitiateMultipartUploadResult',
      { Bucket: bucket.name, Key: key, UploadId: upload.id },
      { ...said, ...encryptionHeaders(upload.description.encryption) },
    );
  }

  async putPart(request: S3Request): Promise<Answer> {
    const upload = await this.#found(request);
    const number = partNumber(request);
    const source = request.header('x-amz-copy-source');
    if (source !== undefined) return this.#copyPart(request, upload, number, source);
    const body = request.body();
    const asked = askedChecksum(request.headers);
    const algorithm = upload.description.checksum?.algorithm;
    if (algorithm !== undefined && asked.checksum && asked.checksum.algorithm !== algorithm)
      throw new S3Error('InvalidRequest', {
        message: `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: ${asked.checksum.algorithm.toLowerCase()}`,
      });
    const kept = algorithm ?? asked.checksum?.algorithm;
    const digester = askedDigester(asked, () => body.trailers, kept);
    const part = await this.#multipart.put(upload, number, uploaded(request, body), digester, givenKey(request));
    return {
      headers: {
        etag: quoted(part.etag),
        ...encryptionHeaders(upload.description.encryption),
        ...(kept && part.checksum !== undefined && { [`x-amz-checksum-${kept.toLowerCase()}`]: part.checksum }),
      },
    };
  }

  async #copyPart(request: S3Request, upload: Upload, number: number, source: string): Promise<Answer> {
    const { row } = await sourceOf(request, this.#objects, this.#buckets, source);
    const text = request.header('x-amz-copy-source-range');
    if (text !== undefined && !/^bytes=\d{1,15}-\d{1,15}$/.test(text))
      throw new S3Error('InvalidArgument', {
        message: 'The x-amz-copy-source-range value must be of the form bytes=first-last',
      });
    const range = rangeOf(text, row.sizeBytes);
    if (range && Number(text?.split('-')[1]) >= row.sizeBytes) throw new S3Error('InvalidRange');
    const algorithm = upload.description.checksum?.algorithm;
    const part = await this.#multipart.put(
      upload,
      number,
      this.#objects.read(row, range, this.#objects.rootOf(row, givenKey(request, 'source'))),
      digesterBy(algorithm),
      givenKey(request),
    );
    const copied = {
      ETag: quoted(part.etag),
      LastModified: part.storedAt,
      ...(algorithm && { [`Checksum${algorithm}`]: part.checksum }),
    };
    return xml('CopyPartResult', copied, encryptionHeaders(upload.description.encryption));
  }

  async complete(request: S3Request): Promise<Answer> {
    const { bucket, headers } = request;
    const { Part: given = [] } = parseXml(await request.document({ isOfObject: true }), {
      root: 'CompleteMultipartUpload',
      lists: ['Part'],
      maxElements: 100_000,
      maxBytes: 4 << 20,
    });
    const done = await this.#completed(request);
    if (done) return completed(done);
    const upload = await this.#found(request);
    const stored = new Map((await this.#objects.rows.uploads.parts(upload.id)).map((part) => [part.number, part]));
    const parts = chosen(given as readonly XmlElement[], stored);
    const etag = multipartEtag(parts.map((part) => part.etag));
    const checksum = checksumOf(upload, parts);
    checkWhole(request, parts, checksum);
    const row = await this.#multipart.complete(
      bucket,
      upload,
      { parts, etag, ...(checksum && { checksum }) },
      writeCondition(headers),
    );
    return completed(row);
  }

  /** What an upload has become that was completed before: the answer may not have come. */
  async #completed({ query, bucket, key }: S3Request): Promise<ObjectRow | undefined> {
    const current = await this.#objects.rows.find(bucket.name, key);
    return current?.id === query.get('uploadId') ? current : undefined;
  }

  async abort(request: S3Request): Promise<Answer> {
    await this.#multipart.abort(request.bucket, await this.#found(request));
    return { status: 204 };
  }

  async listParts(request: S3Request): Promise<Answer> {
    const upload = await this.#found(request);
    const { query, bucket, key } = request;
    const most = numberIn(query.get('max-parts'), MOST_LISTED);
    const marker = numberIn(query.get('part-number-marker'), 0, MOST_PARTS);
    const parts = await this.#objects.rows.uploads.parts(upload.id, marker, most + 1);
    const shown = parts.slice(0, most);
    const algorithm = upload.description.checksum?.algorithm;
    return xml('ListPartsResult', {
      Bucket: bucket.name,
      Key: key,
      UploadId: upload.id,
      ...ownersOf(upload, bucket),
      StorageClass: 'STANDARD',
      PartNumberMarker: marker,
      NextPartNumberMarker: shown.at(-1)?.number ?? marker,
      MaxParts: most,
      IsTruncated: parts.length > most,
      ChecksumAlgorithm: algorithm,
      ChecksumType: upload.description.checksum?.type,
      Part: shown.map((part) => ({
        PartNumber: part.number,
        LastModified: part.storedAt,
        ETag: quoted(part.etag),
        Size: part.sizeBytes,
        ...(algorithm && { [`Checksum${algorithm}`]: part.checksum }),
      })),
    });
  }

  async listUploads({ query, bucket }: S3Request): Promise<Answer> {
    const prefix = query.get('prefix') ?? '';
    const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? ''];
    const most = numberIn(query.get('max-uploads'), MOST_LISTED);
    const delimiter = query.get('delimiter') ?? '';
    if (delimiter !== '')
      throw new S3Error('NotImplemented', { message: 'Uploads are not listed by a delimiter here' });
    const encoded = (text: string) => (query.get('encoding-type') === 'url' ? urlEncoded(text) : text);
    const afterId = keyMarker !== '' && UUID.test(idMarker) ? idMarker : '';
    const found = await this.#objects.rows.uploads.list(bucket.name, {
      prefix,
      afterKey: keyMarker,
      afterId,
      most: most + 1,
    });
    const shown = found.slice(0, most);
    const last = found.length > most ? shown.at(-1) : undefined;
    return xml('ListMultipartUploadsResult', {
      Bucket: bucket.name,
      KeyMarker: encoded(keyMarker),
      UploadIdMarker: idMarker,
      NextKeyMarker: last && encoded(last.key),
      NextUploadIdMarker: last?.id,
      Prefix: encoded(prefix),
      MaxUploads: most,
      IsTruncated: found.length > most,
      Upload: shown.map(({ id, key, startedAt, description }) => ({
        Key: encoded(key),
        UploadId: id,
        ...ownersOf({ description }, bucket),
        StorageClass: 'STANDARD',
        Initiated: startedAt,
        ChecksumAlgorithm: description.checksum?.algorithm,
        ChecksumType: description.checksum?.type,
      })),
    });
  }

  async #found({ query, bucket, key }: S3Request): Promise<Upload> {
    const id = query.get('uploadId') ?? '';
    const upload = UUID.test(id) ? await this.#objects.rows.uploads.find(id) : undefined;
    if (upload?.bucket !== bucket.name || upload.key !== key)
      throw new S3Error('NoSuchUpload', { extra: { UploadId: id } });
    return upload;
  }
}

function ownersOf({ description }: Pick<Upload, 'description'>, bucket: S3Bucket) {
  const owner = ownerElement(description.owner ?? bucket.namespace);
  return { Initiator: owner, Owner: owner };
}

function numberIn(text: string | undefined, fallback: number, most = MOST_LISTED): number {
  if (text === undefined || text === '') return fallback;
  if (!/^\d{1,10}$/.test(text)) throw new S3Error('InvalidArgument');
  return Math.min(Number(text), most);
}

function completed(row: ObjectRow): Answer {
  const { bucket, key, etag, checksum } = row;
  return xml(
    'CompleteMultipartUploadResult',
    {
      Location: `/${bucket}/${key}`,
      Bucket: bucket,
      Key: key,
      ETag: quoted(etag),
      ...(checksum && { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type }),
    },
    { ...encryptionHeaders(row.encryption), ...writtenVersion(row) },
  );
}

/** The parts that the client names, in its order. Throws MalformedXML, InvalidPartOrder, InvalidPart and EntityTooSmall. */
function chosen(given: readonly XmlElement[], stored: ReadonlyMap<number, ObjectPart>): readonly ObjectPart[] {
  if (given.length === 0 || given.length > MOST_PARTS) throw new S3Error('MalformedXML');
  const numbers = given.map(({ PartNumber: text }) => Number(text));
  if (numbers.some((number, i) => i > 0 && number <= (numbers[i - 1] ?? 0))) throw new S3Error('InvalidPartOrder');
  const parts = given.map((element, i) => {
    const part = stored.get(numbers[i] ?? 0);
    const etag = typeof element['ETag'] === 'string' ? element['ETag'].replaceAll('"', '') : '';
    const said = CHECKSUM_ALGORITHMS.map((algorithm) => element[`Checksum${algorithm}`]).find(
      (value) => value !== undefined,
    );
    if (part?.etag !== etag || (said !== undefined && part.checksum !== undefined && said !== part.checksum))
      throw new S3Error('InvalidPart', { extra: { PartNumber: String(numbers[i]), ETag: etag } });
    return part;
  });
  const small = parts.slice(0, -1).find(({ sizeBytes }) => sizeBytes < SMALLEST_PART);
  if (small)
    throw new S3Error('EntityTooSmall', {
      extra: {
        PartNumber: String(small.number),
        ProposedSize: String(small.sizeBytes),
        MinSizeAllowed: String(SMALLEST_PART),
      },
    });
  return parts;
}
