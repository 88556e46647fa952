import type { BucketConfig } from '../../api/bucket-config.ts';
import type { S3Bucket } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import type { S3ErrorCode } from '../wire/errors.ts';

/** What a bucket has of a setting. Throws S3's own word for one that it has nothing of. */
export function settingOf<K extends keyof BucketConfig>({ name, config }: S3Bucket, member: K, missing: S3ErrorCode) {
  const value = config[member];
  if (value === undefined) throw new S3Error(missing, { extra: { BucketName: name } });
  return value as NonNullable<BucketConfig[K]>;
}
