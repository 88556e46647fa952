import type { LifecycleRule } from '../../api/bucket-config.ts';
import { definedOnly } from '../../base/defined.ts';
import type { Buckets } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import type { XmlObject } from '../wire/xml.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { settingOf } from './bucket-setting.ts';
import { tagElements, tagsIn } from './tagging.ts';
import type { S3Request } from './request.ts';

const MOST_RULES = 1_000;

export function getLifecycle({ bucket }: S3Request): Answer {
  const lifecycle = settingOf(bucket, 'lifecycle', 'NoSuchLifecycleConfiguration');
  return xml('LifecycleConfiguration', { Rule: lifecycle.map(ruleElement) });
}

function ruleElement(rule: LifecycleRule): XmlObject {
  const { id, enabled = true, prefix, tags = {}, largerThan, smallerThan } = rule;
  const filters = {
    Prefix: prefix,
    Tag: tagElements(Object.entries(tags)),
    ObjectSizeGreaterThan: largerThan,
    ObjectSizeLessThan: smallerThan,
  };
  const { expireAfterDays, expireAt, expireDeleteMarkers, noncurrentDays, keepVersions, abortUploadsAfterDays } = rule;
  const hasExpiration = [expireAfterDays, expireAt, expireDeleteMarkers].some((each) => each !== undefined);
  return {
    ID: id,
    Filter: Object.keys(tags).length > 0 ? { And: filters } : filters,
    Status: enabled ? 'Enabled' : 'Disabled',
    Expiration: hasExpiration
      ? { Days: expireAfterDays, Date: expireAt, ExpiredObjectDeleteMarker: expireDeleteMarkers }
      : undefined,
    NoncurrentVersionExpiration:
      noncurrentDays === undefined
        ? undefined
        : { NoncurrentDays: noncurrentDays, NewerNoncurrentVersions: keepVersions },
    AbortIncompleteMultipartUpload:
      abortUploadsAfterDays === undefined ? undefined : { DaysAfterInitiation: abortUploadsAfterDays },
  };
}

export async function putLifecycle(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const { Rule: given = [] } = parseXml(await request.document(), {
    root: 'LifecycleConfiguration',
    lists: ['Rule', 'Tag', 'Transition', 'NoncurrentVersionTransition'],
  });
  const rules = given as readonly XmlElement[];
  if (rules.length === 0 || rules.length > MOST_RULES) throw new S3Error('MalformedXML');
  const lifecycle = rules.map(ruleOf);
  const ids = lifecycle.flatMap(({ id }) => id ?? []);
  if (new Set(ids).size < ids.length)
    throw new S3Error('InvalidArgument', { message: 'Rule ID must be unique. Found same ID for more than one rule' });
  await buckets.configure(bucket, { lifecycle }, author);
  return {};
}

function ruleOf(rule: XmlElement): LifecycleRule {
  if (rule['Transition'] !== undefined || rule['NoncurrentVersionTransition'] !== undefined)
    throw new S3Error('NotImplemented', {
      message: 'There is one storage class here: nothing is moved to another one.',
    });
  const { ID: id, Status: status } = rule;
  if (status !== 'Enabled' && status !== 'Disabled') throw new S3Error('MalformedXML');
  if (typeof id === 'string' && id.length > 255)
    throw new S3Error('InvalidArgument', { message: 'ID length should not exceed allowed limit of 255' });
  const filter = elementOf(rule['Filter']);
  const all = { ...rule, ...filter, ...elementOf(filter['And']) };
  const [expiration, noncurrent, abort] = [
    'Expiration',
    'NoncurrentVersionExpiration',
    'AbortIncompleteMultipartUpload',
  ].map((name) => elementOf(rule[name]));
  const made = definedOnly({
    id: textOf(id),
    enabled: status === 'Enabled' ? undefined : false,
    prefix: textOf(all['Prefix']),
    tags: all['Tag'] === undefined ? undefined : Object.fromEntries(tagsIn({ TagSet: { Tag: all['Tag'] } })),
    largerThan: countOf(all['ObjectSizeGreaterThan'], 0),
    smallerThan: countOf(all['ObjectSizeLessThan'], 1),
    expireAfterDays: countOf(expiration?.['Days'], 1),
    expireAt: dateOf(expiration?.['Date']),
    expireDeleteMarkers: expiration?.['ExpiredObjectDeleteMarker'] === 'true' ? true : undefined,
    noncurrentDays: countOf(noncurrent?.['NoncurrentDays'], 1),
    keepVersions: countOf(noncurrent?.['NewerNoncurrentVersions'], 1),
    abortUploadsAfterDays: countOf(abort?.['DaysAfterInitiation'], 1),
  });
  if (
    Object.keys(made).every((name) => ['id', 'enabled', 'prefix', 'tags', 'largerThan', 'smallerThan'].includes(name))
  )
    throw new S3Error('InvalidRequest', { message: 'At least one action needs to be specified in a rule' });
  return made;
}

const elementOf = (given: XmlElement[string] | undefined): XmlElement =>
  typeof given === 'object' && !Array.isArray(given) ? (given as XmlElement) : {};

const textOf = (given: XmlElement[string] | undefined): string | undefined =>
  typeof given === 'string' ? given : undefined;

function countOf(given: XmlElement[string] | undefined, least: number): number | undefined {
  if (given === undefined) return undefined;
  const count = typeof given === 'string' && /^-?\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isNaN(count)) throw new S3Error('MalformedXML');
  if (count < least)
    throw new S3Error('InvalidArgument', { message: `'Days' and other numbers of a rule must be at least ${least}` });
  return count;
}

/** S3 takes midnights alone. */
function dateOf(given: XmlElement[string] | undefined): string | undefined {
  if (given === undefined) return undefined;
  const date = new Date(typeof given === 'string' && /^\d{4}-\d\d-\d\d/.test(given) ? given : Number.NaN);
  if (Number.isNaN(date.getTime())) throw new S3Error('MalformedXML');
  if (date.getTime() % 86_400_000 !== 0)
    throw new S3Error('InvalidArgument', { message: "'Date' must be at midnight GMT" });
  return date.toISOString();
}
