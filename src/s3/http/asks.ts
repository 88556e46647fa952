import type { Wanted } from '../authorization/authorizer.ts';

/** What an operation wants of who does it. */
export type Asks = Omit<Wanted, 'key' | 'versionId' | 'values'>;

export const onObject = (action: string, verb: 'get' | 'update', permission?: 'READ_ACP' | 'WRITE_ACP'): Asks => ({
  action: `s3:${action}`,
  permission: { verb, of: 'objects' },
  ...(permission && { grant: { of: 'object', permission } }),
});
export const onBucket = (action: string, verb: 'get' | 'update', permission?: 'READ_ACP' | 'WRITE_ACP'): Asks => ({
  action: `s3:${action}`,
  permission: { verb, of: 'buckets' },
  ...(permission && { grant: { of: 'bucket', permission } }),
});
export const LISTING: Asks = {
  action: 's3:ListBucket',
  permission: { verb: 'list', of: 'objects' },
  grant: { of: 'bucket', permission: 'READ' },
};
export const READING = {
  action: 's3:GetObject',
  permission: { verb: 'get', of: 'objects' },
  grant: { of: 'object', permission: 'READ' },
  isPublic: true,
} as const satisfies Asks;
export const PUTTING = {
  action: 's3:PutObject',
  permission: { verb: 'update', of: 'objects' },
  grant: { of: 'bucket', permission: 'WRITE' },
} as const satisfies Asks;
export const DELETING = {
  action: 's3:DeleteObject',
  permission: { verb: 'delete', of: 'objects' },
  grant: { of: 'bucket', permission: 'WRITE' },
} as const satisfies Asks;
/** To give others something of an object. */
export const GRANTING = {
  action: 's3:PutObjectAcl',
  permission: { verb: 'update', of: 'buckets' },
  isOfObject: true,
} as const satisfies Asks;
export const RETAINING = onObject('PutObjectRetention', 'update');
export const HOLDING = onObject('PutObjectLegalHold', 'update');
/** To take back what GOVERNANCE keeps. */
export const BYPASSING = {
  action: 's3:BypassGovernanceRetention',
  permission: { verb: 'update', of: 'buckets' },
  isOfObject: true,
} as const satisfies Asks;
