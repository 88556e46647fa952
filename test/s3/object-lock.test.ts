import {
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import type { ObjectLockRetentionMode, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { asKey } from '../support/keys.ts';
import { refusal, s3Client, s3Of } from '../support/s3.ts';
import { startS3 } from '../support/s3-daemon.ts';
import { eventually } from '../support/wait.ts';

const Bucket = 'kept';
const PATH = `/apis/miniaws.dev/v1/namespaces/default/buckets/${Bucket}`;
const [GOOD, DENIED] = ['no refusal', '403 AccessDenied'];
let daemon: TestDaemon;
let s3: S3Client;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  ({ daemon, s3, stop } = await startS3());
  await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
});
afterAll(() => stop?.());

const later = (days: number) => new Date(Date.now() + days * 86_400_000);
const put = async (Key: string, more: object = {}): Promise<string> =>
  (await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key, ...more }))).VersionId ?? '';
const remove = (Key: string, VersionId: string, more: object = {}, who = s3) =>
  refusal(who.send(new DeleteObjectCommand({ Bucket, Key, VersionId, ...more })));
const retain = (Key: string, Mode: ObjectLockRetentionMode, days: number, more: object = {}) =>
  refusal(
    s3.send(new PutObjectRetentionCommand({ Bucket, Key, Retention: { Mode, RetainUntilDate: later(days) }, ...more })),
  );
const BYPASS = { BypassGovernanceRetention: true };

describe('versions that are kept', () => {
  it('a bucket that is made so keeps versions, and does not cease to', async () => {
    expect((await call(daemon, 'GET', PATH)).json<object>()).toMatchObject({
      spec: { versioning: 'Enabled', objectLock: {} },
    });
    const suspend = new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } });
    expect(await refusal(s3.send(suspend))).toBe('409 InvalidBucketState');
    await s3.send(new CreateBucketCommand({ Bucket: 'loose' }));
    const rule = { ObjectLockEnabled: 'Enabled' as const };
    const lock = new PutObjectLockConfigurationCommand({ Bucket: 'loose', ObjectLockConfiguration: rule });
    expect(await refusal(s3.send(lock))).toBe('409 InvalidBucketState');
    const kept = new PutObjectCommand({ Bucket: 'loose', Key: 'k', Body: 'k', ObjectLockLegalHoldStatus: 'ON' });
    expect(await refusal(s3.send(kept))).toBe('400 InvalidRequest');
  });

  it('GOVERNANCE is lifted by who may change the bucket and says so', async () => {
    const version = await put('g', { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: later(1) });
    expect(await remove('g', version)).toBe(DENIED);
    const rule = { verbs: ['delete', 'update', 'get'], resources: ['buckets/objects'], namespaces: ['default'] };
    const narrow = s3Client(await s3Of(await asKey(daemon, 'narrow', { rules: [rule] })));
    expect(await remove('g', version, BYPASS, narrow)).toBe(DENIED);
    narrow.destroy();
    expect(await refusal(s3.send(new DeleteObjectCommand({ Bucket, Key: 'g' })))).toBe(GOOD);
    expect(await remove('g', version, BYPASS)).toBe(GOOD);
  });

  it('COMPLIANCE is lifted by nobody: it is made longer, and neither shorter nor weaker', async () => {
    const version = await put('c');
    expect(await retain('c', 'COMPLIANCE', 2)).toBe(GOOD);
    expect(await remove('c', version, BYPASS)).toBe(DENIED);
    expect([
      await retain('c', 'COMPLIANCE', 1, BYPASS),
      await retain('c', 'GOVERNANCE', 3, BYPASS),
      await retain('c', 'COMPLIANCE', 3),
    ]).toEqual([DENIED, DENIED, GOOD]);
    const { Retention } = await s3.send(new GetObjectRetentionCommand({ Bucket, Key: 'c' }));
    expect(Retention?.Mode).toBe('COMPLIANCE');
    expect(await retain('c', 'COMPLIANCE', -1)).toBe('400 InvalidArgument');
  });

  it('a legal hold keeps a version until it is taken back', async () => {
    const version = await put('h', { ObjectLockLegalHoldStatus: 'ON' });
    const { Deleted = [], Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'h', VersionId: version }] }, ...BYPASS }),
    );
    expect([Deleted.length, Errors.map(({ Code }) => Code)]).toEqual([0, ['AccessDenied']]);
    expect((await s3.send(new GetObjectLegalHoldCommand({ Bucket, Key: 'h' }))).LegalHold?.Status).toBe('ON');
    await s3.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'h', LegalHold: { Status: 'OFF' } }));
    expect(await remove('h', version)).toBe(GOOD);
  });

  it('what is put without a retention has that of the bucket', async () => {
    const Rule = { DefaultRetention: { Mode: 'GOVERNANCE' as const, Days: 7 } };
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled' as const, Rule };
    await s3.send(new PutObjectLockConfigurationCommand({ Bucket, ObjectLockConfiguration }));
    expect((await s3.send(new GetObjectLockConfigurationCommand({ Bucket }))).ObjectLockConfiguration).toEqual(
      ObjectLockConfiguration,
    );
    const version = await put('d');
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'd' }));
    expect(head.ObjectLockMode).toBe('GOVERNANCE');
    const days = (head.ObjectLockRetainUntilDate!.getTime() - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(7);
    expect(await remove('d', version)).toBe(DENIED);
  });

  it('survive the end of their bucket: it waits, and says why', async () => {
    const headers = { 'content-type': 'application/merge-patch+json' };
    await call(daemon, 'PATCH', PATH, { headers, body: { spec: { forceDestroy: true } } });
    await call(daemon, 'DELETE', PATH);
    const message = await eventually('the bucket to wait for what is kept', async () => {
      const { status } = (await call(daemon, 'GET', PATH)).json<{
        status: { conditions: { reason: string; message: string }[] };
      }>();
      return status.conditions.find(({ reason }) => reason === 'NotEmpty')?.message;
    });
    expect(message).toBe(
      'holds 1 object that a retention or a legal hold keeps: it goes on when none is kept any more',
    );
    expect(await refusal(s3.send(new HeadObjectCommand({ Bucket, Key: 'c' })))).toBe(GOOD);
  });
});
