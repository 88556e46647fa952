import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicPolicy, parsePolicy, PolicyError } from '../../src/api/bucket-policy.ts';
import { globMatches } from '../../src/base/glob.ts';
import { cannedGrants, isGranted } from '../../src/s3/authorization/grants.ts';
import { effectOf } from '../../src/s3/authorization/policy-effect.ts';

const ALLOW = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::files/*' };
const policy = (...statements: object[]) => ({ Version: '2012-10-17', Statement: statements });
const asker = { namespace: 'shop', key: 'camera', isHome: false };

/** What a policy of one changed statement says to a read of `files/a.txt` by key camera of namespace shop. */
const said = (change: object, values: Readonly<Record<string, readonly string[]>> = {}, who: object = {}) =>
  effectOf(parsePolicy(policy({ ...ALLOW, ...change }), 'files'), {
    asker: { ...asker, ...who },
    action: 's3:GetObject',
    resource: 'files/a.txt',
    values: (key) => values[key],
  });

describe('a bucket policy', () => {
  it.each<[object, 'Allow' | undefined]>([
    [{}, 'Allow'],
    [{ Action: 's3:*' }, 'Allow'],
    [{ Action: 's3:Get*' }, 'Allow'],
    [{ Action: ['s3:PutObject', 'S3:getobject'] }, 'Allow'],
    [{ Action: 's3:PutObject' }, undefined],
    [{ Action: undefined, NotAction: 's3:GetObject' }, undefined],
    [{ Action: undefined, NotAction: 's3:PutObject' }, 'Allow'],
    [{ Resource: 'arn:aws:s3:::files/a.tx?' }, 'Allow'],
    [{ Resource: 'arn:miniaws:s3:::*' }, 'Allow'],
    [{ Resource: 'arn:aws:s3:::files' }, undefined],
    [{ Resource: 'arn:aws:s3:::files/b*' }, undefined],
    [{ Principal: { AWS: 'shop' } }, 'Allow'],
    [{ Principal: { AWS: ['arn:aws:iam::other:root', 'arn:aws:iam::shop:root'] } }, 'Allow'],
    [{ Principal: { AWS: 'arn:aws:iam::shop:user/camera' } }, 'Allow'],
    [{ Principal: { AWS: 'arn:aws:iam::shop:user/other' } }, undefined],
    [{ Principal: { AWS: 'arn:aws:iam::other:root' } }, undefined],
    [{ Principal: { Service: 'logging.s3.amazonaws.com' } }, undefined],
  ])('speaks of who, what and where: %j', (change, effect) => {
    expect(said(change)).toBe(effect);
  });

  it.each<[object, Readonly<Record<string, readonly string[]>>, boolean]>([
    [{ StringEquals: { 's3:prefix': ['a', 'b'] } }, { 's3:prefix': ['b'] }, true],
    [{ StringEquals: { 's3:prefix': 'a' } }, {}, false],
    [{ StringEqualsIfExists: { 's3:prefix': 'a' } }, {}, true],
    [{ StringNotEquals: { 's3:prefix': 'a' } }, {}, true],
    [{ StringNotEquals: { 's3:prefix': ['a', 'b'] } }, { 's3:prefix': ['b'] }, false],
    [{ StringLike: { 'S3:Prefix': 'pub*' } }, { 's3:prefix': ['public'] }, true],
    [{ NumericLessThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': ['10'] }, true],
    [{ NumericLessThan: { 's3:max-keys': 10 } }, { 's3:max-keys': ['10'] }, false],
    [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:sourceip': ['10.2.3.4'] }, true],
    [{ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:sourceip': ['10.2.3.4'] }, false],
    [{ Bool: { 'aws:SecureTransport': true } }, { 'aws:securetransport': ['false'] }, false],
    [{ Null: { 's3:x-amz-acl': 'true' } }, {}, true],
    [{ Null: { 's3:x-amz-acl': 'true' } }, { 's3:x-amz-acl': ['private'] }, false],
    [
      { DateLessThan: { 'aws:CurrentTime': '2026-01-01T00:00:00Z' } },
      { 'aws:currenttime': ['2025-12-31T00:00:00Z'] },
      true,
    ],
    [
      { 'ForAllValues:StringEquals': { 's3:RequestObjectTagKeys': ['a', 'b'] } },
      { 's3:requestobjecttagkeys': ['a', 'c'] },
      false,
    ],
    [
      { 'ForAnyValue:StringEquals': { 's3:RequestObjectTagKeys': ['a', 'b'] } },
      { 's3:requestobjecttagkeys': ['a', 'c'] },
      true,
    ],
    [{ StringEquals: { 's3:a': 'x' }, StringLike: { 's3:b': 'y' } }, { 's3:a': ['x'], 's3:b': ['z'] }, false],
  ])('holds under its conditions: %j with %j', (Condition, values, holds) => {
    expect(said({ Condition }, values)).toBe(holds ? 'Allow' : undefined);
  });

  it('denies whatever else allows', () => {
    const statements = parsePolicy(policy(ALLOW, { ...ALLOW, Effect: 'Deny' }), 'files');
    const question = { asker, action: 's3:GetObject', resource: 'files/a', values: () => undefined };
    expect(effectOf(statements, question)).toBe('Deny');
  });

  it('that allows its own namespace something leaves it to the role of each key; what it denies it denies', () => {
    const own = { Principal: { AWS: 'shop' } };
    expect(said(own, {}, { isHome: true })).toBeUndefined();
    expect(said({ ...own, Effect: 'Deny' }, {}, { isHome: true })).toBe('Deny');
    expect(said({ Principal: { AWS: 'arn:aws:iam::shop:user/camera' } }, {}, { isHome: true })).toBe('Allow');
  });

  it.each<[object | string, string]>([
    ['x', ''],
    [policy(), 'Statement'],
    [policy({ ...ALLOW, Effect: 'Maybe' }), 'Statement[0].Effect'],
    [policy(ALLOW, { ...ALLOW, Principal: undefined }), 'Statement[1]'],
    [policy({ ...ALLOW, Principal: undefined, NotPrincipal: '*' }), 'Statement[0].NotPrincipal'],
    [policy({ ...ALLOW, Principal: { AWS: 'arn:aws:iam::shop:role/x' } }), 'Statement[0].Principal.AWS'],
    [policy({ ...ALLOW, Action: 'ec2:RunInstances' }), 'Statement[0].Action'],
    [policy({ ...ALLOW, Resource: 'arn:aws:s3:::other/*' }), 'Statement[0].Resource'],
    [policy({ ...ALLOW, Condition: { Equals: { a: 'b' } } }), 'Statement[0].Condition.Equals'],
    [policy({ ...ALLOW, Extra: 1 }), 'Statement[0].Extra'],
    [{ ...policy(ALLOW), Version: '2026-01-01' }, 'Version'],
    [policy({ ...ALLOW, Sid: 'x'.repeat(21_000) }), ''],
  ])('is refused where it is wrong: %j', (given, at) => {
    expect(() => parsePolicy(given, 'files')).toThrow(PolicyError);
    try {
      parsePolicy(given, 'files');
    } catch (error) {
      expect((error as PolicyError).at).toBe(at);
    }
  });

  it.each<[object, boolean]>([
    [{}, true],
    [{ Effect: 'Deny' }, false],
    [{ Principal: { AWS: 'shop' } }, false],
    [{ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }, false],
    [{ Condition: { NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }, true],
    [{ Condition: { StringEquals: { 's3:prefix': 'a' } } }, true],
  ])('is public or not: %j', (change, isPublic) => {
    expect(isPublicPolicy(parsePolicy(policy({ ...ALLOW, ...change }), 'files'))).toBe(isPublic);
  });
});

describe('patterns', () => {
  it('match as regular expressions of the same meaning do, and in a time that does not explode', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (p, t) => {
        const same = new RegExp(`^${p.replaceAll('*', '[^]*').replaceAll('?', '[^]')}$`);
        expect(globMatches(p, t)).toBe(same.test(t));
      }),
    );
    expect(globMatches(`${'a*'.repeat(40)}b`, 'a'.repeat(2_000))).toBe(false);
  });
});

describe('grants', () => {
  const [other, nobody, stranger] = [
    { isSigned: true, namespace: 'shop' },
    { isSigned: false, namespace: undefined },
    { isSigned: true, namespace: 'strange' },
  ];
  const owners = { owner: 'shop', bucketOwner: 'files' };
  it.each([
    ['private', [true, false, false]],
    ['public-read', [true, true, true]],
    ['authenticated-read', [true, false, true]],
    ['bucket-owner-read', [true, false, false]],
  ] as const)('%s lets read its owner, nobody, somebody: %j', (acl, reads) => {
    const grants = cannedGrants(acl, owners);
    expect([other, nobody, stranger].map((who) => isGranted(grants, who, 'READ'))).toEqual(reads);
    expect(isGranted(grants, nobody, 'READ', { ignorePublicAcls: true })).toBe(false);
    expect(isGranted(grants, stranger, 'WRITE')).toBe(false);
  });

  it('the owner of the bucket is one of those of an object that is put so', () => {
    const [ofBucket] = cannedGrants('bucket-owner-full-control', owners);
    expect(ofBucket).toEqual({ namespace: 'files', permission: 'FULL_CONTROL' });
    expect(cannedGrants('bucket-owner-full-control', { owner: 'files', bucketOwner: 'files' })).toHaveLength(1);
  });
});
