import { createHmac } from 'node:crypto';
import { own } from '../../base/own.ts';
import { S3Error } from './errors.ts';
import { ALGORITHM, isSame, parseAmzDate, parseCredential, signatureOf, signingKey } from './signing.ts';

/**
 * The fields of a browser's form before its file, names in lower case. `bucket` is among them, as the request names it,
 * and `key` has its `${filename}` replaced.
 */
export type FormFields = Readonly<Record<string, string>>;

export interface VerifiedPost {
  /** Whose key has signed the policy; `undefined` for a form without a policy. */
  accessKeyId: string | undefined;
  /** How many bytes the file may have, both ends included, when the policy says so. */
  size?: { min: number; max: number };
}

/**
 * Whether a form is what its signed policy allows: every condition holds, and no field is there that none speaks of. A
 * policy signed the older way (HMAC-SHA1, `AWSAccessKeyId` and `signature`) is as good: ceph's suite has that form only.
 */
export function verifyPostPolicy(
  fields: FormFields,
  secretOf: (accessKeyId: string) => string | undefined,
  now: Date,
): VerifiedPost {
  const text = own(fields, 'policy');
  if (text === undefined) {
    if (SIGNING_FIELDS.some((name) => own(fields, name) !== undefined)) throw missingField('policy');
    return { accessKeyId: undefined };
  }
  const accessKeyId = signerOf(fields, text, secretOf);
  const { expiration, conditions } = parsePolicy(text);
  if (now >= expiration) throw refused('Policy expired.');
  const failed = conditions.find((condition) => !holds(condition, fields));
  if (failed) throw refused(`Policy Condition failed: ${JSON.stringify(Object.values(failed))}`);
  const named = new Set(conditions.map((condition) => ('field' in condition ? condition.field : undefined)));
  const extra = Object.keys(fields).filter((name) => !named.has(name) && !needsNoCondition(name));
  if (extra.length > 0) throw refused(`Extra input fields: ${extra.join(', ')}`);
  const ranges = conditions.filter((condition) => condition.do === 'content-length-range');
  if (ranges.length === 0) return { accessKeyId };
  const size = { min: Math.max(...ranges.map(({ min }) => min)), max: Math.min(...ranges.map(({ max }) => max)) };
  return { accessKeyId, size };
}

/** EntityTooSmall or EntityTooLarge where the policy does not allow a file of so many bytes. */
export function checkPostSize({ size }: VerifiedPost, bytes: number): void {
  if (!size) return;
  const extra = { ProposedSize: String(bytes), MinSizeAllowed: String(size.min), MaxSizeAllowed: String(size.max) };
  if (bytes < size.min) throw new S3Error('EntityTooSmall', { extra });
  if (bytes > size.max) throw new S3Error('EntityTooLarge', { extra });
}

const SIGNING_FIELDS = ['x-amz-signature', 'signature', 'x-amz-credential', 'awsaccesskeyid'];
const ALWAYS_ALLOWED = new Set(['policy', 'x-amz-signature', 'signature', 'awsaccesskeyid', 'file']);

/** A checksum only says more of what is sent. */
const needsNoCondition = (name: string): boolean =>
  ALWAYS_ALLOWED.has(name) || name.startsWith('x-ignore-') || name.startsWith('x-amz-checksum-');

const refused = (why: string): S3Error =>
  new S3Error('AccessDenied', { message: `Invalid according to Policy: ${why}` });
