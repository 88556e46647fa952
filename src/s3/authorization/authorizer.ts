import { DEFAULT_NAMESPACE } from '../../api/metadata.ts';
import type { Access } from '../../api/access.ts';
import { isPublicPolicy, parsePolicy } from '../../api/bucket-policy.ts';
import type { GrantPermission } from '../../api/bucket-config.ts';
import { memoised } from '../../base/memoised.ts';
import { mayAccess } from '../access.ts';
import type { Permission } from '../access.ts';
import type { Asker, S3Bucket } from '../buckets.ts';
import type { ObjectRow } from '../row.ts';
import type { ObjectRows } from '../rows.ts';
import { S3Error } from '../wire/errors.ts';
import { cannedGrants, isGranted } from './grants.ts';
import { effectOf } from './policy-effect.ts';

/** One thing that somebody wants to do with a bucket, or with an object in it. */
export interface Wanted {
  /** As policies call it: `s3:GetObject`. */
  action: string;
  /** As roles have it. */
  permission: Permission;
  /** Policies speak of it as of an object, where roles have it as of a bucket. */
  isOfObject?: true;
  /** What lets others do it, of the bucket's grants or the object's; left out: no grant does. */
  grant?: { of: 'bucket' | 'object'; permission: GrantPermission };
  /** Anyone may, where the bucket says publicRead. */
  isPublic?: boolean;
  /** Of a list: the prefix that it asks for. */
  key: string;
  versionId?: string;
  /** What a policy's conditions ask for, by the name of their key in small letters. */
  values: (key: string) => readonly string[] | undefined;
}

/** What the bucket's policy says; nothing where it has none. */
export const statementsOf = memoised(({ name, config }: S3Bucket) =>
  config.policy === undefined ? [] : parsePolicy(config.policy, name),
);

