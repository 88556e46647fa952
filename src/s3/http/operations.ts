import { own } from '../../base/own.ts';
import type { Permission } from '../access.ts';
import type { Clock } from '../../base/clock.ts';
import type { S3Keys, S3Service } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import type { Answer } from './answer.ts';
import { getAttributes } from './attributes.ts';
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
import { copyObject } from './copy.ts';
import { postObject } from './form.ts';
import { listObjects, listObjectsV2, listVersions } from './listing.ts';
import { MultipartOperations } from './multipart-operations.ts';
import { deleteObject, getObject, headObject, putObject } from './object-operations.ts';
import {
  bucketAcl,
  getLogging,
  getPolicyStatus,
  getRequestPayment,
  objectAcl,
  REMOVED,
  removed,
  UNSET,
  unset,
} from './unset.ts';
import { deleteTagging, getTagging, putTagging } from './tagging.ts';
import type { Addressed, S3Request } from './request.ts';

interface OperationContext extends S3Service {
  keys: S3Keys;
  clock: Clock;
}

export interface Operation {
  name: string;
  /** Left out: whoever has a key may, and the answer has what that may see. */
  permission?: Permission;
  /** Anyone may, where the bucket is public. */
  isPublic?: true;
  /** It is of use to who empties a bucket that is being deleted. */
  empties?: true;
  /** It finds out itself who asks, and whether they may. */
  isSignedInside?: true;
  run: (request: S3Request, context: OperationContext) => Promise<Answer> | Answer;
}

const READ: Permission = { verb: 'get', of: 'objects' };
const LIST: Permission = { verb: 'list', of: 'objects' };
const WRITE: Permission = { verb: 'update', of: 'objects' };
const REMOVE: Permission = { verb: 'delete', of: 'objects' };
const LOOK: Permission = { verb: 'get', of: 'buckets' };
const CHANGE: Permission = { verb: 'update', of: 'buckets' };

const inParts = ({ objects, buckets, multipart }: S3Service) => new MultipartOperations(objects, buckets, multipart);

