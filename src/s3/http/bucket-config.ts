import { OWNERSHIPS } from '../../api/bucket-config.ts';
import type { BucketConfig, CorsRule, PublicAccessBlock } from '../../api/bucket-config.ts';
import { isPublicPolicy, parsePolicy, PolicyError } from '../../api/bucket-policy.ts';
import { bucketGrants } from '../authorization/authorizer.ts';
import { isPublicGrant } from '../authorization/grants.ts';
import type { Buckets } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import type { S3ErrorCode } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import type { XmlObject } from '../wire/xml.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { checkedTags } from './description.ts';
import type { S3Request } from './request.ts';
import { tagsIn } from './tagging.ts';

type Setting = keyof BucketConfig;
const MOST_BUCKET_TAGS = 50;
const CORS_METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'] as const;

/** What a bucket has of a setting. Throws S3's own word for one that it has nothing of. */
function settingOf<K extends Setting>({ bucket }: S3Request, name: K, missing: S3ErrorCode) {
  const value = bucket.config[name];
  if (value === undefined) throw new S3Error(missing, { extra: { BucketName: bucket.name } });
  return value as NonNullable<BucketConfig[K]>;
}

/** To take away what is not there is no mistake. */
export async function removeSetting({ bucket, author }: S3Request, buckets: Buckets, name: Setting): Promise<Answer> {
  if (bucket.config[name] !== undefined) await buckets.configure(bucket, { [name]: null }, author);
  return { status: 204 };
}

export const getPolicy = (request: S3Request): Answer => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(settingOf(request, 'policy', 'NoSuchBucketPolicy')),
});

export async function putPolicy(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const document = await request.document();
  const policy = policyIn(document, bucket.name);
  if (bucket.config.publicAccessBlock?.blockPublicPolicy && isPublicPolicy(parsePolicy(policy, bucket.name)))
    throw new S3Error('AccessDenied');
  await buckets.configure(bucket, { policy }, author);
  return { status: 204 };
}

function policyIn(document: Buffer, bucket: string): Readonly<Record<string, unknown>> {
  try {
    const policy: unknown = JSON.parse(document.toString('utf8'));
    parsePolicy(policy, bucket);
    return policy as Record<string, unknown>;
  } catch (error) {
    if (error instanceof PolicyError)
      throw new S3Error('MalformedPolicy', { message: `${error.at} ${error.message}`.trim(), cause: error });
    throw new S3Error('MalformedPolicy', { cause: error });
  }
}

export function getPolicyStatus({ bucket }: S3Request): Answer {
  const { policy } = bucket.config;
  const isPublic =
    bucket.publicRead ||
    bucketGrants(bucket).some(isPublicGrant) ||
    (policy !== undefined && isPublicPolicy(parsePolicy(policy, bucket.name)));
  return xml('PolicyStatus', { IsPublic: isPublic });
}

const BLOCKS: Readonly<Record<string, keyof PublicAccessBlock>> = {
  BlockPublicAcls: 'blockPublicAcls',
  IgnorePublicAcls: 'ignorePublicAcls',
  BlockPublicPolicy: 'blockPublicPolicy',
  RestrictPublicBuckets: 'restrictPublicBuckets',
};

export function getPublicAccessBlock(request: S3Request): Answer {
  const block = settingOf(request, 'publicAccessBlock', 'NoSuchPublicAccessBlockConfiguration');
  return xml(
    'PublicAccessBlockConfiguration',
    Object.fromEntries(Object.entries(BLOCKS).map(([name, member]) => [name, block[member] ?? false])),
  );
}

const isTrue = (given: XmlElement[string] | undefined): boolean =>
  typeof given === 'string' && given.toLowerCase() === 'true';

export async function putPublicAccessBlock(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const given = parseXml(await request.document(), { root: 'PublicAccessBlockConfiguration' });
  const publicAccessBlock = Object.fromEntries(
    Object.entries(BLOCKS).map(([name, member]) => [member, isTrue(given[name])]),
  );
  await buckets.configure(bucket, { publicAccessBlock }, author);
  return {};
}

