import type { BucketEncryption } from '../../api/bucket-config.ts';
import type { View } from '../../api/kind.ts';
import { refOf } from '../../api/metadata.ts';
import type { Mac } from '../../base/hash.ts';
import type { ObjectBucket } from '../../s3/objects.ts';
import { ObjectKeys } from '../../s3/encryption.ts';
import type { ObjectEncryption } from '../../s3/encryption.ts';
import { isSecret } from '../secret/types.ts';
import { quotaOf } from './types.ts';
import type { Bucket } from './types.ts';

/** The document as objects are put into it. */
export const objectBucketOf = (bucket: Bucket): ObjectBucket => ({
  uid: bucket.metadata.uid,
  name: bucket.metadata.name,
  versioning: bucket.spec.versioning,
  quotaBytes: quotaOf(bucket),
  ...(bucket.spec.objectLock && { objectLock: bucket.spec.objectLock }),
  ...(bucket.spec.encryption && { encryption: encryptionOf(bucket, bucket.spec.encryption) }),
});

const encryptionOf = (bucket: Bucket, { algorithm, kmsKeyId }: BucketEncryption): ObjectEncryption => ({
  algorithm,
  ...(algorithm === 'aws:kms' && kmsKeyId !== undefined && { keyId: kmsKeyId, namespace: refOf(bucket).namespace }),
});

/** A key of KMS is a Secret, whose member `key` it is. */
export const objectKeys = (view: View, mac: Mac): ObjectKeys =>
  new ObjectKeys({
    mac,
    secretOf(namespace, name) {
      const found = view.get({ kind: 'Secret', namespace, name });
      const key = found && isSecret(found) ? found.data?.['key'] : undefined;
      return key === undefined ? undefined : Buffer.from(key, 'base64');
    },
  });
