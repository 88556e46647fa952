/** What a bucket's document says beside its size and versions, in S3's terms: S3's clients read and write the same. */

export const OWNERSHIPS = ['ObjectWriter', 'BucketOwnerPreferred', 'BucketOwnerEnforced'] as const;

export const GRANT_PERMISSIONS = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'] as const;
export type GrantPermission = (typeof GRANT_PERMISSIONS)[number];

/** Whoever comes; whoever has any key; who writes logs of access. */
export const GRANTEE_GROUPS = ['AllUsers', 'AuthenticatedUsers', 'LogDelivery'] as const;
export type GranteeGroup = (typeof GRANTEE_GROUPS)[number];

/** To a group, or to the keys of a namespace: a namespace is what S3 calls an account. */
export interface Grant {
  group?: GranteeGroup;
  namespace?: string;
  permission: GrantPermission;
}

/** Whether anybody beside namespaces that are named has something by it. */
export const isPublicGrant = ({ group }: Grant): boolean => group === 'AllUsers' || group === 'AuthenticatedUsers';

/** Each member makes less public than grants and policies say. */
export interface PublicAccessBlock {
  /** Nothing more that is public is granted. */
  blockPublicAcls?: boolean;
  /** Grants to groups do not count. */
  ignorePublicAcls?: boolean;
  /** No policy is taken that makes anything public. */
  blockPublicPolicy?: boolean;
  /** What a policy makes public is for the bucket's own namespace alone. */
  restrictPublicBuckets?: boolean;
}

export interface CorsRule {
  id?: string;
  /** With at most one `*` in each. */
  allowedOrigins: readonly string[];
  allowedMethods: readonly ('GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD')[];
  allowedHeaders?: readonly string[];
  exposeHeaders?: readonly string[];
  maxAgeSeconds?: number;
}

export const RETENTION_MODES = ['GOVERNANCE', 'COMPLIANCE'] as const;
export type RetentionMode = (typeof RETENTION_MODES)[number];

export interface DefaultRetention {
  mode: RetentionMode;
  /** One of the two. */
  days?: number;
  years?: number;
}

/** Versions of objects may be kept from deletion. */
export interface ObjectLock {
  /** For what is put without one of its own. */
  defaultRetention?: DefaultRetention;
}

/** For what is put without an encryption of its own. */
export interface BucketEncryption {
  /** By this installation's own key; or, as S3 calls it, by a key of KMS. */
  algorithm: 'AES256' | 'aws:kms';
  /** A Secret of the bucket's namespace; left out: this installation's own. */
  kmsKeyId?: string;
}

/** What goes by itself. A rule without a prefix, tags and sizes is about everything in the bucket. */
export interface LifecycleRule {
  id?: string;
  /** Left out: it is. */
  enabled?: boolean;
  prefix?: string;
  /** All of them. */
  tags?: Readonly<Record<string, string>>;
  /** In bytes. */
  largerThan?: number;
  smallerThan?: number;
  expireAfterDays?: number;
  /** A time in ISO 8601. */
  expireAt?: string;
  /** Delete markers under which there is nothing any more. */
  expireDeleteMarkers?: boolean;
  /** Versions that have not been the current one for so many days. */
  noncurrentDays?: number;
  /** The newest of those stay. */
  keepVersions?: number;
  abortUploadsAfterDays?: number;
}

export interface BucketConfig {
  /** Left out: grants count, and an object is of the namespace whose key has put it. */
  ownership?: (typeof OWNERSHIPS)[number];
  /** Left out: the bucket's own namespace has everything, and nobody else anything. */
  grants?: readonly Grant[];
  publicAccessBlock?: PublicAccessBlock;
  /** As IAM has them (`bucket-policy.ts`). */
  policy?: Readonly<Record<string, unknown>>;
  cors?: readonly CorsRule[];
  objectLock?: ObjectLock;
  encryption?: BucketEncryption;
  lifecycle?: readonly LifecycleRule[];
  tags?: Readonly<Record<string, string>>;
}
