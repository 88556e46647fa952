import type { ObjectBucket } from '../../s3/objects.ts';
import { quotaOf } from './types.ts';
import type { Bucket } from './types.ts';

/** The document as objects are put into it. */
export const objectBucketOf = (bucket: Bucket): ObjectBucket => ({
  uid: bucket.metadata.uid,
  name: bucket.metadata.name,
  versioning: bucket.spec.versioning,
  quotaBytes: quotaOf(bucket),
  ...(bucket.spec.objectLock && { objectLock: bucket.spec.objectLock }),
});
