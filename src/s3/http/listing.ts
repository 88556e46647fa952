import { ownerOf } from '../authorization/authorizer.ts';
import { compareKeys } from '../../base/compare-keys.ts';
import { afterKey, afterPrefix, commonPrefixOf, rangeOf } from '../keys.ts';
import type { ObjectRow } from '../row.ts';
import type { ObjectRows } from '../rows.ts';
import type { Objects } from '../objects.ts';
import { S3Error } from '../wire/errors.ts';
import { ownerElement } from './acl.ts';
import { quoted, xml } from './answer.ts';
import type { Answer } from './answer.ts';
import type { S3Request } from './request.ts';

const MOST = 1_000;

/** What all lists ask for. */
function asked({ query }: S3Request) {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const encoding = query.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url')
    throw invalid('encoding-type', encoding, 'Invalid Encoding Method specified in Request');
  if (delimiter !== '' && afterPrefix(delimiter) === undefined)
    throw invalid('delimiter', delimiter, 'Nothing comes after such a delimiter');
  const encoded = (text: string) => (encoding === 'url' ? urlEncoded(text) : text);
  return { prefix, delimiter, encoding, encoded, most: mostOf(query.get('max-keys')) };
}

function mostOf(text: string | undefined): number {
  if (text === undefined || text === '') return MOST;
  const most = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (most < 0 || most > 2 ** 31 - 1)
    throw invalid('max-keys', text, 'Argument maxKeys must be an integer between 0 and 2147483647');
  return Math.min(most, MOST);
}

const invalid = (name: string, value: string, message: string): S3Error =>
  new S3Error('InvalidArgument', { message, extra: { ArgumentName: name, ArgumentValue: value } });

/** As clients take it apart: by bytes, but for what is in paths. */
export const urlEncoded = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');

const contentsOf = (row: ObjectRow, encoded: (text: string) => string) => ({
  Key: encoded(row.key),
  LastModified: row.createdAt,
  ETag: quoted(row.etag),
  ChecksumAlgorithm: row.checksum?.algorithm,
  ChecksumType: row.checksum?.type,
  Size: row.sizeBytes,
});

async function pageOf(request: S3Request, { rows }: Objects, after: string) {
  const { prefix, delimiter, encoding, encoded, most } = asked(request);
  const page =
    most === 0
      ? { items: [], isTruncated: false }
      : await rows.page(request.bucket.name, { prefix, delimiter, after, most });
  const last = page.items.at(-1);
  return {
    ...page,
    last: last && ('prefix' in last ? last.prefix : last.row.key),
    rows: page.items.flatMap((item) => ('row' in item ? [item.row] : [])),
    encoded,
    head: {
      Name: request.bucket.name,
      Prefix: prefix,
      MaxKeys: most,
      Delimiter: delimiter === '' ? undefined : encoded(delimiter),
      EncodingType: encoding,
      IsTruncated: page.isTruncated,
    },
    tail: {
      CommonPrefixes: page.items.flatMap((item) => ('prefix' in item ? [{ Prefix: encoded(item.prefix) }] : [])),
    },
  };
}

export async function listObjects(request: S3Request, objects: Objects): Promise<Answer> {
  const marker = request.query.get('marker') ?? '';
  const { head, tail, rows, encoded, isTruncated, last } = await pageOf(request, objects, marker);
  return xml('ListBucketResult', {
    ...head,
    Marker: encoded(marker),
    NextMarker: isTruncated && head.Delimiter !== undefined && last !== undefined ? encoded(last) : undefined,
    Contents: rows.map((row) => ({
      ...contentsOf(row, encoded),
      Owner: ownerElement(ownerOf(row, request.bucket)),
      StorageClass: 'STANDARD',
    })),
    ...tail,
  });
}

export async function listObjectsV2(request: S3Request, objects: Objects): Promise<Answer> {
  const { query } = request;
  const [token, startAfter = ''] = [query.get('continuation-token'), query.get('start-after')];
  const after = token === undefined || token === '' ? startAfter : afterOf(token);
  const { head, tail, rows, encoded, isTruncated, last, items } = await pageOf(request, objects, after);
  const owner = (row: ObjectRow) =>
    query.get('fetch-owner') === 'true' ? { Owner: ownerElement(ownerOf(row, request.bucket)) } : {};
  return xml('ListBucketResult', {
    ...head,
    Prefix: encoded(head.Prefix),
    KeyCount: items.length,
    StartAfter: startAfter === '' ? undefined : encoded(startAfter),
    ContinuationToken: token,
    NextContinuationToken: isTruncated && last !== undefined ? tokenOf(last) : undefined,
    Contents: rows.map((row) => ({ ...contentsOf(row, encoded), ...owner(row), StorageClass: 'STANDARD' })),
    ...tail,
  });
}

