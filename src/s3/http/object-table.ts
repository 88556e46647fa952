import type { S3Service } from '../buckets.ts';
import { getObjectAcl, putObjectAcl } from './acl.ts';
import { getAttributes } from './attributes.ts';
import { copyObject } from './copy.ts';
import { MultipartOperations } from './multipart-operations.ts';
import { getLegalHold, getRetention, putLegalHold, putRetention } from './object-lock.ts';
import { deleteObject, getObject, headObject, putObject } from './object-operations.ts';
import { deleteTagging, getTagging, putTagging } from './tagging.ts';
import { DELETING, GRANTING, HOLDING, LISTING, onObject, PUTTING, READING, RETAINING } from './asks.ts';
import type { Operation } from './operation.ts';

const inParts = ({ objects, buckets, multipart }: S3Service) => new MultipartOperations(objects, buckets, multipart);

/** The same of objects, and of uploads. */
export const OBJECT_OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET object': {
    name: 'GetObject',
    empties: true,
    asks: READING,
    run: (request, { objects }) => getObject(request, objects),
  },
  'HEAD object': {
    name: 'HeadObject',
    empties: true,
    asks: READING,
    run: (request, { objects }) => headObject(request, objects),
  },
  'DELETE object': {
    name: 'DeleteObject',
    empties: true,
    asks: DELETING,
    run: (request, { objects }) => deleteObject(request, objects),
  },
  'PUT object': {
    name: 'PutObject',
    asks: PUTTING,
    run(request, { buckets, objects }) {
      const source = request.header('x-amz-copy-source');
      return source === undefined
        ? putObject(request, objects, buckets)
        : copyObject(request, objects, buckets, source);
    },
  },
  'GET object attributes': {
    name: 'GetObjectAttributes',
    asks: { ...READING, isPublic: false },
    run: (request, { objects }) => getAttributes(request, objects),
  },
  'GET object acl': {
    name: 'GetObjectAcl',
    asks: onObject('GetObjectAcl', 'get', 'READ_ACP'),
    run: (request, { objects }) => getObjectAcl(request, objects),
  },
  'PUT object acl': {
    name: 'PutObjectAcl',
    asks: { ...GRANTING, grant: { of: 'object', permission: 'WRITE_ACP' } },
    run: (request, { objects, buckets }) => putObjectAcl(request, objects, buckets),
  },
  'GET object retention': {
    name: 'GetObjectRetention',
    asks: onObject('GetObjectRetention', 'get'),
    run: (request, { objects }) => getRetention(request, objects),
  },
  'PUT object retention': {
    name: 'PutObjectRetention',
    asks: RETAINING,
    run: (request, { objects }) => putRetention(request, objects),
  },
  'GET object legal-hold': {
    name: 'GetObjectLegalHold',
    asks: onObject('GetObjectLegalHold', 'get'),
    run: (request, { objects }) => getLegalHold(request, objects),
  },
  'PUT object legal-hold': {
    name: 'PutObjectLegalHold',
    asks: HOLDING,
    run: (request, { objects }) => putLegalHold(request, objects),
  },
  'GET object tagging': {
    name: 'GetObjectTagging',
    asks: onObject('GetObjectTagging', 'get'),
    run: (request, { objects }) => getTagging(request, objects),
  },
  'PUT object tagging': {
    name: 'PutObjectTagging',
    asks: onObject('PutObjectTagging', 'update'),
    run: (request, { objects }) => putTagging(request, objects),
  },
  'DELETE object tagging': {
    name: 'DeleteObjectTagging',
    asks: onObject('DeleteObjectTagging', 'update'),
    run: (request, { objects }) => deleteTagging(request, objects),
  },
  'POST object uploads': {
    name: 'CreateMultipartUpload',
    asks: PUTTING,
    run: (request, service) => inParts(service).create(request),
  },
  'PUT object uploadId': {
    name: 'UploadPart',
    asks: PUTTING,
    run: (request, service) => inParts(service).putPart(request),
  },
  'POST object uploadId': {
    name: 'CompleteMultipartUpload',
    asks: PUTTING,
    run: (request, service) => inParts(service).complete(request),
  },
  'DELETE object uploadId': {
    name: 'AbortMultipartUpload',
    asks: { ...PUTTING, action: 's3:AbortMultipartUpload' },
    run: (request, service) => inParts(service).abort(request),
  },
  'GET object uploadId': {
    name: 'ListParts',
    asks: { ...PUTTING, action: 's3:ListMultipartUploadParts' },
    run: (request, service) => inParts(service).listParts(request),
  },
  'GET bucket uploads': {
    name: 'ListMultipartUploads',
    asks: { ...LISTING, action: 's3:ListBucketMultipartUploads' },
    run: (request, service) => inParts(service).listUploads(request),
  },
};
