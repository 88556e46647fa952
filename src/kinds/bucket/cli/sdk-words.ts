import type {
  Bucket,
  HeadObjectCommandOutput,
  ListObjectsV2CommandOutput,
  ListObjectVersionsCommandOutput,
} from '@aws-sdk/client-s3';
import { unreachable } from '../../../cli/failure.ts';
import type { S3Place } from './places.ts';
import { S3Refusal } from './stored.ts';
import type { Description, StoredBucket, StoredObject, StoredVersion } from './stored.ts';

/** Translates between the types of the client library and ours. */

export const placed = ({ bucket, key }: S3Place) => ({ Bucket: bucket, Key: key });

export const sourceOf = ({ bucket, key }: S3Place): string =>
  `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;

export const unquoted = (etag = ''): string => etag.replaceAll('"', '');

/** Lists are asked for with encoded keys, as XML cannot have some characters. */
export const decoded = (key: string): string => decodeURIComponent(key.replaceAll('+', ' '));

export const bucketOf = ({ Name = '', CreationDate = new Date(0) }: Bucket): StoredBucket => ({
  name: Name,
  createdAt: CreationDate,
});

/** Of a page: prefixes first, as awscli prints them, then objects; each by key. */
export function contentsOf(page: ListObjectsV2CommandOutput): (StoredObject | { prefix: string })[] {
  const { Contents = [], CommonPrefixes = [] } = page;
  return [...CommonPrefixes.map(({ Prefix = '' }) => ({ prefix: decoded(Prefix) })), ...Contents.map(objectOf)];
}

export function versionsOf({ Versions = [], DeleteMarkers = [] }: ListObjectVersionsCommandOutput): StoredVersion[] {
  return [
    ...Versions.map((each) => ({ ...objectOf(each), versionId: each.VersionId ?? '', isDeleteMarker: false })),
    ...DeleteMarkers.map((each) => ({ ...objectOf(each), versionId: each.VersionId ?? '', isDeleteMarker: true })),
  ];
}

interface Listed {
  Key?: string | undefined;
  Size?: number | undefined;
  LastModified?: Date | undefined;
  ETag?: string | undefined;
}

const objectOf = ({ Key = '', Size = 0, LastModified = new Date(0), ETag }: Listed): StoredObject => ({
  key: decoded(Key),
  sizeBytes: Size,
  modifiedAt: LastModified,
  etag: unquoted(ETag),
});

type Headers = Pick<HeadObjectCommandOutput, 'ContentLength' | 'LastModified' | 'ETag'>;

export const describedBy = (
  key: string,
  { ContentLength = 0, LastModified = new Date(0), ETag }: Headers,
): StoredObject => ({ key, sizeBytes: ContentLength, modifiedAt: LastModified, etag: unquoted(ETag) });

export const descriptionOf = (found: HeadObjectCommandOutput): Description => ({
  contentType: found.ContentType,
  cacheControl: found.CacheControl,
  contentDisposition: found.ContentDisposition,
  contentEncoding: found.ContentEncoding,
  contentLanguage: found.ContentLanguage,
  metadata: found.Metadata,
});

export const headersOf = (given: Description) => ({
  ContentType: given.contentType,
  CacheControl: given.cacheControl,
  ContentDisposition: given.contentDisposition,
  ContentEncoding: given.contentEncoding,
  ContentLanguage: given.contentLanguage,
  Metadata: given.metadata && { ...given.metadata },
});

/** Refusals of a HEAD have no body, so no message. */
const WORDS: Record<number, string> = {
  403: 'the key does not allow it (miniaws can-i --list tells what it does)',
  404: 'there is no such object',
  412: 'it is another one by now',
  416: 'it has no such range of bytes',
};

/** A refusal of S3, or a broken connection, as our error. Other errors are returned as they are. */
export function refusalOf(error: unknown, where: string, endpoint: string): unknown {
  if (!(error instanceof Error) || error.name === 'AbortError') return error;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status === undefined)
    return 'code' in error || error.name === 'TimeoutError' ? unreachable(endpoint, error) : error;
  const isSaid = error.message !== '' && !/^Unknown(Error)?$/.test(error.message);
  const why = isSaid ? error.message : (WORDS[status] ?? `the server answered ${status}`);
  // Without a body the library names the error by its status.
  const code = /^\d+$|^Unknown/.test(error.name) && status === 412 ? 'PreconditionFailed' : error.name;
  return new S3Refusal(code, `${code}: ${why}`, where);
}
