import type { Grant, GrantPermission, PublicAccessBlock } from '../../api/bucket-config.ts';

/** Words for what is often granted, by the header `x-amz-acl`. */
export const CANNED_ACLS = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
  'log-delivery-write',
] as const;
export type CannedAcl = (typeof CANNED_ACLS)[number];

export interface Owners {
  /** The namespace whose the object is, or the bucket. */
  owner: string;
  bucketOwner: string;
}

/** What such a word stands for: the owner has everything, and comes last. */
export function cannedGrants(acl: CannedAcl, { owner, bucketOwner }: Owners): readonly Grant[] {
  const own: Grant = { namespace: owner, permission: 'FULL_CONTROL' };
  const ofBucket = (permission: GrantPermission): Grant[] =>
    owner === bucketOwner ? [] : [{ namespace: bucketOwner, permission }];
  const others: Readonly<Record<CannedAcl, readonly Grant[]>> = {
    private: [],
    'public-read': [{ group: 'AllUsers', permission: 'READ' }],
    'public-read-write': [
      { group: 'AllUsers', permission: 'READ' },
      { group: 'AllUsers', permission: 'WRITE' },
    ],
    'authenticated-read': [{ group: 'AuthenticatedUsers', permission: 'READ' }],
    'bucket-owner-read': ofBucket('READ'),
    'bucket-owner-full-control': ofBucket('FULL_CONTROL'),
    'log-delivery-write': [
      { group: 'LogDelivery', permission: 'WRITE' },
      { group: 'LogDelivery', permission: 'READ_ACP' },
    ],
  };
  return [...others[acl], own];
}

export interface Grantee {
  isSigned: boolean;
  /** Its namespace, where grants to that count. */
  namespace: string | undefined;
}

/** Groups do not count where public grants are ignored. */
export const isGranted = (
  grants: readonly Grant[],
  { isSigned, namespace }: Grantee,
  permission: GrantPermission,
  { ignorePublicAcls }: PublicAccessBlock = {},
): boolean =>
  grants.some(
    (grant) =>
      (grant.permission === permission || grant.permission === 'FULL_CONTROL') &&
      (grant.namespace === undefined
        ? !ignorePublicAcls && (grant.group === 'AllUsers' || (grant.group === 'AuthenticatedUsers' && isSigned))
        : grant.namespace === namespace),
  );
