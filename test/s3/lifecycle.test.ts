import {
  CreateBucketCommand,
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3';
import type { LifecycleRule as SdkRule, S3Client } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LifecycleRule } from '../../src/api/bucket-config.ts';
import { MemoryBytes } from '../../src/drivers/objects/memory.ts';
import { ManualClock } from '../../src/proof/manual-clock.ts';
import { expiryOf } from '../../src/s3/lifecycle.ts';
import type { Aged } from '../../src/s3/lifecycle.ts';
import { runLifecycle } from '../../src/s3/lifecycle-run.ts';
import { MemoryRows } from '../../src/s3/memory-rows.ts';
import { Multipart } from '../../src/s3/multipart.ts';
import { Objects } from '../../src/s3/objects.ts';
import { versionsOf } from '../../src/s3/versions.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { KEYS, refusal } from '../support/s3.ts';
import { startS3 } from '../support/s3-daemon.ts';
import { chunksOf } from '../drivers/objects/contract.ts';
import { newRow } from './rows-contract.ts';

const DAY_MS = 86_400_000;
const NOW = new Date('2026-06-30T00:00:00Z');
const daysAgo = (days: number) => new Date(NOW.getTime() - days * DAY_MS);

/** A current version that came ten days ago, in its only version. */
const aged = ({ row = {}, ...over }: Partial<Omit<Aged, 'row'>> & { row?: object } = {}): Aged => ({
  row: { ...newRow('logs/a', { createdAt: daysAgo(10) }), bucket: 'b', sequence: 1, isLatest: true, ...row },
  noncurrentSince: undefined,
  newer: 0,
  isAlone: true,
  ...over,
});
const old = (over: Partial<Aged> = {}) =>
  aged({ noncurrentSince: daysAgo(5), isAlone: false, row: { isLatest: false }, ...over });
const kept = { retention: { mode: 'COMPLIANCE', until: new Date(NOW.getTime() + DAY_MS) } };

describe('what becomes of a version', () => {
  it.each<[string, LifecycleRule, Aged, string | undefined]>([
    ['is old enough', { expireAfterDays: 10 }, aged(), 'expire'],
    ['is not', { expireAfterDays: 11 }, aged(), undefined],
    ['came in the middle of a day', { expireAfterDays: 10 }, aged({ row: { createdAt: daysAgo(9.5) } }), undefined],
    ['is after a time', { expireAt: '2026-06-30T00:00:00Z' }, aged(), 'expire'],
    ['is before it', { expireAt: '2026-07-01T00:00:00Z' }, aged(), undefined],
    ['has another prefix', { expireAfterDays: 1, prefix: 'other/' }, aged(), undefined],
    ['has the tags', { expireAfterDays: 1, tags: { a: '1' } }, aged({ row: { tags: { a: '1', b: '2' } } }), 'expire'],
    ['has others', { expireAfterDays: 1, tags: { a: '1' } }, aged({ row: { tags: { a: '2' } } }), undefined],
    ['is large', { expireAfterDays: 1, largerThan: 2 }, aged(), 'expire'],
    ['is not larger', { expireAfterDays: 1, largerThan: 3 }, aged(), undefined],
    ['is not smaller', { expireAfterDays: 1, smallerThan: 3 }, aged(), undefined],
    ['is of a rule that is switched off', { expireAfterDays: 1, enabled: false }, aged(), undefined],
    ['is declared', { expireAfterDays: 1 }, aged({ row: { declaredBy: 'x' } }), undefined],
    ['is no current one', { expireAfterDays: 1 }, old(), undefined],
    ['has been no current one for long', { noncurrentDays: 5 }, old(), 'remove'],
    ['not for so long', { noncurrentDays: 6 }, old(), undefined],
    ['is among the newest of those', { noncurrentDays: 5, keepVersions: 2 }, old({ newer: 1 }), undefined],
    ['is not', { noncurrentDays: 5, keepVersions: 2 }, old({ newer: 2 }), 'remove'],
    ['is kept', { noncurrentDays: 5 }, old({ row: { ...old().row, ...kept } as Aged['row'] }), undefined],
    ['is a marker over nothing', { expireDeleteMarkers: true }, aged({ row: { isDeleteMarker: true } }), 'remove'],
    [
      'is a marker over something',
      { expireDeleteMarkers: true },
      aged({ isAlone: false, row: { isDeleteMarker: true } }),
      undefined,
    ],
  ])('that %s', (_, rule, version, expiry) => {
    expect(expiryOf([rule], version, true, NOW)).toBe(expiry);
  });

  it('where no versions are kept it goes for good, unless something keeps it', () => {
    expect(expiryOf([{ expireAfterDays: 1 }], aged(), false, NOW)).toBe('remove');
    expect(expiryOf([{ expireAfterDays: 1 }], aged({ row: kept }), false, NOW)).toBeUndefined();
  });

  it('nothing goes that is declared or kept, and nothing without a rule (fast-check)', () => {
    const rule = fc.record({
      expireAfterDays: fc.integer({ min: 1, max: 20 }),
      noncurrentDays: fc.integer({ min: 1, max: 20 }),
    });
    const version = fc.boolean().chain((isOld) => fc.constant(isOld ? old() : aged()));
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 3 }), version, fc.boolean(), (rules, given, keepsVersions) => {
        const locked = { ...given, row: { ...given.row, legalHold: true } };
        expect(expiryOf(rules, locked, keepsVersions, NOW)).not.toBe('remove');
        expect(expiryOf([], given, keepsVersions, NOW)).toBeUndefined();
        const declared = { ...given, row: { ...given.row, declaredBy: 'x', isLatest: true } };
        expect(expiryOf(rules, declared, keepsVersions, NOW)).toBeUndefined();
      }),
    );
  });
});

