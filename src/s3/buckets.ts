import type { BucketConfig } from '../api/bucket-config.ts';
import type { Identity } from '../http/auth.ts';
import type { Multipart } from './multipart.ts';
import type { ObjectBucket, Objects } from './objects.ts';

/**
 * There is one region, and clients want a name for it; what they sign for is theirs to say. Not that of Amazon's first, for which
 * some still sign URLs in the old way.
 */
export const REGION = 'local';

/** A bucket as S3's clients meet it. */
export interface S3Bucket extends ObjectBucket {
  namespace: string;
  createdAt: Date;
  publicRead: boolean;
  config: BucketConfig;
  /** What is in it can be read and deleted; else it is as if it were gone. */
  isDeleting: boolean;
}

export interface S3Identity extends Identity {
  /** Where the connection comes from. */
  address: string;
}

/** Who asks, and when it came: what they write is on record with that. */
export interface Asker {
  credential: S3Identity;
  cameAt: { wall: Date; monotonic: number };
}

/** What a client says of a bucket; null takes it back. */
export type BucketSettings = { [K in keyof BucketConfig]?: BucketConfig[K] | null } & {
  versioning?: 'Enabled' | 'Suspended';
};

/** The buckets that there are: documents, elsewhere. What they refuse is a StatusError. */
export interface Buckets {
  find(name: string): S3Bucket | undefined;
  /** By name, without those that are being deleted. */
  list(): readonly S3Bucket[];
  create(name: string, settings: BucketSettings, asker: Asker): Promise<void>;
  /** The namespace in which it would be made. Throws Forbidden. */
  namespaceFor(asker: Asker): string;
  hasNamespace(name: string): boolean;
  remove(bucket: S3Bucket, asker: Asker): Promise<void>;
  configure(bucket: S3Bucket, settings: BucketSettings, asker: Asker): Promise<void>;
}

/** What S3's clients sign with. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** Whose a request is, by the id of the key that has signed it. */
export interface S3Keys {
  /** Of a token that is a key's, whether that is good or not. */
  credentialsOf(token: string): S3Credentials | undefined;
  secretOf(accessKeyId: string): string | undefined;
  /** Throws Unauthorized for a key that is good no longer, and Forbidden for one that is not from there. */
  identify(accessKeyId: string, address: string): Promise<S3Identity>;
}

export interface S3Service {
  buckets: Buckets;
  objects: Objects;
  multipart: Multipart;
}
