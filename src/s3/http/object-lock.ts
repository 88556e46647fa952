import { RETENTION_MODES } from '../../api/bucket-config.ts';
import type { Buckets } from '../buckets.ts';
import type { Objects } from '../objects.ts';
import type { ObjectRow, Retention } from '../row.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import { BYPASSING } from './asks.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { settingOf } from './bucket-setting.ts';
import { amended, found } from './found.ts';
import type { S3Request } from './request.ts';
import { checkedRetention, holdOf } from './standing.ts';

const MOST_DAYS = 36_500;
const MOST_YEARS = 100;

export function getLockConfiguration({ bucket }: S3Request): Answer {
  const { defaultRetention: rule } = settingOf(bucket, 'objectLock', 'ObjectLockConfigurationNotFoundError');
  return xml('ObjectLockConfiguration', {
    ObjectLockEnabled: 'Enabled',
    Rule: rule && { DefaultRetention: { Mode: rule.mode, Days: rule.days, Years: rule.years } },
  });
}

export async function putLockConfiguration(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const { ObjectLockEnabled: enabled, Rule: rule } = parseXml(await request.document(), {
    root: 'ObjectLockConfiguration',
  });
  if (enabled !== 'Enabled') throw new S3Error('MalformedXML');
  const retention = rule === undefined ? undefined : defaultRetentionOf(rule as XmlElement);
  if (!bucket.config.objectLock && bucket.versioning !== 'Enabled')
    throw new S3Error('InvalidBucketState', {
      message: "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
    });
  await buckets.configure(bucket, { objectLock: retention ? { defaultRetention: retention } : {} }, author);
  return {};
}

function defaultRetentionOf({ DefaultRetention: given }: XmlElement) {
  if (typeof given !== 'object' || Array.isArray(given)) throw new S3Error('MalformedXML');
  const { Mode: said, Days: days, Years: years } = given as XmlElement;
  const mode = RETENTION_MODES.find((each) => each === said);
  if (!mode || (days === undefined) === (years === undefined)) throw new S3Error('MalformedXML');
  const [text, most] = days === undefined ? [years, MOST_YEARS] : [days, MOST_DAYS];
  const count = Number(text);
  if (!Number.isInteger(count)) throw new S3Error('MalformedXML');
  if (count < 1 || count > most) throw new S3Error('InvalidRetentionPeriod');
  return { mode, ...(days === undefined ? { years: count } : { days: count }) };
}

/** The object that is asked for, in a bucket in which it can be kept. */
function lockable(request: S3Request, objects: Objects): Promise<ObjectRow> {
  if (!request.bucket.config.objectLock)
    throw new S3Error('InvalidRequest', { message: 'Bucket is missing Object Lock Configuration' });
  return found(request, objects);
}

export async function getRetention(request: S3Request, objects: Objects): Promise<Answer> {
  const { retention } = await lockable(request, objects);
  if (!retention) throw new S3Error('NoSuchObjectLockConfiguration');
  return xml('Retention', { Mode: retention.mode, RetainUntilDate: retention.until });
}

/** What keeps it may be made stricter by who writes it; what GOVERNANCE keeps also less so, by who may and says so. */
export async function putRetention(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await lockable(request, objects);
  const { Mode: mode, RetainUntilDate: until } = parseXml(await request.document(), { root: 'Retention' });
  const isBypassed = await bypasses(request);
  const isTakenBack = mode === undefined && until === undefined;
  const now = request.cameAt.wall;
  const next = isTakenBack ? undefined : checkedRetention({ mode, until }, now, 'MalformedXML');
  await amended(request, objects, row, ({ retention }) => {
    if (retention && retention.until > now && !mayBecome(retention, next, isBypassed))
      throw new S3Error('AccessDenied');
    return { retention: next };
  });
  return {};
}

function mayBecome(before: Retention, next: Retention | undefined, isBypassed: boolean): boolean {
  const isStricter = next !== undefined && next.mode === before.mode && next.until >= before.until;
  return isStricter || (before.mode === 'GOVERNANCE' && isBypassed);
}

/** Whether who asks says that what GOVERNANCE keeps is to go. Throws AccessDenied where they may not. */
export async function bypasses(request: S3Request): Promise<boolean> {
  if (request.header('x-amz-bypass-governance-retention')?.toLowerCase() !== 'true') return false;
  await request.checkAlso({ ...BYPASSING, key: request.key });
  return true;
}

export async function getLegalHold(request: S3Request, objects: Objects): Promise<Answer> {
  const { legalHold } = await lockable(request, objects);
  return xml('LegalHold', { Status: legalHold ? 'ON' : 'OFF' });
}

export async function putLegalHold(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await lockable(request, objects);
  const { Status: status } = parseXml(await request.document(), { root: 'LegalHold' });
  const legalHold = holdOf(status, 'MalformedXML');
  await amended(request, objects, row, () => ({ legalHold }));
  return {};
}
