import type { S3Bucket } from '../buckets.ts';
import type { Objects } from '../objects.ts';
import { S3Error } from '../wire/errors.ts';
import type { S3ErrorCode } from '../wire/errors.ts';
import type { XmlObject } from '../wire/xml.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { OWNER } from './listing.ts';
import { found } from './object-operations.ts';
import type { S3Request } from './request.ts';

/** What a bucket does not have here: asking for it is answered as by a bucket that has none of it. */
export const UNSET: Readonly<Record<string, S3ErrorCode>> = {
  cors: 'NoSuchCORSConfiguration',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  lifecycle: 'NoSuchLifecycleConfiguration',
  'object-lock': 'ObjectLockConfigurationNotFoundError',
  ownershipControls: 'OwnershipControlsNotFoundError',
  policy: 'NoSuchBucketPolicy',
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  replication: 'ReplicationConfigurationNotFoundError',
  tagging: 'NoSuchTagSet',
  website: 'NoSuchWebsiteConfiguration',
};

/** Of these, to take away what is not there is no mistake. */
export const REMOVED = [
  'cors',
  'encryption',
  'lifecycle',
  'policy',
  'publicAccessBlock',
  'tagging',
  'website',
] as const;

export const unset =
  (subresource: string) =>
  ({ bucket }: S3Request): Answer => {
    throw new S3Error(UNSET[subresource] ?? 'NotImplemented', { extra: { BucketName: bucket.name } });
  };

export const removed = ({ bucket: _ }: S3Request): Answer => ({ status: 204 });

export const getLogging = ({ bucket: _ }: S3Request): Answer => xml('BucketLoggingStatus', {});

export const getRequestPayment = ({ bucket: _ }: S3Request): Answer =>
  xml('RequestPaymentConfiguration', { Payer: 'BucketOwner' });

export const getPolicyStatus = ({ bucket }: S3Request): Answer => xml('PolicyStatus', { IsPublic: bucket.publicRead });

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';
const ALL_USERS = 'http://acs.amazonaws.com/groups/global/AllUsers';

/** Everything is its owner's. What is in a public bucket anyone reads; nobody lists the bucket. */
export const bucketAcl = ({ bucket: _ }: S3Request): Answer => acl([]);
export async function objectAcl(request: S3Request, objects: Objects): Promise<Answer> {
  await found(request, objects);
  return acl(readersOf(request.bucket));
}

const readersOf = ({ publicRead }: S3Bucket): readonly XmlObject[] =>
  publicRead ? [{ Grantee: { '@xmlns:xsi': XSI, '@xsi:type': 'Group', URI: ALL_USERS }, Permission: 'READ' }] : [];

const acl = (more: readonly XmlObject[]): Answer =>
  xml('AccessControlPolicy', {
    Owner: OWNER,
    AccessControlList: {
      Grant: [
        { Grantee: { '@xmlns:xsi': XSI, '@xsi:type': 'CanonicalUser', ...OWNER }, Permission: 'FULL_CONTROL' },
        ...more,
      ],
    },
  });