/** By what is asked for: `METHOD level`, and the parameter that makes it another operation. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET service': {
    name: 'ListBuckets',
    run: (request, { buckets }) =>
      listBuckets(
        buckets.list().filter((bucket) => request.sees(bucket)),
        request,
      ),
  },
  // Where it is made, and whether, is for who makes it.
  'PUT bucket': {
    name: 'CreateBucket',
    run: (request, { buckets }) => createBucket(request, buckets),
  },
  'HEAD bucket': { name: 'HeadBucket', permission: LIST, run: headBucket },
  'DELETE bucket': {
    name: 'DeleteBucket',
    permission: { verb: 'delete', of: 'buckets' },
    run: (request, { buckets, objects }) => deleteBucket(request, buckets, objects),
  },
  'GET bucket': {
    name: 'ListObjects',
    empties: true,
    permission: LIST,
    run: (request, { objects }) =>
      request.query.get('list-type') === '2' ? listObjectsV2(request, objects) : listObjects(request, objects),
  },
  'GET bucket versions': {
    name: 'ListObjectVersions',
    empties: true,
    permission: LIST,
    run: (request, { objects }) => listVersions(request, objects),
  },
  'GET bucket location': { name: 'GetBucketLocation', permission: LOOK, run: bucketLocation },
  'GET bucket versioning': { name: 'GetBucketVersioning', permission: LOOK, run: getVersioning },
  'PUT bucket versioning': {
    name: 'PutBucketVersioning',
    permission: CHANGE,
    run: (request, { buckets }) => putVersioning(request, buckets),
  },
  // Each key is asked for by itself.
  'POST bucket delete': {
    name: 'DeleteObjects',
    empties: true,
    run: (request, { objects }) => deleteObjects(request, objects),
  },
  'POST bucket': { name: 'PostObject', isSignedInside: true, run: postObject },
  'GET object': {
    name: 'GetObject',
    empties: true,
    permission: READ,
    isPublic: true,
    run: (request, { objects }) => getObject(request, objects),
  },
  'HEAD object': {
    name: 'HeadObject',
    empties: true,
    permission: READ,
    isPublic: true,
    run: (request, { objects }) => headObject(request, objects),
  },
  'DELETE object': {
    name: 'DeleteObject',
    empties: true,
    permission: REMOVE,
    run: (request, { objects }) => deleteObject(request, objects),
  },
  'PUT object': {
    name: 'PutObject',
    permission: WRITE,
    run(request, { buckets, objects }) {
      const source = request.header('x-amz-copy-source');
      return source === undefined ? putObject(request, objects) : copyObject(request, objects, buckets, source);
    },
  },
  'GET object attributes': {
    name: 'GetObjectAttributes',
    permission: READ,
    run: (request, { objects }) => getAttributes(request, objects),
  },
  'GET bucket acl': { name: 'GetBucketAcl', permission: LOOK, run: bucketAcl },
  'GET object acl': {
    name: 'GetObjectAcl',
    permission: READ,
    run: (request, { objects }) => objectAcl(request, objects),
  },
  'GET bucket logging': { name: 'GetBucketLogging', permission: LOOK, run: getLogging },
  'GET bucket requestPayment': { name: 'GetBucketRequestPayment', permission: LOOK, run: getRequestPayment },
  'GET bucket policyStatus': { name: 'GetBucketPolicyStatus', permission: LOOK, run: getPolicyStatus },
  ...Object.fromEntries(
    Object.keys(UNSET).map((name) => [
      `GET bucket ${name}`,
      { name: `GetBucket ${name}`, permission: LOOK, run: unset(name) },
    ]),
  ),
  ...Object.fromEntries(
    REMOVED.map((name) => [
      `DELETE bucket ${name}`,
      { name: `DeleteBucket ${name}`, permission: CHANGE, run: removed },
    ]),
  ),
  'GET object tagging': {
    name: 'GetObjectTagging',
    permission: READ,
    run: (request, { objects }) => getTagging(request, objects),
  },
  'PUT object tagging': {
    name: 'PutObjectTagging',
    permission: WRITE,
    run: (request, { objects }) => putTagging(request, objects),
  },
  'DELETE object tagging': {
    name: 'DeleteObjectTagging',
    permission: WRITE,
    run: (request, { objects }) => deleteTagging(request, objects),
  },
  'POST object uploads': {
    name: 'CreateMultipartUpload',
    permission: WRITE,
    run: (request, service) => inParts(service).create(request),
  },
  'PUT object uploadId': {
    name: 'UploadPart',
    permission: WRITE,
    run: (request, service) => inParts(service).putPart(request),
  },
  'POST object uploadId': {
    name: 'CompleteMultipartUpload',
    permission: WRITE,
    run: (request, service) => inParts(service).complete(request),
  },
  'DELETE object uploadId': {
    name: 'AbortMultipartUpload',
    permission: WRITE,
    run: (request, service) => inParts(service).abort(request),
  },
  'GET object uploadId': {
    name: 'ListParts',
    permission: WRITE,
    run: (request, service) => inParts(service).listParts(request),
  },
  'GET bucket uploads': {
    name: 'ListMultipartUploads',
    permission: LIST,
    run: (request, service) => inParts(service).listUploads(request),
  },
};

/** Parameters that make it another operation. Those that are not offered here answer so: never as if they were not there. */
const SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'delete',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'location',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versioning',
  'versions',
  'website',
];

/** Throws MethodNotAllowed, and NotImplemented. */
export function operationOf(method: string, { bucket, key, query }: Addressed): Operation {
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  const subresource = SUBRESOURCES.find((name) => query.has(name));
  const asked = [method, level, ...(subresource === undefined ? [] : [subresource])].join(' ');
  const operation = own(OPERATIONS as Record<string, Operation>, asked);
  if (operation) return operation;
  if (subresource !== undefined || method === 'POST')
    throw new S3Error('NotImplemented', {
      message: `${asked} is not offered here`,
      extra: { ResourceType: subresource?.toUpperCase() ?? method },
    });
  throw new S3Error('MethodNotAllowed', { extra: { Method: method, ResourceType: level.toUpperCase() } });
}