const tokenOf = (last: string): string => Buffer.from(last).toString('base64');

function afterOf(token: string): string {
  const bytes = Buffer.from(token, 'base64');
  const text = bytes.toString('utf8');
  if (bytes.toString('base64') !== token || !Buffer.from(text).equals(bytes) || text.includes('\0'))
    throw invalid('continuation-token', token, 'The continuation token provided is incorrect');
  return text;
}

export async function listVersions(request: S3Request, objects: Objects): Promise<Answer> {
  const { query, bucket } = request;
  const { prefix, delimiter, encoding, encoded, most } = asked(request);
  const [keyMarker, versionMarker] = [query.get('key-marker') ?? '', query.get('version-id-marker') ?? ''];
  if (versionMarker !== '' && keyMarker === '')
    throw invalid('version-id-marker', versionMarker, 'A version-id marker cannot be specified without a key marker.');
  const marked = versionMarker === '' ? undefined : await objects.rows.find(bucket.name, keyMarker, versionMarker);
  const found = await foldedVersions(objects.rows, bucket.name, {
    prefix,
    delimiter,
    keyMarker,
    isWithinKey: versionMarker !== '',
    marked,
    most,
  });
  const shown = found.slice(0, most);
  const last = shown.at(-1);
  const next =
    found.length > most && last
      ? 'prefix' in last
        ? { NextKeyMarker: encoded(last.prefix) }
        : { NextKeyMarker: encoded(last.row.key), NextVersionIdMarker: last.row.versionId }
      : {};
  const rows = shown.flatMap((item) => ('row' in item ? [item.row] : []));
  const common = (row: ObjectRow) => ({
    Key: encoded(row.key),
    VersionId: row.versionId,
    IsLatest: row.isLatest,
    LastModified: row.createdAt,
    Owner: ownerElement(ownerOf(row, bucket)),
  });
  return xml('ListVersionsResult', {
    Name: bucket.name,
    Prefix: encoded(prefix),
    KeyMarker: encoded(keyMarker),
    VersionIdMarker: versionMarker,
    ...next,
    MaxKeys: most,
    Delimiter: delimiter === '' ? undefined : encoded(delimiter),
    EncodingType: encoding,
    IsTruncated: found.length > most,
    Version: rows
      .filter((row) => !row.isDeleteMarker)
      .map((row) => ({ ...contentsOf(row, encoded), ...common(row), StorageClass: 'STANDARD' })),
    DeleteMarker: rows.filter((row) => row.isDeleteMarker).map(common),
    CommonPrefixes: shown.flatMap((item) => ('prefix' in item ? [{ Prefix: encoded(item.prefix) }] : [])),
  });
}

interface VersionsAsked {
  prefix: string;
  delimiter: string;
  keyMarker: string;
  /** The page before ended among the versions of the marked key. */
  isWithinKey: boolean;
  /** The last version that it had; `undefined`: it went since, and all that is left of the key is told. */
  marked: ObjectRow | undefined;
  most: number;
}

/** One more than is shown, to know whether there is. */
async function foldedVersions(
  rows: ObjectRows,
  bucket: string,
  { prefix, delimiter, keyMarker, isWithinKey, marked, most }: VersionsAsked,
) {
  const items: ({ row: ObjectRow } | { prefix: string })[] = [];
  const range = rangeOf(prefix, delimiter, keyMarker);
  let from: string | undefined = isWithinKey ? keyMarker : range.from;
  let before = marked?.sequence;
  while (most > 0 && items.length <= most && from !== undefined) {
    const wanted: number = most + 1 - items.length;
    const page: readonly ObjectRow[] = await rows.versions(bucket, {
      from,
      until: range.until,
      ...(before !== undefined && { before }),
      most: wanted,
    });
    const folded = page.findIndex(({ key }) => commonPrefixOf(key, prefix, delimiter) !== undefined);
    items.push(...page.slice(0, folded < 0 ? undefined : folded).map((row) => ({ row })));
    const first = folded < 0 ? undefined : page[folded];
    if (!first) return items;
    const common = commonPrefixOf(first.key, prefix, delimiter) ?? first.key;
    if (compareKeys(common, keyMarker) > 0 || keyMarker === '') items.push({ prefix: common });
    from = afterPrefix(common) ?? afterKey(common);
    before = undefined;
  }
  return items;
}
