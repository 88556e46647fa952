import type { Buckets } from '../buckets.ts';
import type { Digester, Objects } from '../objects.ts';
import { checksumAlgorithm } from '../wire/checksums.ts';
import { S3Error } from '../wire/errors.ts';
import { decodedText } from '../wire/request-target.ts';
import { READING } from './asks.ts';
import { askedObject } from './asked-object.ts';
import { quoted, writtenVersion, xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { checkSource, writeCondition } from './conditions.ts';
import { digesterBy } from './digester.ts';
import { encryptionHeaders, givenKey } from './encryption.ts';
import { checkedKey } from './request.ts';
import type { S3Request } from './request.ts';

interface CopySource {
  bucket: string;
  key: string;
  versionId: string | undefined;
}

/** `/bucket/key?versionId=…`, percent-encoded. */
function copySource(text: string): CopySource {
  const mark = text.lastIndexOf('?versionId=');
  const path = decodedText(mark < 0 ? text : text.slice(0, mark)).replace(/^\//, '');
  const slash = path.indexOf('/');
  if (slash < 1 || slash === path.length - 1)
    throw new S3Error('InvalidArgument', {
      message: 'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      extra: { ArgumentName: 'x-amz-copy-source', ArgumentValue: text },
    });
  const versionId = mark < 0 ? undefined : decodedText(text.slice(mark + '?versionId='.length));
  return { bucket: path.slice(0, slash), key: checkedKey(path.slice(slash + 1)), versionId };
}

const directive = (request: S3Request, name: string): 'COPY' | 'REPLACE' => {
  const value = request.header(name) ?? 'COPY';
  if (value !== 'COPY' && value !== 'REPLACE')
    throw new S3Error('InvalidArgument', {
      message: `Unknown ${name}`,
      extra: { ArgumentName: name, ArgumentValue: value },
    });
  return value;
};

/** What is copied, where who asks may read it and its conditions hold. */
export async function sourceOf(request: S3Request, objects: Objects, buckets: Buckets, text: string) {
  const source = copySource(text);
  const from = buckets.find(source.bucket);
  if (!from) throw new S3Error('NoSuchBucket', { extra: { BucketName: source.bucket } });
  const { key, versionId } = source;
  await request.checkAlso({ ...READING, key, ...(versionId !== undefined && { versionId }) }, from);
  const row = await objects.rows.find(from.name, source.key, source.versionId);
  if (!row || row.isDeleteMarker)
    throw new S3Error(source.versionId === undefined || row ? 'NoSuchKey' : 'NoSuchVersion', {
      extra: { Key: source.key },
    });
  checkSource(request.headers, row);
  return { source, from, row };
}

export async function copyObject(
  request: S3Request,
  objects: Objects,
  buckets: Buckets,
  text: string,
): Promise<Answer> {
  const { headers, bucket, key } = request;
  const { description: given, customerKey } = await askedObject(request, buckets);
  const { source, from, row } = await sourceOf(request, objects, buckets, text);
  const [metadata, tagging] = [
    directive(request, 'x-amz-metadata-directive'),
    directive(request, 'x-amz-tagging-directive'),
  ];
  if (
    from.uid === bucket.uid &&
    source.key === key &&
    metadata === 'COPY' &&
    source.versionId === undefined &&
    !given.encryption
  )
    throw new S3Error('InvalidRequest', {
      message:
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    });
  const kept = { contentType: row.contentType, headers: row.headers, metadata: row.metadata };
  const description = {
    ...(metadata === 'COPY' ? { ...given, ...kept } : given),
    tags: tagging === 'COPY' ? row.tags : (given.tags ?? {}),
  };
  const copied = await objects.put(
    bucket,
    description,
    objects.read(row, undefined, objects.rootOf(row, givenKey(request, 'source'))),
    {
      digester: digesterOf(request, row.checksum?.algorithm),
      condition: writeCondition(headers),
      customerKey,
    },
  );
  const checksum = copied.checksum && {
    [`Checksum${copied.checksum.algorithm}`]: copied.checksum.value,
    ChecksumType: copied.checksum.type,
  };
  return xml(
    'CopyObjectResult',
    { ETag: quoted(copied.etag), LastModified: copied.createdAt, ...checksum },
    {
      ...encryptionHeaders(copied.encryption),
      ...writtenVersion(copied),
      ...(row.versionId === 'null' && from.versioning === 'Off'
        ? {}
        : { 'x-amz-copy-source-version-id': row.versionId }),
    },
  );
}

/** Of a copy, the checksum that is asked for, else by the same algorithm as its source has one. */
function digesterOf(request: S3Request, ofSource: string | undefined): Digester {
  const named = request.header('x-amz-checksum-algorithm') ?? ofSource;
  const algorithm = named === undefined ? undefined : checksumAlgorithm(named);
  if (named !== undefined && !algorithm)
    throw new S3Error('InvalidRequest', { message: `Checksum algorithm provided is unsupported: ${named}` });
  return digesterBy(algorithm);
}
