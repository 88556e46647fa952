import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkPostSize, verifyPostPolicy } from '../../../src/s3/wire/post-policy.ts';
import type { FormFields } from '../../../src/s3/wire/post-policy.ts';
import { signatureOf, signingKey } from '../../../src/s3/wire/signing.ts';
import { KEY, NOW, refusalOf, secretOf } from './support/example.ts';

const SCOPE = { date: '20130524', region: 'us-east-1', service: 's3', terminator: 'aws4_request' };
const base64 = (policy: unknown) =>
  Buffer.from(typeof policy === 'string' ? policy : JSON.stringify(policy)).toString('base64');
const AUTH = {
  'x-amz-algorithm': 'AWS4-HMAC-SHA256',
  'x-amz-credential': `${KEY.id}/20130524/us-east-1/s3/aws4_request`,
  'x-amz-date': '20130524T000000Z',
};
const CONDITIONS = [
  { bucket: 'b' },
  ['sTarTs-With', '$KEY', 'user/'],
  ['eq', '$Content-Type', 'text/plain'],
  ['content-length-range', 2, '10'],
  ...Object.entries(AUTH).map(([name, value]) => ({ [name]: value })),
];
const POLICY = { expiration: '2013-05-24T01:00:00.000Z', conditions: CONDITIONS as unknown };
const FIELDS = { bucket: 'b', key: 'user/x', 'content-type': 'text/plain' };

function form(policy: unknown = POLICY, fields: FormFields = FIELDS): FormFields {
  const text = base64(policy);
  return { ...fields, ...AUTH, policy: text, 'x-amz-signature': signatureOf(signingKey(KEY.secret, SCOPE), text) };
}
const outcome = (fields: FormFields, now = NOW) =>
  refusalOf(() => verifyPostPolicy(fields, secretOf, now)) ?? 'accepted';
const without = (fields: FormFields, ...names: string[]) =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));

describe('a form', () => {
  it('is accepted as its policy allows, with a size that is known after the file', () => {
    const verified = verifyPostPolicy(form(), secretOf, NOW);
    expect(verified).toEqual({ accessKeyId: KEY.id, size: { min: 2, max: 10 } });
    for (const bytes of [2, 10]) checkPostSize(verified, bytes);
    expect(refusalOf(() => checkPostSize(verified, 1))).toBe('EntityTooSmall');
    expect(refusalOf(() => checkPostSize(verified, 11))).toBe('EntityTooLarge');
  });

  it('is anonymous without a policy', () => {
    expect(verifyPostPolicy(FIELDS, secretOf, NOW)).toEqual({ accessKeyId: undefined });
    checkPostSize({ accessKeyId: undefined }, 1e12);
  });

  it('may be signed the older way', () => {
    const conditions = [{ bucket: 'b' }, ['starts-with', '$key', '']];
    const policy = base64({ ...POLICY, conditions });
    const signature = createHmac('sha1', KEY.secret).update(policy).digest('base64');
    const fields = { bucket: 'b', key: 'k', awsaccesskeyid: KEY.id, policy, signature };
    expect(verifyPostPolicy(fields, secretOf, NOW)).toEqual({ accessKeyId: KEY.id });
    expect(outcome({ ...fields, signature: 'x' })).toBe('SignatureDoesNotMatch');
    expect(outcome(without(fields, 'signature'))).toBe('InvalidArgument');
  });

  it('may have fields that no condition speaks of, where they allow nothing', () => {
    expect(outcome({ ...form(), 'x-ignore-this': 'x', 'x-amz-checksum-crc32': 'y/Q5Jg==' })).toBe('accepted');
  });

  it.each<[string, FormFields, string]>([
    ['a value that is not the one', { ...form(), 'content-type': 'text/html' }, 'AccessDenied'],
    ['a value that goes on after it', { ...form(), 'content-type': 'text/plain; x' }, 'AccessDenied'],
    ['a value that begins in another way', { ...form(), key: 'other/x' }, 'AccessDenied'],
    ['another bucket', { ...form(), bucket: 'c' }, 'AccessDenied'],
    ['a field that is missing', without(form(), 'content-type'), 'AccessDenied'],
    ['a field more', { ...form(), acl: 'public-read' }, 'AccessDenied'],
    ['a policy that names no bucket', form({ ...POLICY, conditions: CONDITIONS.slice(1) }), 'AccessDenied'],
    [
      'a signature of another policy',
      { ...form(), policy: base64({ ...POLICY, conditions: [] }) },
      'SignatureDoesNotMatch',
    ],
    [
      'a key that nobody has',
      { ...form(), 'x-amz-credential': 'other/20130524/us-east-1/s3/aws4_request' },
      'InvalidAccessKeyId',
    ],
    ['a credential of another day', { ...form(), 'x-amz-date': '20130525T000000Z' }, 'InvalidArgument'],
    ['another algorithm', { ...form(), 'x-amz-algorithm': 'AWS4-HMAC-SHA1' }, 'InvalidArgument'],
    ['no policy and a signature', without(form(), 'policy'), 'InvalidArgument'],
    ['no signature', without(form(), 'x-amz-signature'), 'InvalidArgument'],
    ['no JSON', form('{'), 'InvalidPolicyDocument'],
    ['a list', form([]), 'InvalidPolicyDocument'],
    ['no expiration', form({ conditions: [] }), 'InvalidPolicyDocument'],
    ['EXPIRATION', form({ EXPIRATION: POLICY.expiration, conditions: [] }), 'InvalidPolicyDocument'],
    ['a date that is none', form({ ...POLICY, expiration: '2013-05-24 01:00:00' }), 'InvalidPolicyDocument'],
    ['no conditions', form({ expiration: POLICY.expiration }), 'InvalidPolicyDocument'],
    ...[
      {},
      { a: 'b', c: 'd' },
      { a: 1 },
      1,
      null,
      ['eq', '$a'],
      ['eq', 'a', 'b'],
      ['like', '$a', 'b'],
      ['eq', '$a', 'b', 'c'],
    ].map((condition): [string, FormFields, string] => [
      `the condition ${JSON.stringify(condition)}`,
      form({ ...POLICY, conditions: [condition] }),
      'InvalidPolicyDocument',
    ]),
    ...[[0], [-1, 0], [2, 1], ['', 1], [0, 1.5]].map((range): [string, FormFields, string] => [
      `a range of ${JSON.stringify(range)}`,
      form({ ...POLICY, conditions: [['content-length-range', ...range]] }),
      'InvalidPolicyDocument',
    ]),
  ])('is refused with %s', (_, fields, code) => {
    expect(outcome(fields)).toBe(code);
  });

  it('is refused when its policy has expired', () => {
    expect(outcome(form(), new Date('2013-05-24T00:59:59Z'))).toBe('accepted');
    expect(() => verifyPostPolicy(form(), secretOf, new Date('2013-05-24T01:00:00Z'))).toThrow('Policy expired');
  });
});
