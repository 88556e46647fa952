import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectRow } from '../row.ts';
import { S3Error } from '../wire/errors.ts';

type Names = Readonly<Record<'match' | 'noneMatch' | 'modifiedSince' | 'unmodifiedSince', string>>;
const OF_REQUEST: Names = {
  match: 'if-match',
  noneMatch: 'if-none-match',
  modifiedSince: 'if-modified-since',
  unmodifiedSince: 'if-unmodified-since',
};
const OF_SOURCE: Names = {
  match: 'x-amz-copy-source-if-match',
  noneMatch: 'x-amz-copy-source-if-none-match',
  modifiedSince: 'x-amz-copy-source-if-modified-since',
  unmodifiedSince: 'x-amz-copy-source-if-unmodified-since',
};

/** The conditions of a read (RFC 9110, 13.2.2). Throws PreconditionFailed, or NotModified. */
export const checkRead = (headers: IncomingHttpHeaders, row: ObjectRow): void =>
  check(headers, row, OF_REQUEST, 'NotModified');

/** Those on what is copied: there is nothing that a client could have already. */
export const checkSource = (headers: IncomingHttpHeaders, row: ObjectRow): void =>
  check(headers, row, OF_SOURCE, 'PreconditionFailed');

function check(
  headers: IncomingHttpHeaders,
  row: ObjectRow,
  names: Names,
  unchanged: 'NotModified' | 'PreconditionFailed',
) {
  const value = (name: keyof Names) => headers[names[name]]?.toString();
  const [match, noneMatch] = [value('match'), value('noneMatch')];
  const failed = (name: string) => new S3Error('PreconditionFailed', { extra: { Condition: name } });
  if (match !== undefined) {
    if (!hasTag(match, row.etag)) throw failed('If-Match');
  } else if (isBefore(value('unmodifiedSince'), row.createdAt)) throw failed('If-Unmodified-Since');
  if (noneMatch !== undefined) {
    if (hasTag(noneMatch, row.etag)) throw new S3Error(unchanged);
  } else {
    const since = value('modifiedSince');
    if (since !== undefined && !Number.isNaN(Date.parse(since)) && !isBefore(since, row.createdAt))
      throw new S3Error(unchanged);
  }
}

/** Of a write: on the current version, while nobody else writes. Throws PreconditionFailed, or NoSuchKey. */
export function writeCondition(headers: IncomingHttpHeaders): (current: ObjectRow | undefined) => void {
  const [match, noneMatch] = [headers['if-match'], headers['if-none-match']];
  return (found) => {
    const current = found?.isDeleteMarker ? undefined : found;
    if (noneMatch !== undefined && current && hasTag(noneMatch, current.etag))
      throw new S3Error('PreconditionFailed', { extra: { Condition: 'If-None-Match' } });
    if (match === undefined) return;
    if (!current) throw new S3Error('NoSuchKey');
    if (!hasTag(match, current.etag)) throw new S3Error('PreconditionFailed', { extra: { Condition: 'If-Match' } });
  };
}

/** Dates of HTTP have whole seconds. */
const isBefore = (date: string | undefined, changed: Date): boolean =>
  date !== undefined && Math.floor(changed.getTime() / 1000) * 1000 > Date.parse(date);

/** Whether a list of entity tags has this one. */
const hasTag = (list: string, etag: string): boolean =>
  list.split(',').some((each) => {
    const tag = each.trim().replace(/^W\//, '');
    return tag === '*' || tag === etag || tag === `"${etag}"`;
  });
