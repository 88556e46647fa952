import type { BucketConfig } from '../../api/bucket-config.ts';
import type { Resource } from '../../api/metadata.ts';
import { parseSize } from '../../base/quantity.ts';

interface BucketSpec extends BucketConfig {
  versioning: 'Off' | 'Enabled' | 'Suspended';
  publicRead: boolean;
  /** A number of bytes, or a size such as 10Gi. */
  quotaBytes?: number | string;
  forceDestroy: boolean;
}

export interface BucketStatus {
  phase?: 'Pending' | 'Available' | 'Deleting';
  arn?: string;
  /** Both are answered on read. */
  objects?: number;
  bytes?: number;
}

export type Bucket = Resource<BucketSpec, BucketStatus>;

export const isBucket = (r: Resource): r is Bucket => r.kind === 'Bucket';

export const quotaOf = ({ spec: { quotaBytes } }: Bucket): number | undefined =>
  typeof quotaBytes === 'string' ? parseSize(quotaBytes) : quotaBytes;

/** Amazon's form: `arn:PARTITION:s3:::NAME`. */
export const bucketArn = ({ metadata }: Bucket): string => `arn:miniaws:s3:::${metadata.name}`;
