import type { Buckets } from '../buckets.ts';
import type { ByteRange } from '../../drivers/objects/bytes.ts';
import type { Condition, Objects } from '../objects.ts';
import type { ObjectRow } from '../row.ts';
import { askedChecksum } from '../wire/asked-checksum.ts';
import type { RequestBody } from '../wire/body.ts';
import { S3Error } from '../wire/errors.ts';
import { askedObject } from './asked-object.ts';
import { checksumHeaders, quoted, versionHeaders, writtenVersion } from './answer.ts';
import type { Answer } from './answer.ts';
import { checkRead, writeCondition } from './conditions.ts';
import { askedDigester } from './digester.ts';
import { found, isVersioned } from './found.ts';
import { encryptionHeaders, givenKey, refuseChoice } from './encryption.ts';
import { headerText, isHeaderText } from './texts.ts';
import { bypasses } from './object-lock.ts';
import { partNumber, partOf } from './parts.ts';
import type { S3Request } from './request.ts';

/** Of one upload; larger ones come in parts. */
export const LARGEST_PUT = 5 * 2 ** 30;

export async function putObject(request: S3Request, objects: Objects, buckets: Buckets): Promise<Answer> {
  const { headers, bucket } = request;
  const { description, customerKey } = await askedObject(request, buckets);
  const body = request.body();
  const row = await objects.put(bucket, description, uploaded(request, body), {
    digester: askedDigester(askedChecksum(headers), () => body.trailers),
    condition: writeCondition(headers),
    customerKey,
  });
  return {
    headers: {
      etag: quoted(row.etag),
      ...checksumHeaders(row),
      ...encryptionHeaders(row.encryption),
      ...writtenVersion(row),
    },
  };
}

/** A length is known, or the body comes in chunks of HTTP's own; it is not too large in either case. */
export async function* uploaded({ headers }: S3Request, body: RequestBody): AsyncIterable<Buffer> {
  if (body.length === undefined && headers['transfer-encoding'] === undefined)
    throw new S3Error('MissingContentLength');
  let size = body.length ?? 0;
  const check = () => {
    if (size > LARGEST_PUT)
      throw new S3Error('EntityTooLarge', {
        extra: { ProposedSize: String(size), MaxSizeAllowed: String(LARGEST_PUT) },
      });
  };
  check();
  for await (const chunk of body) {
    if (body.length === undefined) size += chunk.length;
    check();
    yield chunk;
  }
}

export async function getObject(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await found(request, objects);
  const { headers, range, status, root } = await readAnswer(request, row, objects);
  return { status, headers, body: objects.read(row, range, root) };
}

export async function headObject(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await found(request, objects);
  const { headers, status } = await readAnswer(request, row, objects);
  return { status, headers };
}

