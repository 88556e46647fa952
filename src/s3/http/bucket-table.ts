import { getLifecycle, putLifecycle } from './lifecycle.ts';
import { getEncryption, putEncryption } from './encryption.ts';
import { homeOf } from '../authorization/authorizer.ts';
import type { BucketConfig } from '../../api/bucket-config.ts';
import type { S3Service } from '../buckets.ts';
import { getBucketAcl, putBucketAcl } from './acl.ts';
import type { Answer } from './answer.ts';
import {
  getBucketTagging,
  getCors,
  getOwnership,
  getPolicy,
  getPolicyStatus,
  getPublicAccessBlock,
  putBucketTagging,
  putCors,
  putOwnership,
  putPolicy,
  putPublicAccessBlock,
  removeSetting,
} from './bucket-config.ts';
import {
  bucketLocation,
  createBucket,
  deleteBucket,
  deleteObjects,
  getVersioning,
  headBucket,
  listBuckets,
  putVersioning,
} from './bucket-operations.ts';
import { postObject } from './form.ts';
import { listObjects, listObjectsV2, listVersions } from './listing.ts';
import { getLockConfiguration, putLockConfiguration } from './object-lock.ts';
import { getLogging, getRequestPayment, REMOVED, removed, UNSET, unset } from './unset.ts';
import type { S3Request } from './request.ts';
import { LISTING, onBucket } from './asks.ts';
import type { Operation } from './operation.ts';

/** A setting of a bucket that clients read, write and take away, by the parameter that names it. */
function setting(
  parameter: string,
  name: keyof BucketConfig,
  action: string,
  get: (request: S3Request) => Answer,
  put: (request: S3Request, buckets: S3Service['buckets']) => Promise<Answer>,
): Record<string, Operation> {
  const removes = action === 'BucketPolicy' ? 'DeleteBucketPolicy' : `Put${action}`;
  return {
    [`GET bucket ${parameter}`]: { name: `Get${action}`, asks: onBucket(`Get${action}`, 'get'), run: get },
    [`PUT bucket ${parameter}`]: {
      name: `Put${action}`,
      asks: onBucket(`Put${action}`, 'update'),
      run: (request, { buckets }) => put(request, buckets),
    },
    [`DELETE bucket ${parameter}`]: {
      name: `Delete${action}`,
      asks: onBucket(removes, 'update'),
      run: (request, { buckets }) => removeSetting(request, buckets, name),
    },
  };
}

/** Operations on the service and on buckets, by what is asked for: `METHOD level`, and the parameter that makes it another one. */
export const BUCKET_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET service': {
    name: 'ListBuckets',
    run: (request, { buckets }) =>
      listBuckets(
        buckets.list().filter((bucket) => request.sees(bucket)),
        homeOf(request.author.credential.access) ?? '',
        request,
      ),
  },
  // Where it is made, and whether, is for who makes it.
  'PUT bucket': { name: 'CreateBucket', run: (request, { buckets }) => createBucket(request, buckets) },
  'HEAD bucket': { name: 'HeadBucket', asks: LISTING, run: headBucket },
  'DELETE bucket': {
    name: 'DeleteBucket',
    asks: { action: 's3:DeleteBucket', permission: { verb: 'delete', of: 'buckets' } },
    run: (request, { buckets, objects }) => deleteBucket(request, buckets, objects),
  },
  'GET bucket': {
    name: 'ListObjects',
    empties: true,
    asks: LISTING,
    run: (request, { objects }) =>
      request.query.get('list-type') === '2' ? listObjectsV2(request, objects) : listObjects(request, objects),
  },
  'GET bucket versions': {
    name: 'ListObjectVersions',
    empties: true,
    asks: { ...LISTING, action: 's3:ListBucketVersions' },
    run: (request, { objects }) => listVersions(request, objects),
  },
  'GET bucket location': {
    name: 'GetBucketLocation',
    asks: onBucket('GetBucketLocation', 'get'),
    run: bucketLocation,
  },
  'GET bucket versioning': {
    name: 'GetBucketVersioning',
    asks: onBucket('GetBucketVersioning', 'get'),
    run: getVersioning,
  },
  'PUT bucket versioning': {
    name: 'PutBucketVersioning',
    asks: onBucket('PutBucketVersioning', 'update'),
    run: (request, { buckets }) => putVersioning(request, buckets),
  },
  'GET bucket acl': { name: 'GetBucketAcl', asks: onBucket('GetBucketAcl', 'get', 'READ_ACP'), run: getBucketAcl },
  'PUT bucket acl': {
    name: 'PutBucketAcl',
    asks: onBucket('PutBucketAcl', 'update', 'WRITE_ACP'),
    run: (request, { buckets }) => putBucketAcl(request, buckets),
  },
  ...setting('policy', 'policy', 'BucketPolicy', getPolicy, putPolicy),
  'GET bucket policyStatus': {
    name: 'GetBucketPolicyStatus',
    asks: onBucket('GetBucketPolicyStatus', 'get'),
    run: getPolicyStatus,
  },
  ...setting(
    'publicAccessBlock',
    'publicAccessBlock',
    'BucketPublicAccessBlock',
    getPublicAccessBlock,
    putPublicAccessBlock,
  ),
  ...setting('ownershipControls', 'ownership', 'BucketOwnershipControls', getOwnership, putOwnership),
  ...setting('cors', 'cors', 'BucketCORS', getCors, putCors),
  ...setting('encryption', 'encryption', 'EncryptionConfiguration', getEncryption, putEncryption),
  ...setting('lifecycle', 'lifecycle', 'LifecycleConfiguration', getLifecycle, putLifecycle),
  ...setting('tagging', 'tags', 'BucketTagging', getBucketTagging, putBucketTagging),
  'GET bucket object-lock': {
    name: 'GetObjectLockConfiguration',
    asks: onBucket('GetBucketObjectLockConfiguration', 'get'),
    run: getLockConfiguration,
  },
  'PUT bucket object-lock': {
    name: 'PutObjectLockConfiguration',
    asks: onBucket('PutBucketObjectLockConfiguration', 'update'),
    run: (request, { buckets }) => putLockConfiguration(request, buckets),
  },
  // Each key is asked for by itself.
  'POST bucket delete': {
    name: 'DeleteObjects',
    empties: true,
    run: (request, { objects }) => deleteObjects(request, objects),
  },
  'POST bucket': { name: 'PostObject', isSignedInside: true, run: postObject },
  'GET bucket logging': { name: 'GetBucketLogging', asks: onBucket('GetBucketLogging', 'get'), run: getLogging },
  'GET bucket requestPayment': {
    name: 'GetBucketRequestPayment',
    asks: onBucket('GetBucketRequestPayment', 'get'),
    run: getRequestPayment,
  },
  ...Object.fromEntries(
    Object.keys(UNSET).map((name) => [
      `GET bucket ${name}`,
      { name: `GetBucket ${name}`, asks: onBucket(`GetBucket${name}`, 'get'), run: unset(name) },
    ]),
  ),
  ...Object.fromEntries(
    REMOVED.map((name) => [
      `DELETE bucket ${name}`,
      { name: `DeleteBucket ${name}`, asks: onBucket(`PutBucket${name}`, 'update'), run: removed },
    ]),
  ),
};
