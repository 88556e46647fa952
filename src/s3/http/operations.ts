import { own } from '../../base/own.ts';
import { S3Error } from '../wire/errors.ts';
import type { Addressed } from './request.ts';
import { BUCKET_OPERATIONS } from './bucket-table.ts';
import { OBJECT_OPERATIONS } from './object-table.ts';
import type { Operation } from './operation.ts';

const OPERATIONS: Record<string, Operation> = { ...BUCKET_OPERATIONS, ...OBJECT_OPERATIONS };

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
  const operation = own(OPERATIONS, asked);
  if (operation) return operation;
  if (subresource !== undefined || method === 'POST')
    throw new S3Error('NotImplemented', {
      message: `${asked} is not offered here`,
      extra: { ResourceType: subresource?.toUpperCase() ?? method },
    });
  throw new S3Error('MethodNotAllowed', { extra: { Method: method, ResourceType: level.toUpperCase() } });
}
