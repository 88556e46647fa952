import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  GetBucketAclCommand,
  GetBucketCorsCommand,
  GetBucketPolicyCommand,
  GetBucketPolicyStatusCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketAclCommand,
  PutBucketCorsCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { asKey } from '../support/keys.ts';
import { refusal, s3Client, s3Of } from '../support/s3.ts';

let daemon: TestDaemon;
let endpoint: string;
let [shop, other, otherView]: S3Client[] = [];
let Bucket: string;
let made = 0;

beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  ({ endpoint } = await s3Of(daemon));
  for (const name of ['shop', 'other'])
    await call(daemon, 'POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    });
  const as = async (name: string, role: string, namespace: string) =>
    s3Client(await s3Of(await asKey(daemon, name, { role, namespaces: [namespace] })));
  shop = await as('shop', 'edit', 'shop');
  other = await as('other', 'edit', 'other');
  otherView = await as('other-view', 'view', 'other');
});
afterAll(async () => {
  for (const client of [shop, other, otherView]) client?.destroy();
  await daemon?.stop();
});
beforeEach(async () => {
  made += 1;
  Bucket = `shared-${made}`;
  await shop!.send(new CreateBucketCommand({ Bucket }));
  await shop!.send(new PutObjectCommand({ Bucket, Key: 'a.txt', Body: 'a' }));
});

const [GOOD, DENIED] = ['no refusal', '403 AccessDenied'];
const get = (s3: S3Client | undefined, Key = 'a.txt') => refusal(s3!.send(new GetObjectCommand({ Bucket, Key })));
const put = (s3: S3Client | undefined, Key = 'b.txt', more: object = {}) =>
  refusal(s3!.send(new PutObjectCommand({ Bucket, Key, Body: 'b', ...more })));
const list = (s3: S3Client | undefined) => refusal(s3!.send(new ListObjectsV2Command({ Bucket })));
const anonymously = async (path = '/a.txt', init?: RequestInit) =>
  (await fetch(`${endpoint}/${Bucket}${path}`, init)).status;
const setPolicy = (statement: object) =>
  shop!.send(
    new PutBucketPolicyCommand({
      Bucket,
      Policy: JSON.stringify({
        Statement: [
          {
            Effect: 'Allow',
            Principal: '*',
            Action: 's3:GetObject',
            Resource: `arn:aws:s3:::${Bucket}/*`,
            ...statement,
          },
        ],
      }),
    }),
  );