describe('the rules of a bucket, carried out', () => {
  it('leave what they should, once and again', async () => {
    const clock = new ManualClock();
    const objects = new Objects({
      rows: new MemoryRows(() => clock.now()),
      bytes: new MemoryBytes(clock),
      clock,
      keys: KEYS,
    });
    const multipart = new Multipart(objects, clock);
    const bucket = { uid: 'u', name: 'b', versioning: 'Enabled', quotaBytes: undefined } as const;
    const put = (key: string) => objects.put(bucket, { key, contentType: 'text/plain' }, chunksOf(Buffer.from(key), 9));
    for (const key of ['logs/a', 'logs/a', 'logs/a', 'kept']) await put(key);
    const upload = await multipart.begin(bucket, 'logs/u', { contentType: 'x', headers: {}, metadata: {}, tags: {} });
    const rules = [
      { prefix: 'logs/', expireAfterDays: 5, noncurrentDays: 2, keepVersions: 1, abortUploadsAfterDays: 3 },
      { expireDeleteMarkers: true },
    ];
    const run = () => runLifecycle({ objects, multipart, check: () => undefined }, bucket, rules);
    const left = async () => {
      const found: string[] = [];
      for await (const { key, isDeleteMarker } of versionsOf(objects, 'b'))
        found.push(isDeleteMarker ? `-${key}` : key);
      return found;
    };
    expect(await run()).toEqual({ expired: 0, removed: 0, aborted: 0 });
    await clock.advance(3 * DAY_MS);
    expect(await run()).toEqual({ expired: 0, removed: 1, aborted: 1 });
    expect(await left()).toEqual(['kept', 'logs/a', 'logs/a']);
    expect(await objects.rows.uploads.find(upload.id)).toBeUndefined();
    await clock.advance(3 * DAY_MS);
    expect(await run()).toEqual({ expired: 1, removed: 0, aborted: 0 });
    expect(await left()).toEqual(['kept', '-logs/a', 'logs/a', 'logs/a']);
    await clock.advance(3 * DAY_MS);
    await run();
    expect(await left()).toEqual(['kept', '-logs/a', 'logs/a']);
    expect(await run()).toEqual({ expired: 0, removed: 0, aborted: 0 });
  });
});

describe('lifecycle rules, to the client of AWS', () => {
  const Bucket = 'aging';
  let daemon: TestDaemon;
  let s3: S3Client;
  let stop: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    ({ daemon, s3, stop } = await startS3());
    await s3.send(new CreateBucketCommand({ Bucket }));
  });
  afterAll(() => stop?.());
  const set = (...Rules: SdkRule[]) =>
    s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));

  it('are what was put, and in the document', async () => {
    const rules: SdkRule[] = [
      {
        ID: 'logs',
        Status: 'Enabled',
        Filter: { And: { Prefix: 'logs/', Tags: [{ Key: 'a', Value: 'b' }], ObjectSizeGreaterThan: 10 } },
        Expiration: { Days: 30 },
        NoncurrentVersionExpiration: { NoncurrentDays: 7, NewerNoncurrentVersions: 3 },
      },
      {
        ID: 'parts',
        Status: 'Disabled',
        Filter: { Prefix: '' },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 2 },
      },
    ];
    await set(...rules);
    const { Rules } = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    expect(Rules).toEqual(rules);
    const path = `/apis/miniaws.dev/v1/namespaces/default/buckets/${Bucket}`;
    expect((await call(daemon, 'GET', path)).json<object>()).toMatchObject({
      spec: { lifecycle: [{ id: 'logs', prefix: 'logs/', expireAfterDays: 30, keepVersions: 3 }, { enabled: false }] },
    });
    await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
    expect(await refusal(s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })))).toBe(
      '404 NoSuchLifecycleConfiguration',
    );
  });

  it('that say nothing, twice the same, or what there is not, are refused', async () => {
    const rule: SdkRule = { ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } };
    const { Expiration: _, ...nothing } = rule;
    expect(await refusal(set(nothing))).toBe('400 InvalidRequest');
    expect(await refusal(set(rule, rule))).toBe('400 InvalidArgument');
    expect(await refusal(set({ ...rule, Expiration: { Days: 0 } }))).toBe('400 InvalidArgument');
    expect(await refusal(set({ ...rule, Transitions: [{ Days: 1, StorageClass: 'GLACIER' }] }))).toBe(
      '501 NotImplemented',
    );
  });
});