export const getOwnership = (request: S3Request): Answer =>
  xml('OwnershipControls', {
    Rule: { ObjectOwnership: settingOf(request, 'ownership', 'OwnershipControlsNotFoundError') },
  });

export async function putOwnership(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const { Rule: rule } = parseXml(await request.document(), { root: 'OwnershipControls' });
  const ownership = ownershipOf((rule as XmlElement | undefined)?.['ObjectOwnership']);
  if (
    ownership === 'BucketOwnerEnforced' &&
    bucketGrants(bucket).some(({ namespace }) => namespace !== bucket.namespace)
  )
    throw new S3Error('InvalidBucketAclWithObjectOwnership');
  await buckets.configure(bucket, { ownership }, author);
  return {};
}

/** Throws MalformedXML. */
export function ownershipOf(given: unknown) {
  const ownership = OWNERSHIPS.find((each) => each === given);
  if (!ownership) throw new S3Error('MalformedXML');
  return ownership;
}

export const getBucketTagging = (request: S3Request): Answer =>
  xml('Tagging', {
    TagSet: {
      Tag: Object.entries(settingOf(request, 'tags', 'NoSuchTagSet')).map(([Key, Value]) => ({ Key, Value })),
    },
  });

export async function putBucketTagging(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const given = tagsIn(parseXml(await request.document(), { root: 'Tagging', lists: ['Tag'] }));
  await buckets.configure(bucket, { tags: checkedTags(given, MOST_BUCKET_TAGS) }, author);
  return { status: 204 };
}

export const getCors = (request: S3Request): Answer =>
  xml('CORSConfiguration', {
    CORSRule: settingOf(request, 'cors', 'NoSuchCORSConfiguration').map((rule): XmlObject => ({
      ID: rule.id,
      AllowedHeader: rule.allowedHeaders,
      AllowedMethod: rule.allowedMethods,
      AllowedOrigin: rule.allowedOrigins,
      ExposeHeader: rule.exposeHeaders,
      MaxAgeSeconds: rule.maxAgeSeconds,
    })),
  });

export async function putCors(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const { CORSRule: given = [] } = parseXml(await request.document(), {
    root: 'CORSConfiguration',
    lists: ['CORSRule', 'AllowedHeader', 'AllowedMethod', 'AllowedOrigin', 'ExposeHeader'],
  });
  const rules = given as readonly XmlElement[];
  if (rules.length === 0 || rules.length > 100) throw new S3Error('MalformedXML');
  await buckets.configure(bucket, { cors: rules.map(corsRuleOf) }, author);
  return {};
}

function corsRuleOf(rule: XmlElement): CorsRule {
  const texts = (name: string): readonly string[] => (rule[name] ?? []) as readonly string[];
  const [origins, methods] = [texts('AllowedOrigin'), texts('AllowedMethod')];
  if (origins.length === 0 || methods.length === 0) throw new S3Error('MalformedXML');
  const tooMany = [...origins, ...texts('AllowedHeader')].find((each) => each.split('*').length > 2);
  if (tooMany !== undefined)
    throw new S3Error('InvalidRequest', { message: `${tooMany} can not have more than one wildcard.` });
  const { ID: id, MaxAgeSeconds: seconds } = rule;
  return {
    ...(typeof id === 'string' && { id }),
    allowedOrigins: origins,
    allowedMethods: methods.map((said) => {
      const method = CORS_METHODS.find((each) => each === said);
      if (!method)
        throw new S3Error('InvalidRequest', {
          message: `Found unsupported HTTP method in CORS config. Unsupported method is ${said}`,
        });
      return method;
    }),
    ...(texts('AllowedHeader').length > 0 && { allowedHeaders: texts('AllowedHeader') }),
    ...(texts('ExposeHeader').length > 0 && { exposeHeaders: texts('ExposeHeader') }),
    ...(typeof seconds === 'string' && { maxAgeSeconds: Number(seconds) }),
  };
}