describe('what others may do in a bucket', () => {
  it('is nothing, until a policy or a grant says so', async () => {
    expect([await get(other), await put(other), await list(other), await anonymously()]).toEqual([
      DENIED,
      DENIED,
      DENIED,
      403,
    ]);
  });

  it('a policy lets a namespace in, as far as its keys may do the same at home, and is seen in the document', async () => {
    await setPolicy({ Principal: { AWS: 'arn:aws:iam::other:root' }, Action: ['s3:GetObject', 's3:PutObject'] });
    expect([await get(other), await put(other), await list(other)]).toEqual([GOOD, GOOD, DENIED]);
    expect([await get(otherView), await put(otherView), await anonymously()]).toEqual([GOOD, DENIED, 403]);
    const path = `/apis/miniaws.dev/v1/namespaces/shop/buckets/${Bucket}`;
    const document = (await call(daemon, 'GET', path)).json<{ spec: { policy: { Statement: object[] } } }>();
    expect(document.spec.policy.Statement).toHaveLength(1);
    const { Policy } = await shop!.send(new GetBucketPolicyCommand({ Bucket }));
    expect(JSON.parse(Policy ?? '')).toEqual(document.spec.policy);
    await shop!.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(await get(other)).toBe(DENIED);
  });

  it('what a policy denies its own keys may not either; but they set it right', async () => {
    await setPolicy({
      Effect: 'Deny',
      Action: 's3:*',
      Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`],
    });
    expect([await get(shop), await put(shop), await list(shop)]).toEqual([DENIED, DENIED, DENIED]);
    await shop!.send(new DeleteBucketPolicyCommand({ Bucket }));
    expect(await get(shop)).toBe(GOOD);
  });

  it('a policy speaks of what is granted of an object as of that object', async () => {
    const publish = (Key: string) => refusal(shop!.send(new PutObjectAclCommand({ Bucket, Key, ACL: 'public-read' })));
    await put(shop, 'b.txt');
    await setPolicy({ Effect: 'Deny', Action: 's3:PutObjectAcl', Resource: `arn:aws:s3:::${Bucket}/a*` });
    expect([await publish('a.txt'), await publish('b.txt')]).toEqual([DENIED, GOOD]);
    expect(await put(shop, 'a.txt', { ACL: 'public-read' })).toBe(DENIED);
  });

  it('a public policy serves anyone, and public access is blocked by one setting', async () => {
    await setPolicy({});
    expect([await anonymously(), await anonymously('/none'), await anonymously('')]).toEqual([200, 404, 403]);
    expect((await shop!.send(new GetBucketPolicyStatusCommand({ Bucket }))).PolicyStatus?.IsPublic).toBe(true);
    const block = (setting: object) =>
      shop!.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: setting }));
    await block({ RestrictPublicBuckets: true });
    expect([await anonymously(), await get(other), await get(shop)]).toEqual([403, DENIED, GOOD]);
    await shop!.send(new DeleteBucketPolicyCommand({ Bucket }));
    await block({ BlockPublicPolicy: true, BlockPublicAcls: true });
    expect(await refusal(setPolicy({}))).toBe(DENIED);
    expect(await put(shop, 'p', { ACL: 'public-read' })).toBe(DENIED);
    expect(await refusal(shop!.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read' })))).toBe(DENIED);
  });

  it('grants of the bucket list and write, those of an object read it', async () => {
    await shop!.send(new PutBucketAclCommand({ Bucket, GrantRead: 'id=other', GrantWrite: 'id=other' }));
    expect([await list(other), await put(other), await get(other)]).toEqual([GOOD, GOOD, DENIED]);
    await shop!.send(new PutObjectAclCommand({ Bucket, Key: 'a.txt', ACL: 'public-read' }));
    expect([await get(other), await anonymously(), await anonymously('/b.txt')]).toEqual([GOOD, 200, 403]);
    expect([
      await put(otherView),
      await refusal(other!.send(new DeleteObjectCommand({ Bucket, Key: 'a.txt' }))),
    ]).toEqual([DENIED, GOOD]);
    const { Owner } = await other!.send(new GetObjectAclCommand({ Bucket, Key: 'b.txt' }));
    expect(Owner?.ID).toBe('other');
    const { Grants } = await shop!.send(new GetBucketAclCommand({ Bucket }));
    expect(Grants?.map(({ Grantee, Permission }) => [Grantee?.ID, Permission])).toEqual([
      ['other', 'READ'],
      ['other', 'WRITE'],
    ]);
    expect(await refusal(shop!.send(new PutBucketAclCommand({ Bucket, GrantRead: 'id=nobody' })))).toBe(
      '400 InvalidArgument',
    );
  });

  it('where the bucket owns everything, grants do not count and are not taken', async () => {
    await shop!.send(
      new PutBucketOwnershipControlsCommand({
        Bucket,
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      }),
    );
    expect(await put(shop, 'p', { ACL: 'public-read' })).toBe('400 AccessControlListNotSupported');
    expect(await put(shop, 'p', { ACL: 'bucket-owner-full-control' })).toBe(GOOD);
  });

  it('who may put an object may not keep it from deletion by that', async () => {
    const name = `kept-${made}`;
    await shop!.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: true }));
    Bucket = name;
    const others = { Principal: { AWS: 'arn:aws:iam::other:root' } };
    await setPolicy({ ...others, Action: 's3:PutObject' });
    const lock = {
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: new Date(Date.now() + 86_400_000),
    };
    expect([await put(other), await put(other, 'b.txt', lock)]).toEqual([GOOD, DENIED]);
    expect(await put(other, 'b.txt', { ObjectLockLegalHoldStatus: 'ON' })).toBe(DENIED);
    await setPolicy({ ...others, Action: ['s3:PutObject', 's3:PutObjectLegalHold'] });
    expect(await put(other, 'b.txt', { ObjectLockLegalHoldStatus: 'ON' })).toBe(GOOD);
    await setPolicy({ Effect: 'Deny', Action: 's3:PutObjectRetention' });
    expect([await put(shop), await put(shop, 'b.txt', lock)]).toEqual([GOOD, DENIED]);
  });

  it('a narrow key does not publish what it may write', async () => {
    const rule = { verbs: ['update'], resources: ['buckets/objects'], namespaces: ['shop'], resourceNames: [Bucket] };
    const narrow = s3Client(await s3Of(await asKey(daemon, `narrow-${made}`, { rules: [rule] })));
    expect([await put(narrow, 'n'), await put(narrow, 'n', { ACL: 'public-read' })]).toEqual([GOOD, DENIED]);
    const acl = new PutObjectAclCommand({ Bucket, Key: 'a.txt', ACL: 'public-read' });
    expect(await refusal(narrow.send(acl))).toBe(DENIED);
    narrow.destroy();
  });
});

describe('what browsers are told', () => {
  const origin = { origin: 'https://app.example.com' };
  const preflight = (headers: Record<string, string>) =>
    fetch(`${endpoint}/${Bucket}/a.txt`, { method: 'OPTIONS', headers });

  it('pages of other origins may do what a rule says', async () => {
    expect((await preflight({ ...origin, 'access-control-request-method': 'GET' })).status).toBe(403);
    const rule = {
      AllowedOrigins: ['https://*.example.com'],
      AllowedMethods: ['GET', 'PUT'],
      AllowedHeaders: ['x-amz-*', 'Content-Type'],
      ExposeHeaders: ['ETag'],
      MaxAgeSeconds: 60,
    };
    await shop!.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }));
    expect((await shop!.send(new GetBucketCorsCommand({ Bucket }))).CORSRules).toEqual([rule]);
    const asked = await preflight({
      ...origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'content-type, x-amz-meta-a',
    });
    expect(asked.status).toBe(200);
    expect(asked.headers.get('access-control-allow-origin')).toBe(origin.origin);
    expect(asked.headers.get('access-control-allow-headers')).toBe('content-type, x-amz-meta-a');
    expect(asked.headers.get('access-control-max-age')).toBe('60');
    const refused = [
      { ...origin, 'access-control-request-method': 'DELETE' },
      { ...origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-other' },
      { origin: 'https://example.org', 'access-control-request-method': 'GET' },
    ];
    expect(await Promise.all(refused.map(async (headers) => (await preflight(headers)).status))).toEqual([
      403, 403, 403,
    ]);
    await shop!.send(new PutObjectAclCommand({ Bucket, Key: 'a.txt', ACL: 'public-read' }));
    const answer = await fetch(`${endpoint}/${Bucket}/a.txt`, { headers: origin });
    expect([answer.status, answer.headers.get('access-control-expose-headers')]).toEqual([200, 'ETag']);
    const elsewhere = await fetch(`${endpoint}/${Bucket}/a.txt`, { headers: { origin: 'https://example.org' } });
    expect([elsewhere.status, elsewhere.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });
});

it("a bucket's tags are in its document", async () => {
  await shop!.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [{ Key: 'team', Value: 'web' }] } }));
  const path = `/apis/miniaws.dev/v1/namespaces/shop/buckets/${Bucket}`;
  expect((await call(daemon, 'GET', path)).json<{ spec: object }>().spec).toMatchObject({ tags: { team: 'web' } });
});