/** Who has a policy wrong must be able to set it right. */
const OF_POLICY = ['s3:GetBucketPolicy', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy'];
const EXISTING_TAG = 's3:existingobjecttag/';

/**
 * Whether somebody may do something with a bucket. A namespace is what S3 calls an account: in their own, keys may what their
 * role says; in others', what a policy or a grant says as well. What a policy denies nobody may.
 */
export class Authorizer {
  readonly #rows: Pick<ObjectRows, 'find'>;

  constructor(rows: Pick<ObjectRows, 'find'>) {
    this.#rows = rows;
  }

  /** Throws AccessDenied; and NoSuchKey where who asks may know of it. */
  async check(asker: Asker | undefined, bucket: S3Bucket, wanted: Wanted): Promise<void> {
    const isOwn = mayAccess(asker?.credential.access, wanted.permission, bucket, wanted.key);
    const effect = await this.#effect(asker, bucket, wanted);
    if (effect === 'Deny' && !(isOwn && OF_POLICY.includes(wanted.action))) throw new S3Error('AccessDenied');
    if (isOwn) return;
    const { restrictPublicBuckets } = bucket.config.publicAccessBlock ?? {};
    if (wanted.isPublic && bucket.publicRead && !restrictPublicBuckets) return;
    if (!this.#mayElsewhere(asker, bucket, wanted)) throw new S3Error('AccessDenied');
    if (effect === 'Allow' && !(restrictPublicBuckets && isPublicPolicy(statementsOf(bucket)))) return;
    if (await this.#isGranted(asker, bucket, wanted)) return;
    if (await this.#mayKnow(asker, bucket, wanted)) throw noSuchKey(wanted);
    throw new S3Error('AccessDenied');
  }

  /** What a key of another namespace may do at home bounds it; nobody at all is bound by nothing. */
  #mayElsewhere(asker: Asker | undefined, bucket: S3Bucket, { permission, key }: Wanted): boolean {
    const namespace = namespaceOf(asker, bucket);
    if (!asker || namespace === undefined || namespace === bucket.namespace) return true;
    return mayAccess(asker.credential.access, permission, { name: bucket.name, namespace }, key);
  }

  async #effect(asker: Asker | undefined, bucket: S3Bucket, wanted: Wanted) {
    const statements = statementsOf(bucket);
    if (statements.length === 0) return undefined;
    const {
      action,
      key,
      values,
      permission,
      isOfObject = permission.of === 'objects' && permission.verb !== 'list',
    } = wanted;
    const needsTags = statements.some(({ conditions }) => conditions.some((each) => each.key.startsWith(EXISTING_TAG)));
    const tags = needsTags ? ((await this.#row(bucket, wanted))?.tags ?? {}) : {};
    const namespace = namespaceOf(asker, bucket);
    return effectOf(statements, {
      asker: { namespace, key: asker?.credential.key, isHome: namespace === bucket.namespace },
      action,
      resource: isOfObject ? `${bucket.name}/${key}` : bucket.name,
      values(name) {
        if (!name.startsWith(EXISTING_TAG)) return values(name);
        const found = Object.entries(tags).find(([tag]) => tag.toLowerCase() === name.slice(EXISTING_TAG.length));
        return found && [found[1]];
      },
    });
  }

  async #isGranted(asker: Asker | undefined, bucket: S3Bucket, wanted: Wanted): Promise<boolean> {
    const { grant } = wanted;
    const { ownership, publicAccessBlock } = bucket.config;
    if (!grant || ownership === 'BucketOwnerEnforced') return false;
    const namespace = namespaceOf(asker, bucket);
    // In its own namespace a key may what its role says, and what everybody may.
    const grantee = {
      isSigned: asker !== undefined,
      namespace: namespace === bucket.namespace ? undefined : namespace,
    };
    const ofBucket = (permission: GrantPermission) =>
      isGranted(bucketGrants(bucket), grantee, permission, publicAccessBlock);
    if (grant.of === 'bucket') return ofBucket(grant.permission);
    const row = await this.#row(bucket, wanted);
    if (!row && ofBucket('READ')) throw noSuchKey(wanted);
    return row !== undefined && isGranted(objectGrants(row, bucket), grantee, grant.permission, publicAccessBlock);
  }

  /** Who may list what begins so learns that it is not there. */
  async #mayKnow(asker: Asker | undefined, bucket: S3Bucket, wanted: Wanted): Promise<boolean> {
    const { permission, key, values } = wanted;
    if (permission.of !== 'objects' || permission.verb !== 'get') return false;
    const listing = {
      action: 's3:ListBucket',
      permission: { verb: 'list', of: 'objects' },
      key,
      values: (name: string) => (name === 's3:prefix' ? [key] : values(name)),
    } as const;
    const mayList = (await this.#effect(asker, bucket, listing)) === 'Allow';
    return mayList && (await this.#row(bucket, wanted)) === undefined;
  }

  #row({ name }: S3Bucket, { key, versionId }: Wanted): Promise<ObjectRow | undefined> {
    return key === '' ? Promise.resolve(undefined) : this.#rows.find(name, key, versionId);
  }
}

const noSuchKey = ({ key }: Wanted): S3Error => new S3Error('NoSuchKey', { extra: { Key: key } });

const VERBS = ['get', 'list', 'update', 'delete'] as const;

/** Where a key may do anything with buckets or objects; `undefined`: everywhere. */
const homesOf = memoised((access: Access): readonly string[] | undefined => {
  const homes = VERBS.flatMap((verb) =>
    ['', 'objects'].map((subresource) => access.namespaces({ verb, resource: 'buckets', subresource })),
  );
  return homes.includes(undefined) ? undefined : homes.flatMap((each) => each ?? []);
});

/** The namespace that a key is of when it comes to others' buckets: its first, and the default one before others. */
export function homeOf(access: Access): string | undefined {
  const homes = homesOf(access);
  return !homes || homes.includes(DEFAULT_NAMESPACE) ? DEFAULT_NAMESPACE : homes[0];
}

/** Who may do anything in the bucket's namespace is of it, while it is about that bucket. `undefined`: nobody has signed it. */
export function namespaceOf(asker: Asker | undefined, { namespace }: S3Bucket): string | undefined {
  if (!asker) return undefined;
  const homes = homesOf(asker.credential.access);
  return !homes || homes.includes(namespace) ? namespace : homeOf(asker.credential.access);
}

export const bucketGrants = ({ namespace, config }: S3Bucket) =>
  config.grants ?? cannedGrants('private', { owner: namespace, bucketOwner: namespace });

export const ownerOf = ({ owner }: Pick<ObjectRow, 'owner'>, { namespace, config }: S3Bucket): string =>
  config.ownership === 'BucketOwnerEnforced' ? namespace : (owner ?? namespace);

export const objectGrants = (row: ObjectRow, bucket: S3Bucket) =>
  row.grants ?? cannedGrants('private', { owner: ownerOf(row, bucket), bucketOwner: bucket.namespace });
