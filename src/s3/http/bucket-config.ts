import { isPublicGrant, OWNERSHIPS } from '../../api/bucket-config.ts';
import type { BucketConfig, CorsRule, PublicAccessBlock } from '../../api/bucket-config.ts';
import { isPublicPolicy, parsePolicy, PolicyError } from '../../api/bucket-policy.ts';
import { bucketGrants, statementsOf } from '../authorization/authorizer.ts';
import type { Buckets } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import type { XmlObject } from '../wire/xml.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { settingOf } from './bucket-setting.ts';
import { checkedTags } from './description.ts';
import type { S3Request } from './request.ts';
import { tagElements, tagsIn } from './tagging.ts';

type Setting = keyof BucketConfig;
const MOST_BUCKET_TAGS = 50;
const CORS_METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'] as const;

/** To take away what is not there is no mistake. */
export async function removeSetting({ bucket, author }: S3Request, buckets: Buckets, name: Setting): Promise<Answer> {
  if (bucket.config[name] !== undefined) await buckets.configure(bucket, { [name]: null }, author);
  return { status: 204 };
}

export const getPolicy = (request: S3Request): Answer => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(settingOf(request.bucket, 'policy', 'NoSuchBucketPolicy')),
});

export async function putPolicy(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const { policy, statements } = policyIn(await request.document(), bucket.name);
  if (bucket.config.publicAccessBlock?.blockPublicPolicy && isPublicPolicy(statements))
    throw new S3Error('AccessDenied');
  await buckets.configure(bucket, { policy }, author);
  return { status: 204 };
}

function policyIn(document: Buffer, bucket: string) {
  try {
    const policy: unknown = JSON.parse(document.toString('utf8'));
    return { statements: parsePolicy(policy, bucket), policy: policy as Readonly<Record<string, unknown>> };
  } catch (error) {
    if (error instanceof PolicyError)
      throw new S3Error('MalformedPolicy', { message: `${error.at} ${error.message}`.trim(), cause: error });
    throw new S3Error('MalformedPolicy', { cause: error });
  }
}

export function getPolicyStatus({ bucket }: S3Request): Answer {
  const isPublic =
    bucket.publicRead || bucketGrants(bucket).some(isPublicGrant) || isPublicPolicy(statementsOf(bucket));
  return xml('PolicyStatus', { IsPublic: isPublic });
}

const BLOCKS: Readonly<Record<string, keyof PublicAccessBlock>> = {
  BlockPublicAcls: 'blockPublicAcls',
  IgnorePublicAcls: 'ignorePublicAcls',
  BlockPublicPolicy: 'blockPublicPolicy',
  RestrictPublicBuckets: 'restrictPublicBuckets',
};

export function getPublicAccessBlock(request: S3Request): Answer {
  const block = settingOf(request.bucket, 'publicAccessBlock', 'NoSuchPublicAccessBlockConfiguration');
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
    Rule: { ObjectOwnership: settingOf(request.bucket, 'ownership', 'OwnershipControlsNotFoundError') },
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
      Tag: tagElements(Object.entries(settingOf(request.bucket, 'tags', 'NoSuchTagSet'))),
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
    CORSRule: settingOf(request.bucket, 'cors', 'NoSuchCORSConfiguration').map((rule): XmlObject => ({
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
