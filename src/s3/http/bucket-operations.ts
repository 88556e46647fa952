import { isBucketName } from '../../base/bucket-names.ts';
import { StatusError } from '../../base/errors.ts';
import { REGION } from '../buckets.ts';
import type { Buckets, BucketSettings, S3Bucket } from '../buckets.ts';
import type { Objects } from '../objects.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import { grantsIn, ownerElement } from './acl.ts';
import { DELETING } from './asks.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { asS3Error } from './failures.ts';
import { ownershipOf } from './bucket-config.ts';
import { bypasses } from './object-lock.ts';
import { deleteOne } from './object-operations.ts';
import { checkedKey } from './request.ts';
import type { S3Request } from './request.ts';

const MOST_DELETED = 1_000;

/** `visible`: what the key may see. */
export function listBuckets(buckets: readonly S3Bucket[], owner: string, { query }: S3Request): Answer {
  const [prefix, token] = [query.get('prefix') ?? '', query.get('continuation-token') ?? ''];
  const most = Number(query.get('max-buckets') ?? 10_000);
  if (!Number.isInteger(most) || most < 1 || most > 10_000) throw new S3Error('InvalidArgument');
  const wanted = buckets.filter(({ name }) => name.startsWith(prefix) && name > token);
  const shown = wanted.slice(0, most);
  return xml('ListAllMyBucketsResult', {
    Owner: ownerElement(owner),
    Buckets: { Bucket: shown.map(({ name, createdAt }) => ({ Name: name, CreationDate: createdAt })) },
    ContinuationToken: wanted.length > most ? shown.at(-1)?.name : undefined,
    Prefix: prefix === '' ? undefined : prefix,
  });
}

export async function createBucket(request: S3Request, buckets: Buckets): Promise<Answer> {
  const name = request.bucketName;
  if (!isBucketName(name)) throw new S3Error('InvalidBucketName', { extra: { BucketName: name } });
  const settings = askedSettings(request, buckets);
  const made: Answer = { headers: { location: `/${name}` } };
  const document = await request.document();
  if (document.length > 0) {
    const { LocationConstraint: location } = parseXml(document, { root: 'CreateBucketConfiguration' });
    if (location !== undefined && typeof location !== 'string') throw new S3Error('MalformedXML');
  }
  const known = buckets.find(name);
  if (known?.isDeleting) throw new S3Error('OperationAborted', { extra: { BucketName: name } });
  // As in S3's first region: to make it again as it is changes nothing.
  if (known && request.sees(known) && !settings.grants && !known.config.grants) return made;
  if (known) throw new S3Error('BucketAlreadyExists', { extra: { BucketName: name } });
  try {
    await buckets.create(name, settings, request.author);
  } catch (error) {
    const isTaken =
      error instanceof StatusError &&
      (error.reason === 'AlreadyExists' || error.causes.some(({ reason }) => reason === 'FieldValueDuplicate'));
    if (isTaken) throw new S3Error('BucketAlreadyExists', { extra: { BucketName: name }, cause: error });
    throw error;
  }
  return made;
}

/** What the headers say of the bucket. */
function askedSettings(request: S3Request, buckets: Buckets): BucketSettings {
  const { headers, author } = request;
  const [lock, ownership] = ['x-amz-bucket-object-lock-enabled', 'x-amz-object-ownership'].map((n) =>
    request.header(n),
  );
  const namespace = buckets.namespaceFor(author);
  const grants = grantsIn(headers, { owner: namespace, bucketOwner: namespace }, buckets);
  const isPrivate = grants === undefined || grants.every((grant) => grant.namespace === namespace);
  if (!isPrivate && ownership === 'BucketOwnerEnforced') throw new S3Error('InvalidBucketAclWithObjectOwnership');
  return {
    ...(!isPrivate && { grants }),
    ...(ownership !== undefined && { ownership: ownershipOf(ownership) }),
    ...(lock?.toLowerCase() === 'true' && { versioning: 'Enabled', objectLock: {} }),
  };
}

export async function deleteBucket(request: S3Request, buckets: Buckets, objects: Objects): Promise<Answer> {
  const { bucket, author } = request;
  if ((await objects.rows.some(bucket.name, 1)).length > 0)
    throw new S3Error('BucketNotEmpty', { extra: { BucketName: bucket.name } });
  await buckets.remove(bucket, author);
  return { status: 204 };
}

/** Answers at all where the bucket is there. */
export const headBucket = ({ bucket: _ }: S3Request): Answer => ({ headers: { 'x-amz-bucket-region': REGION } });

export const bucketLocation = ({ bucket: _ }: S3Request): Answer => xml('LocationConstraint', { '#text': REGION });

export const getVersioning = ({ bucket }: S3Request): Answer =>
  xml('VersioningConfiguration', { Status: bucket.versioning === 'Off' ? undefined : bucket.versioning });

export async function putVersioning(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const { Status: status, MfaDelete: mfa } = parseXml(await request.document(), { root: 'VersioningConfiguration' });
  if (mfa === 'Enabled') throw new S3Error('NotImplemented', { message: 'MFA delete is not offered here' });
  if (status !== 'Enabled' && status !== 'Suspended') throw new S3Error('IllegalVersioningConfigurationException');
  if (status === 'Suspended' && bucket.config.objectLock)
    throw new S3Error('InvalidBucketState', {
      message: 'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    });
  await buckets.configure(bucket, { versioning: status }, author);
  return {};
}

/** Each by itself: one that cannot be deleted is told beside the others. */
export async function deleteObjects(request: S3Request, objects: Objects): Promise<Answer> {
  const { headers } = request;
  if (
    headers['content-md5'] === undefined &&
    !Object.keys(headers).some((name) => name.startsWith('x-amz-checksum-') || name === 'x-amz-trailer')
  )
    throw new S3Error('InvalidRequest', {
      message: 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    });
  const { Object: given = [], Quiet: quiet } = parseXml(await request.document(), {
    root: 'Delete',
    lists: ['Object'],
    maxBytes: 2 << 20,
  });
  const items = given as readonly XmlElement[];
  if (items.length === 0 || items.length > MOST_DELETED) throw new S3Error('MalformedXML');
  const bypassGovernance = await bypasses(request);
  const outcomes = await Promise.all(items.map((item) => deleteListed(request, objects, item, bypassGovernance)));
  const deleted = outcomes.filter((outcome) => !('Code' in outcome));
  return xml('DeleteResult', {
    ...(quiet === 'true' ? {} : { Deleted: deleted }),
    Error: outcomes.filter((outcome) => 'Code' in outcome),
  });
}

async function deleteListed(request: S3Request, objects: Objects, item: XmlElement, bypassGovernance: boolean) {
  const { Key: key, VersionId: versionId } = item;
  if (typeof key !== 'string' || key === '' || (versionId !== undefined && typeof versionId !== 'string'))
    throw new S3Error('MalformedXML');
  const named = { Key: key, VersionId: versionId };
  try {
    await request.checkAlso({ ...DELETING, key: checkedKey(key), ...(versionId !== undefined && { versionId }) });
    const headers = await deleteOne(request, objects, key, versionId, { bypassGovernance });
    const marker =
      headers['x-amz-delete-marker'] === undefined
        ? {}
        : { DeleteMarker: true, DeleteMarkerVersionId: headers['x-amz-version-id'] };
    return { ...named, ...marker };
  } catch (error) {
    const refusal = asS3Error(error);
    if (refusal.code === 'InternalError') throw error;
    return { ...named, Code: refusal.code, Message: refusal.message };
  }
}