const missingField = (name: string): S3Error =>
  new S3Error('InvalidArgument', {
    message: `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
    extra: { ArgumentName: name, ArgumentValue: '' },
  });

function signerOf(fields: FormFields, policy: string, secretOf: (accessKeyId: string) => string | undefined): string {
  const field = (name: string): string => {
    const value = own(fields, name);
    if (value === undefined) throw missingField(name);
    return value;
  };
  const secretFor = (accessKeyId: string): string => {
    const secret = secretOf(accessKeyId);
    if (secret === undefined) throw new S3Error('InvalidAccessKeyId', { extra: { AWSAccessKeyId: accessKeyId } });
    return secret;
  };
  if (own(fields, 'awsaccesskeyid') !== undefined) {
    const [accessKeyId, signature] = [field('awsaccesskeyid'), field('signature')];
    const expected = createHmac('sha1', secretFor(accessKeyId)).update(policy).digest('base64');
    if (!isSame(signature, expected)) throw mismatch(accessKeyId, policy, signature);
    return accessKeyId;
  }
  if (field('x-amz-algorithm') !== ALGORITHM)
    throw new S3Error('InvalidArgument', { message: `X-Amz-Algorithm only supports "${ALGORITHM}"` });
  const credential = parseCredential(field('x-amz-credential'));
  const date = field('x-amz-date');
  const isOfDay = credential && parseAmzDate(date) && date.startsWith(`${credential.scope.date}T`);
  if (!isOfDay || credential.scope.service !== 's3' || credential.scope.terminator !== 'aws4_request')
    throw new S3Error('InvalidArgument', {
      message: 'X-Amz-Credential must be "<YOUR-AKID>/YYYYMMDD/REGION/s3/aws4_request", of the day of X-Amz-Date.',
    });
  const signature = field('x-amz-signature');
  const expected = signatureOf(signingKey(secretFor(credential.accessKeyId), credential.scope), policy);
  if (!isSame(signature, expected)) throw mismatch(credential.accessKeyId, policy, signature);
  return credential.accessKeyId;
}

const mismatch = (accessKeyId: string, policy: string, signature: string): S3Error =>
  new S3Error('SignatureDoesNotMatch', {
    extra: { AWSAccessKeyId: accessKeyId, StringToSign: policy, SignatureProvided: signature },
  });

type Condition =
  | { do: 'eq' | 'starts-with'; field: string; value: string }
  | { do: 'content-length-range'; min: number; max: number };

function holds(condition: Condition, fields: FormFields): boolean {
  if (condition.do === 'content-length-range') return true;
  const given = own(fields, condition.field);
  // Anything may come then, and nothing.
  if (given === undefined) return condition.do === 'starts-with' && condition.value === '';
  return condition.do === 'eq' ? given === condition.value : given.startsWith(condition.value);
}

const invalid = (why: string, cause?: unknown): S3Error =>
  new S3Error('InvalidPolicyDocument', { message: `Invalid Policy: ${why}`, ...(cause ? { cause } : {}) });

/** The names of its two members are case-sensitive; those of conditions and fields are not. */
function parsePolicy(base64: string): { expiration: Date; conditions: Condition[] } {
  let policy: unknown;
  try {
    policy = JSON.parse(Buffer.from(base64, 'base64').toString());
  } catch (error) {
    throw invalid('Invalid JSON.', error);
  }
  if (policy === null || typeof policy !== 'object' || Array.isArray(policy)) throw invalid('Invalid JSON.');
  const { expiration, conditions } = policy as { expiration?: unknown; conditions?: unknown };
  if (expiration === undefined) throw invalid('Policy missing expiration.');
  if (!Array.isArray(conditions)) throw invalid('Policy missing conditions.');
  const isDate = typeof expiration === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(expiration);
  const date = new Date(isDate ? expiration : Number.NaN);
  if (Number.isNaN(date.getTime())) throw invalid(`Invalid 'expiration' value: ${JSON.stringify(expiration)}`);
  return { expiration: date, conditions: conditions.map(conditionOf) };
}

function conditionOf(given: unknown): Condition {
  if (Array.isArray(given)) return listedCondition(given);
  if (given === null || typeof given !== 'object') throw invalid('Invalid JSON.');
  const [entry, ...others] = Object.entries(given);
  if (!entry || others.length > 0)
    throw invalid('Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.');
  return { do: 'eq', field: entry[0].toLowerCase(), value: textOf(entry[1]) };
}

function listedCondition([operator, field, value, ...others]: readonly unknown[]): Condition {
  const name = String(operator).toLowerCase();
  if (value === undefined || others.length > 0) throw invalid(`Invalid ${name} condition: it must have three members.`);
  if (name === 'content-length-range') {
    const [min, max] = [byteCount(field), byteCount(value)];
    if (min > max) throw invalid('Invalid content-length-range: its end is before its beginning.');
    return { do: name, min, max };
  }
  if (name !== 'eq' && name !== 'starts-with') throw invalid(`Invalid condition: unknown operator '${name}'.`);
  const fieldName = textOf(field);
  if (!fieldName.startsWith('$')) throw invalid(`Invalid condition: '${fieldName}' must begin with '$'.`);
  return { do: name, field: fieldName.slice(1).toLowerCase(), value: textOf(value) };
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw invalid('Invalid condition: its values must be text.');
  return value;
}

function byteCount(value: unknown): number {
  const count = typeof value === 'string' && value !== '' ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0)
    throw invalid('Invalid content-length-range: it must have two numbers of bytes.');
  return count;
}
