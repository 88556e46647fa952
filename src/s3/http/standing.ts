import type { IncomingHttpHeaders } from 'node:http';
import type { RetentionMode } from '../../api/bucket-config.ts';
import { isPublicGrant, RETENTION_MODES } from '../../api/bucket-config.ts';
import { namespaceOf } from '../authorization/authorizer.ts';
import type { Asker, Buckets } from '../buckets.ts';
import type { ObjectStanding, Retention } from '../row.ts';
import { S3Error } from '../wire/errors.ts';
import { grantsIn, refusePublic } from './acl.ts';
import { GRANTING, HOLDING, RETAINING } from './asks.ts';
import type { S3Request } from './request.ts';

/** What is said of an object that is put, beside its bytes and its description: whose it is, who has it, and until when it stays. */
export async function standingOf(
  request: S3Request,
  buckets: Buckets,
  headers: IncomingHttpHeaders,
  key: string,
  asker: Asker | undefined,
): Promise<Partial<ObjectStanding>> {
  const { bucket } = request;
  const { ownership } = bucket.config;
  const lock = lockIn(headers, request.cameAt.wall);
  if ((lock.retention !== undefined || lock.legalHold !== undefined) && !bucket.config.objectLock)
    throw new S3Error('InvalidRequest', { message: 'Bucket is missing Object Lock Configuration' });
  // To put an object is not to keep it.
  if (lock.retention) await request.checkAlso({ ...RETAINING, key }, bucket, asker);
  if (lock.legalHold !== undefined) await request.checkAlso({ ...HOLDING, key }, bucket, asker);
  const home = namespaceOf(asker, bucket);
  const isGivenAway = ownership === 'BucketOwnerPreferred' && headers['x-amz-acl'] === 'bucket-owner-full-control';
  const owner = ownership === 'BucketOwnerEnforced' || isGivenAway ? bucket.namespace : (home ?? bucket.namespace);
  const grants = grantsIn(headers, { owner, bucketOwner: bucket.namespace }, buckets);
  if (grants && ownership === 'BucketOwnerEnforced') refuseGrants(headers);
  if (grants) {
    refusePublic(bucket, grants);
    const others = grants.some(({ namespace }) => namespace !== owner && namespace !== bucket.namespace);
    // Who comes from elsewhere grants what is their own.
    if (home === bucket.namespace && (grants.some(isPublicGrant) || others))
      await request.checkAlso({ ...GRANTING, key }, bucket, asker);
  }
  return {
    ...lock,
    ...(owner !== bucket.namespace && { owner }),
    ...(grants && ownership !== 'BucketOwnerEnforced' && { grants }),
  };
}

/** Where grants do not count, only those may be named that change nothing. */
function refuseGrants(headers: IncomingHttpHeaders): void {
  if (headers['x-amz-acl']?.toString() !== 'bucket-owner-full-control')
    throw new S3Error('AccessControlListNotSupported');
}

/** Of `x-amz-object-lock-…`. */
function lockIn(headers: IncomingHttpHeaders, now: Date): Partial<Pick<ObjectStanding, 'retention' | 'legalHold'>> {
  const of = (name: string) => headers[`x-amz-object-lock-${name}`]?.toString();
  const [mode, until, hold] = [of('mode'), of('retain-until-date'), of('legal-hold')];
  if ((mode === undefined) !== (until === undefined))
    throw new S3Error('InvalidArgument', {
      message: 'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    });
  return {
    ...(mode !== undefined && { retention: checkedRetention({ mode, until }, now, 'InvalidArgument') }),
    ...(hold !== undefined && { legalHold: holdOf(hold, 'InvalidArgument') }),
  };
}

/** Throws `code` for what is no mode or no time, and InvalidArgument for one that is past. */
export function checkedRetention(
  { mode, until }: { mode: unknown; until: unknown },
  now: Date,
  code: 'InvalidArgument' | 'MalformedXML',
): Retention {
  const isMode = (given: unknown): given is RetentionMode => RETENTION_MODES.some((each) => each === given);
  const date = new Date(typeof until === 'string' && /^\d{4}-\d\d-\d\dT/.test(until) ? until : Number.NaN);
  if (!isMode(mode) || Number.isNaN(date.getTime())) throw new S3Error(code);
  if (date <= now) throw new S3Error('InvalidArgument', { message: 'The retain until date must be in the future!' });
  return { mode, until: date };
}

export function holdOf(status: unknown, code: 'InvalidArgument' | 'MalformedXML'): boolean {
  if (status !== 'ON' && status !== 'OFF') throw new S3Error(code);
  return status === 'ON';
}
