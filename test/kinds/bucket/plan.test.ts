import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { create, patch } from '../../../src/admission/operations.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { planBucket, reportBucket } from '../../../src/kinds/bucket/plan.ts';
import type { BucketObserved } from '../../../src/kinds/bucket/plan.ts';
import type { Bucket } from '../../../src/kinds/bucket/types.ts';
import { settings } from '../../../src/proof/person.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { refusal } from '../../support/refusal.ts';

const now = new Date('2026-01-01T00:00:00Z');
const context = () => ({ settings, now, fieldValidation: 'Strict' as const, warnings: [], manager: 'test' });
const view = new Mirror(KINDS);
const made = (spec: object = {}, name = 'files') =>
  create(
    KINDS.must('Bucket'),
    { apiVersion: 'miniaws.dev/v1', kind: 'Bucket', metadata: { name }, spec },
    view,
    context(),
  ) as Bucket;
const deleted = (spec: object = {}): Bucket => {
  const bucket = made(spec);
  return { ...bucket, metadata: { ...bucket.metadata, deletionTimestamp: now.toISOString() } };
};
const seen = (over: Partial<BucketObserved> = {}): BucketObserved => ({
  use: { objects: 3, bytes: 30 },
  isEmpty: false,
  isLocked: false,
  outage: undefined,
  damage: { count: 0, keys: [] },
  ...over,
});
const plan = (bucket: Bucket, observed: BucketObserved) => planBucket(bucket, observed).map((step) => step.do);
const report = (bucket: Bucket, observed: BucketObserved) => {
  const { conditions, outcome, status } = reportBucket(bucket, observed, planBucket(bucket, observed));
  const of = (type: string) => conditions.find((each) => each.type === type);
  return { ready: of('Ready'), degraded: of('Degraded'), outcome, status };
};