async function readAnswer(request: S3Request, row: ObjectRow, objects: Objects) {
  Object.assign(request.refusalHeaders, { etag: quoted(row.etag), 'last-modified': row.createdAt.toUTCString() });
  refuseChoice(request);
  // Who reads but its head has the key, too.
  const root = objects.rootOf(row, givenKey(request));
  checkRead(request.headers, row);
  const part = await askedPart(request, row, objects);
  const range = part ?? rangeOf(request.header('range'), row.sizeBytes);
  const isWhole = range === undefined;
  const size = isWhole ? row.sizeBytes : range.last - range.first + 1;
  const wantsChecksum = isWhole && request.header('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED';
  return {
    range,
    root,
    status: isWhole ? 200 : 206,
    headers: {
      'content-type': row.contentType,
      ...Object.fromEntries(Object.entries(row.headers).map(([name, value]) => [name.toLowerCase(), value])),
      ...Object.fromEntries(
        Object.entries(row.metadata).map(([name, value]) => [`x-amz-meta-${name}`, headerText(value)]),
      ),
      ...overrides(request),
      'content-length': String(size),
      'last-modified': row.createdAt.toUTCString(),
      'accept-ranges': 'bytes',
      etag: quoted(row.etag),
      ...(isWhole ? {} : { 'content-range': `bytes ${range.first}-${range.last}/${row.sizeBytes}` }),
      ...(wantsChecksum ? checksumHeaders(row) : {}),
      ...(part?.checksum === undefined || !row.checksum
        ? {}
        : checksumHeaders({ checksum: { ...row.checksum, value: part.checksum } })),
      ...(part?.count === undefined ? {} : { 'x-amz-mp-parts-count': String(part.count) }),
      ...lockHeaders(row),
      ...encryptionHeaders(row.encryption),
      ...(Object.keys(row.tags).length > 0 ? { 'x-amz-tagging-count': String(Object.keys(row.tags).length) } : {}),
      ...versionHeaders(row, isVersioned(request)),
    },
  };
}

const lockHeaders = ({ retention, legalHold }: ObjectRow): Record<string, string> => ({
  ...(retention && {
    'x-amz-object-lock-mode': retention.mode,
    'x-amz-object-lock-retain-until-date': retention.until.toISOString(),
  }),
  ...(legalHold && { 'x-amz-object-lock-legal-hold': 'ON' }),
});

async function askedPart(request: S3Request, row: ObjectRow, objects: Objects) {
  const text = request.query.get('partNumber');
  if (text === undefined || row.sizeBytes === 0) return undefined;
  if (request.header('range') !== undefined)
    throw new S3Error('InvalidRequest', { message: 'Cannot specify both Range header and partNumber query parameter' });
  return partOf(row, partNumber(request), objects);
}

/** `response-content-type` and such: who signs a URL says what a browser is to make of it. */
function overrides({ query, asker }: S3Request): Record<string, string> {
  const given = [...query].flatMap(([name, value]) =>
    /^response-(content-(type|language|disposition|encoding)|cache-control|expires)$/.test(name)
      ? [[name.slice('response-'.length), value] as const]
      : [],
  );
  if (given.length > 0 && !asker)
    throw new S3Error('InvalidRequest', {
      message: 'Request specific response headers cannot be used for anonymous GET requests.',
    });
  if (given.some(([, value]) => !isHeaderText(value))) throw new S3Error('InvalidArgument');
  return Object.fromEntries(given);
}

/** One range alone; of what is no range, or several, everything is answered. Throws InvalidRange where none of it is there. */
export function rangeOf(text: string | undefined, size: number): ByteRange | undefined {
  const parts = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(text?.trim() ?? '');
  const [, from = '', to = ''] = parts ?? [];
  if (!parts || (from === '' && to === '')) return undefined;
  const first = from === '' ? Math.max(size - Number(to), 0) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  if (first >= size || (from === '' && Number(to) === 0))
    throw new S3Error('InvalidRange', { extra: { RangeRequested: text ?? '', ActualObjectSize: String(size) } });
  return { first, last };
}

export async function deleteObject(request: S3Request, objects: Objects): Promise<Answer> {
  const deleted = await deleteOne(request, objects, request.key, request.query.get('versionId'), {
    condition: writeCondition(request.headers),
    bypassGovernance: await bypasses(request),
  });
  return { status: 204, headers: deleted };
}

/** Answers the headers that tell what has become of it. */
export async function deleteOne(
  { bucket }: S3Request,
  objects: Objects,
  key: string,
  versionId: string | undefined,
  how: { condition?: Condition; bypassGovernance?: boolean } = {},
): Promise<Record<string, string>> {
  if (versionId === undefined) {
    const marker = await objects.delete(bucket, key, how.condition);
    return marker ? { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId } : {};
  }
  const removed = await objects.deleteVersion(bucket, key, versionId, how);
  return { 'x-amz-version-id': versionId, ...(removed?.isDeleteMarker ? { 'x-amz-delete-marker': 'true' } : {}) };
}
