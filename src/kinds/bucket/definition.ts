import { isPublicGrant } from '../../api/bucket-config.ts';
import { isPublicPolicy, parsePolicy, PolicyError } from '../../api/bucket-policy.ts';
import { invalid } from '../../api/field-errors.ts';
import { titleFor } from '../../api/kind.ts';
import type { Admission, AdmissionSettings, JsonSchema, KindDefinition, View } from '../../api/kind.ts';
import { API_VERSION, findCondition, namespacedName, refOf, titleOf } from '../../api/metadata.ts';
import { isBucketName } from '../../base/bucket-names.ts';
import type { Cause } from '../../base/errors.ts';
import { formatBytes, SIZE_PATTERN } from '../../base/quantity.ts';
import { listed } from '../shared/conditions.ts';
import { bucketConfigSchema } from './config-schema.ts';
import { quotaOf } from './types.ts';
import type { Bucket } from './types.ts';

const LARGEST_QUOTA = 1e15;
const SIZE_EXPECTED = 'a number of bytes, or a size such as 10Gi';

const bucketSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    versioning: {
      type: 'string',
      enum: ['Off', 'Enabled', 'Suspended'],
      default: 'Off',
      description:
        'Whether what is replaced or deleted stays as a version. Suspended: versions that are there stay, and none come. It does not go back to Off.',
    },
    publicRead: {
      type: 'boolean',
      default: false,
      'x-also-known-as': ['public'],
      description: 'Whether anyone may read its objects, without a key. Nobody lists or writes them so.',
    },
    quotaBytes: {
      anyOf: [
        { type: 'integer', minimum: 0, maximum: LARGEST_QUOTA },
        { type: 'string', pattern: SIZE_PATTERN, 'x-expected': SIZE_EXPECTED },
      ],
      'x-kubernetes-int-or-string': true,
      'x-expected': SIZE_EXPECTED,
      'x-also-known-as': ['quota', 'size', 'maxSize'],
      description:
        'The most that all its objects, with their versions, may have together: bytes, or a size such as 10Gi.',
    },
    forceDestroy: {
      type: 'boolean',
      default: false,
      'x-also-known-as': ['force'],
      description: 'Whether its objects are deleted with it. Else its deletion waits until it is empty.',
    },
    ...bucketConfigSchema,
  },
};

