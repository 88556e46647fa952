import { GRANT_PERMISSIONS, GRANTEE_GROUPS, OWNERSHIPS, RETENTION_MODES } from '../../api/bucket-config.ts';
import type { JsonSchema } from '../../api/kind.ts';

const texts = (maxItems: number, description: string): JsonSchema => ({
  type: 'array',
  maxItems,
  items: { type: 'string', minLength: 1, maxLength: 1_024 },
  description,
});
const flag = (description: string): JsonSchema => ({ type: 'boolean', description });

const policy: JsonSchema = {
  type: 'object',
  'x-kubernetes-preserve-unknown-fields': true,
  'x-kubernetes-map-type': 'atomic',
  additionalProperties: true,
  description:
    'A bucket policy as IAM writes them: Version, and Statement with Effect, Principal, Action, Resource, Condition. A principal is * or arn:aws:iam::NAMESPACE:root or arn:aws:iam::NAMESPACE:user/KEY.',
};

const grants: JsonSchema = {
  type: 'array',
  maxItems: 100,
  description:
    'Who may do what beside its policy, as S3 grants it (the ACL). Left out: its own namespace has everything, and nobody else anything.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['permission'],
    properties: {
      group: {
        type: 'string',
        enum: [...GRANTEE_GROUPS],
        description: 'AllUsers is whoever comes, AuthenticatedUsers whoever has a key, LogDelivery who writes logs.',
      },
      namespace: {
        type: 'string',
        minLength: 1,
        maxLength: 63,
        pattern: '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$',
        'x-expected': 'the name of a namespace',
        description: "A namespace's keys.",
      },
      permission: {
        type: 'string',
        enum: [...GRANT_PERMISSIONS],
        description: 'READ lists, WRITE puts and deletes, READ_ACP and WRITE_ACP read and write grants.',
      },
    },
  },
};

const publicAccessBlock: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'What makes less public than grants and policies say.',
  properties: {
    blockPublicAcls: flag('Nothing more that is public is granted.'),
    ignorePublicAcls: flag('Grants to AllUsers and AuthenticatedUsers do not count.'),
    blockPublicPolicy: flag('No policy is taken that makes anything public.'),
    restrictPublicBuckets: flag('What a policy, or publicRead, makes public is for its own namespace alone.'),
  },
};

const cors: JsonSchema = {
  type: 'array',
  maxItems: 100,
  description: "What browsers' pages of other origins may do. The first rule that fits is the one.",
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['allowedOrigins', 'allowedMethods'],
    properties: {
      id: { type: 'string', maxLength: 255, description: 'Its name.' },
      allowedOrigins: {
        ...texts(100, 'Origins, such as https://example.com; one * in each stands for anything.'),
        minItems: 1,
      },
      allowedMethods: {
        type: 'array',
        minItems: 1,
        maxItems: 5,
        items: { type: 'string', enum: ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'] },
        description: 'Methods that these may use.',
      },
      allowedHeaders: texts(100, 'Headers that a request may have; one * in each stands for anything.'),
      exposeHeaders: texts(100, 'Headers of the answer that the page may read.'),
      maxAgeSeconds: {
        type: 'integer',
        minimum: 0,
        maximum: 2_147_483_647,
        description: 'For how long a browser may remember the answer, in seconds.',
      },
    },
  },
};

const objectLock: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description:
    'Versions of objects can be kept from deletion, by a retention or a legal hold. It wants versioning, and is not taken back.',
  properties: {
    defaultRetention: {
      type: 'object',
      additionalProperties: false,
      required: ['mode'],
      description: 'For what is put without a retention of its own.',
      properties: {
        mode: {
          type: 'string',
          enum: [...RETENTION_MODES],
          description: 'GOVERNANCE is lifted by who may change the bucket and says so; COMPLIANCE by nobody.',
        },
        days: { type: 'integer', minimum: 1, maximum: 36_500, description: 'For so many days.' },
        years: { type: 'integer', minimum: 1, maximum: 100, description: 'For so many years.' },
      },
    },
  },
};

const encryption: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['algorithm'],
  description: 'How the bytes of what is put rest on disk, where the client says nothing of it.',
  properties: {
    algorithm: {
      type: 'string',
      enum: ['AES256', 'aws:kms'],
      description: "AES256: by this installation's own key. aws:kms: by a key of the namespace.",
    },
    kmsKeyId: {
      type: 'string',
      minLength: 1,
      maxLength: 512,
      description:
        'The Secret of the same namespace whose member "key" has at least 32 bytes. While it is gone, what was put under it cannot be read.',
    },
  },
};

const days = (what: string): JsonSchema => ({
  type: 'integer',
  minimum: 1,
  maximum: 36_500,
  description: `${what}, at the midnight (UTC) after so many days.`,
});

const lifecycle: JsonSchema = {
  type: 'array',
  maxItems: 1_000,
  description:
    'What goes by itself. It is looked at every hour. What a manifest declares, and what is kept from deletion, stays.',
  items: {
    type: 'object',
    additionalProperties: false,
    properties: {
      id: { type: 'string', maxLength: 255, description: 'Its name.' },
      enabled: flag('Left out: it is.'),
      prefix: { type: 'string', maxLength: 1_024, description: 'Keys that begin so.' },
      tags: {
        type: 'object',
        maxProperties: 10,
        additionalProperties: { type: 'string', maxLength: 256 },
        description: 'Objects that have all of these tags.',
      },
      largerThan: { type: 'integer', minimum: 0, description: 'Objects with more bytes.' },
      smallerThan: { type: 'integer', minimum: 1, description: 'Objects with fewer bytes.' },
      expireAfterDays: days('The current version expires'),
      expireAt: {
        type: 'string',
        maxLength: 40,
        pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$',
        'x-expected': 'a time in UTC, such as 2027-01-01T00:00:00Z',
        description: 'The current version expires at this time.',
      },
      expireDeleteMarkers: flag('Delete markers go under which there is nothing any more.'),
      noncurrentDays: days('A version that is not the current one goes'),
      keepVersions: {
        type: 'integer',
        minimum: 1,
        maximum: 10_000,
        description: 'With noncurrentDays: so many of them stay, the newest.',
      },
      abortUploadsAfterDays: days('An upload in parts that came to no end is aborted'),
    },
  },
};

const tags: JsonSchema = {
  type: 'object',
  maxProperties: 50,
  propertyNames: { minLength: 1, maxLength: 128 },
  additionalProperties: { type: 'string', maxLength: 256 },
  description: "The bucket's tags, as S3's clients see them.",
};

/** Members of `spec` that S3's clients read and write, too. */
export const bucketConfigSchema: Readonly<Record<string, JsonSchema>> = {
  ownership: {
    type: 'string',
    enum: [...OWNERSHIPS],
    description:
      "Whose objects are that keys of other namespaces put: ObjectWriter theirs, BucketOwnerEnforced the bucket's, and grants do not count. Left out: as ObjectWriter.",
  },
  grants,
  publicAccessBlock,
  policy,
  cors,
  objectLock,
  encryption,
  lifecycle,
  tags,
};
