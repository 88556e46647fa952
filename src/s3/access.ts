import type { Access } from '../api/access.ts';
import type { S3Bucket } from './buckets.ts';

/** What an operation does, for whoever wants to use it: with a bucket, or with the objects in it. */
export interface Permission {
  verb: 'get' | 'list' | 'create' | 'update' | 'delete';
  of: 'buckets' | 'objects';
}

/**
 * Whether a key's rules allow it. Objects are the subresource of their bucket: `buckets/objects`. A rule may name the bucket, or a
 * folder of it: `bucket/prefix/*`. Of a list, `key` is the prefix that it asks for.
 */
export function mayAccess(
  access: Access | undefined,
  { verb, of }: Permission,
  bucket: Pick<S3Bucket, 'name' | 'namespace'>,
  key: string,
): boolean {
  if (!access) return false;
  const asked = { verb, resource: 'buckets', subresource: of === 'objects' ? of : '', namespace: bucket.namespace };
  return namesOf(bucket.name, of === 'objects' ? key : '').some((name) => access.allows({ ...asked, name }));
}

/** As rules may say where a key is: its bucket, and each folder on the way to it. */
function namesOf(bucket: string, key: string): string[] {
  const folders = [...key.matchAll(/\//g)].map(({ index }) => `${bucket}/${key.slice(0, index + 1)}*`);
  return [bucket, ...folders];
}