export const bucketKind: KindDefinition<Bucket> = {
  kind: 'Bucket',
  apiVersion: API_VERSION,
  scope: 'Namespaced',
  plural: 'buckets',
  singular: 'bucket',
  shortNames: [],
  categories: ['all'],
  description: 'A place for objects, which S3 clients put and get. Its name is of one bucket in all namespaces.',
  names: { are: 'subdomain', maxLength: 63 },
  reconciled: true,
  finalizer: true,
  content: { spec: bucketSpecSchema },
  status: {
    type: 'object',
    properties: {
      phase: { type: 'string', description: 'Pending, Available or Deleting.' },
      arn: { type: 'string', description: 'Its name for policies: arn:miniaws:s3:::NAME.' },
      objects: { type: 'integer', description: 'How many objects it holds, with their versions. Answered on read.' },
      bytes: { type: 'integer', description: 'How many bytes these have. Answered on read.' },
    },
  },
  columns: [
    { name: 'Versioning', description: 'Whether versions are kept', cell: (r) => r.spec.versioning },
    {
      name: 'Public',
      description: 'Whether anyone may do something with it, by publicRead, its policy or its grants',
      cell: (r) => String(isPublic(r)),
    },
    {
      name: 'Ready',
      description: 'Whether objects can be put and read',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
    {
      name: 'Quota',
      description: 'The most that it may hold',
      wide: true,
      cell: (r) => (r.spec.quotaBytes === undefined ? '<none>' : formatBytes(quotaOf(r) ?? 0)),
    },
  ],
  indexes: { bucket: (r) => [r.metadata.name] },
  check: checkBucket,
  admit: admitBucket,
  usage: (r) => {
    const bucketBytes = quotaOf(r);
    return { buckets: 1, ...(bucketBytes !== undefined && { bucketBytes }) };
  },
  bounds: { bucketBytes: 'spec.quotaBytes' },
  deleting: declaredWarning,
};

function checkBucket({ metadata: { name }, spec }: Bucket, old?: Bucket): Cause[] {
  const causes: Cause[] = [];
  if (!old && !isBucketName(name))
    causes.push({
      reason: 'FieldValueInvalid',
      field: 'metadata.name',
      message: `"${name}" is no name for a bucket: S3 wants 3 to 63 characters, and no IP address`,
    });
  if (old && old.spec.versioning !== 'Off' && spec.versioning === 'Off')
    causes.push(
      invalid('versioning', 'a bucket that has kept versions does not go back to Off: Suspended keeps no more of them'),
    );
  return [
    ...causes,
    ...grantCauses(spec),
    ...lockCauses(spec, old),
    ...encryptionCauses(spec),
    ...policyCauses(name, spec),
  ];
}

/** Objects that were granted one by one are not looked at. */
function isPublic({ metadata, spec }: Bucket): boolean {
  const { publicRead, policy, grants = [], ownership, publicAccessBlock: block = {} } = spec;
  const isOpen = publicRead || (policy !== undefined && isPublicPolicy(parsePolicy(policy, metadata.name)));
  const isGranted = ownership !== 'BucketOwnerEnforced' && grants.some(isPublicGrant);
  return (isOpen && !block.restrictPublicBuckets) || (isGranted && !block.ignorePublicAcls);
}

const grantCauses = ({ grants = [] }: Bucket['spec']): Cause[] =>
  grants.flatMap(({ group, namespace }, i) =>
    (group === undefined) === (namespace === undefined)
      ? [invalid(`grants[${i}]`, 'it is either to a group or to a namespace')]
      : [],
  );

function lockCauses(spec: Bucket['spec'], old: Bucket | undefined): Cause[] {
  if (old?.spec.objectLock && !spec.objectLock)
    return [invalid('objectLock', 'it is not taken back: what it keeps would be free')];
  if (spec.objectLock && spec.versioning !== 'Enabled')
    return [invalid('versioning', 'must be Enabled in a bucket with objectLock: what is kept is a version')];
  const retention = spec.objectLock?.defaultRetention;
  if (retention && (retention.days === undefined) === (retention.years === undefined))
    return [invalid('objectLock.defaultRetention', 'it has either days or years')];
  return [];
}

const encryptionCauses = ({ encryption }: Bucket['spec']): Cause[] =>
  encryption?.algorithm === 'AES256' && encryption.kmsKeyId !== undefined
    ? [invalid('encryption.kmsKeyId', 'is for aws:kms alone')]
    : [];

function policyCauses(name: string, { policy, publicAccessBlock }: Bucket['spec']): Cause[] {
  if (policy === undefined) return [];
  try {
    const statements = parsePolicy(policy, name);
    return publicAccessBlock?.blockPublicPolicy && isPublicPolicy(statements)
      ? [invalid('policy', 'it lets everybody in, and publicAccessBlock.blockPublicPolicy is true')]
      : [];
  } catch (error) {
    if (error instanceof PolicyError)
      return [invalid(['policy', ...(error.at === '' ? [] : [error.at])].join('.'), error.message)];
    throw error;
  }
}

/** S3's names know no namespaces. */
function admitBucket(
  next: Bucket,
  old: Bucket | undefined,
  view: View,
  { author }: AdmissionSettings,
): Admission<Bucket> {
  const other = old
    ? undefined
    : view
        .lookup('Bucket', 'bucket', next.metadata.name)
        .find(({ metadata }) => metadata.namespace !== next.metadata.namespace);
  const causes = other
    ? [
        {
          reason: 'FieldValueDuplicate',
          field: 'metadata.name',
          message: `the name is taken by ${titleFor(author, other)}: names of buckets are unique in all namespaces`,
        },
      ]
    : [];
  return { resource: next, causes };
}

/** For who deletes it: what other documents have put into it. */
function declaredWarning(bucket: Bucket, view: View): string[] {
  const users = view
    .lookupAll('Bucket', namespacedName(refOf(bucket)))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (users.length === 0) return [];
  const becomes = bucket.spec.forceDestroy
    ? 'what they have put into it goes with it'
    : 'its deletion waits until they are deleted, too';
  return [`${titleOf(refOf(bucket))} is used by ${listed(users.map((user) => titleOf(refOf(user))))}: ${becomes}`];
}