describe('the column PUBLIC of a bucket', () => {
  const policy = {
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::files/*' }],
  };
  const grants = [{ group: 'AllUsers', permission: 'READ' }];
  it.each<[object, string]>([
    [{}, 'false'],
    [{ publicRead: true }, 'true'],
    [{ policy }, 'true'],
    [{ policy: { Statement: [{ ...policy.Statement[0], Effect: 'Deny' }] } }, 'false'],
    [{ publicRead: true, policy, publicAccessBlock: { restrictPublicBuckets: true } }, 'false'],
    [{ grants }, 'true'],
    [{ grants: [{ namespace: 'shop', permission: 'READ' }] }, 'false'],
    [{ grants, ownership: 'BucketOwnerEnforced' }, 'false'],
    [{ grants, publicAccessBlock: { ignorePublicAcls: true } }, 'false'],
  ])('of %j is %s', (spec, told) => {
    expect(
      KINDS.must('Bucket')
        .columns.find(({ name }) => name === 'Public')
        ?.cell(made(spec)),
    ).toBe(told);
  });
});

describe('the plan of a bucket', () => {
  it.each<[string, Bucket, BucketObserved, string[]]>([
    ['one that stands', made(), seen(), []],
    ['one that stands, and may be destroyed', made({ forceDestroy: true }), seen(), []],
    ['deleted, and holds objects', deleted(), seen(), []],
    ['deleted with what it holds', deleted({ forceDestroy: true }), seen(), ['empty']],
    ['deleted, and empty by now', deleted(), seen({ isEmpty: true }), ['close']],
    ['deleted, and nothing is left', deleted({ forceDestroy: true }), seen({ use: undefined }), []],
  ])('%s', (_, bucket, observed, steps) => {
    expect(plan(bucket, observed)).toEqual(steps);
  });
});

describe('the report of a bucket', () => {
  it.each<[string, Bucket, BucketObserved, string, string, string]>([
    ['one that stands', made(), seen(), 'True', 'BucketAvailable', 'reconciled'],
    ['whose bytes are away', made(), seen({ outage: 'no folder' }), 'False', 'StorageUnavailable', 'waiting'],
    ['deleted, and holds objects', deleted(), seen(), 'False', 'NotEmpty', 'waiting'],
    ['being emptied', deleted({ forceDestroy: true }), seen(), 'False', 'Deleting', 'progressing'],
    ['deleted, and nothing is left', deleted(), seen({ use: undefined }), 'False', 'Deleting', 'gone'],
  ])('%s', (_, bucket, observed, status, reason, outcome) => {
    const told = report(bucket, observed);
    expect(told.ready).toMatchObject({ status, reason });
    expect(told.outcome.is).toBe(outcome);
    expect(told.degraded?.status).toBe(observed.outage === undefined ? 'False' : 'True');
    expect(told.status).toMatchObject({ arn: 'arn:miniaws:s3:::files' });
  });

  it('says how many objects a deletion waits for, and what to do', () => {
    expect(report(deleted(), seen()).ready?.message).toBe(
      'holds 3 objects: delete them (aws s3 rm --recursive s3://files), or set spec.forceDestroy to true',
    );
    expect(report(deleted(), seen({ use: { objects: 1, bytes: 9 } })).ready?.message).toContain('holds 1 object:');
    expect(report(deleted(), seen({ use: { objects: 0, bytes: 0 } })).ready?.message).toContain(
      'holds delete markers of objects: delete them',
    );
  });

  it('says which objects are damaged, as an event once, and stays Ready', () => {
    const observed = seen({ damage: { count: 7, keys: ['a', 'b'] } });
    const { degraded, ready } = report(made(), observed);
    expect([ready?.status, degraded]).toEqual([
      'True',
      expect.objectContaining({ status: 'True', reason: 'ObjectsDamaged' }),
    ]);
    expect(degraded?.message).toContain('7 objects are damaged: a, b and others. Who reads them gets an error');
    expect(reportBucket(made(), observed, []).events).toEqual([
      { type: 'Warning', reason: 'ObjectsDamaged', message: degraded?.message },
    ]);
    const told = { ...degraded!, observedGeneration: 1, lastTransitionTime: '' };
    const bucket = { ...made(), status: { conditions: [told] } } as Bucket;
    expect(reportBucket(bucket, observed, []).events).toBeUndefined();
  });

  it('never lets one go that holds anything, and never removes from one that stands', () => {
    const observed = fc.record({
      use: fc.option(fc.record({ objects: fc.nat(3), bytes: fc.nat(9) }), { nil: undefined }),
      isEmpty: fc.boolean(),
      isLocked: fc.boolean(),
      outage: fc.option(fc.constant('away'), { nil: undefined }),
      damage: fc.nat(2).map((count) => ({ count, keys: ['a', 'b'].slice(0, count) })),
    });
    fc.assert(
      fc.property(observed, fc.boolean(), fc.boolean(), (given, forceDestroy, isDeleted) => {
        const bucket = isDeleted ? deleted({ forceDestroy }) : made({ forceDestroy });
        const steps = plan(bucket, given);
        const { outcome } = report(bucket, given);
        if (!isDeleted) expect(steps).toEqual([]);
        if (steps.includes('empty')) expect([forceDestroy, given.isLocked]).toEqual([true, false]);
        if (steps.includes('close')) expect(given.isEmpty).toBe(true);
        expect(outcome.is === 'gone').toBe(isDeleted && given.use === undefined);
        if (outcome.is !== 'reconciled' && outcome.is !== 'gone') expect(outcome).toHaveProperty('afterMs');
      }),
    );
  });
});

describe('the specification of a bucket', () => {
  it.each<[string, () => unknown, string]>([
    ['an address for a name', () => made({}, '10.0.0.1'), '"10.0.0.1" is no name for a bucket'],
    ['a short name', () => made({}, 'ab'), 'S3 wants 3 to 63 characters'],
    ['a size that is none', () => made({ quotaBytes: 'much' }), 'spec.quotaBytes: expected a number of bytes'],
    ['a word of ours for a field', () => made({ public: true }), 'publicRead'],
    [
      'versions that shall never have been',
      () =>
        patch(
          KINDS.must('Bucket'),
          { type: 'merge', body: { spec: { versioning: 'Off' } } },
          made({ versioning: 'Suspended' }),
          view,
          context(),
        ),
      'spec.versioning: a bucket that has kept versions does not go back to Off',
    ],
  ])('is refused with its place: %s', (_, act, message) => {
    expect(refusal(act)).toContain(message);
  });
});
