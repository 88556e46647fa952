import { findCondition } from '../../api/metadata.ts';
import type { BucketUse } from '../../s3/row.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { ConditionInput, Outcome, Report, Step } from '../../engine/contract.ts';
import { degraded, listed, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';
import { bucketArn } from './types.ts';
import type { Bucket, BucketStatus } from './types.ts';

export interface BucketObserved {
  /** `undefined`: nothing was ever put into it, or it was closed. */
  use: BucketUse | undefined;
  /** While it is being deleted: whether any row is left, a delete marker too. */
  isEmpty: boolean;
  /** While it is being deleted: whether every row that is left is kept, by a legal hold or COMPLIANCE. */
  isLocked: boolean;
  /** Why bytes can be neither put nor read. */
  outage: string | undefined;
  /** Objects whose bytes are gone, or not what was put there; the keys of the first. */
  damage: { count: number; keys: readonly string[] };
}

/** `empty` removes a part of what it holds; `close` ends it: nothing is put into it any more. */
export type BucketStep = Step & { do: 'empty' | 'close' };

/** Pure. */
export function planBucket({ metadata, spec }: Bucket, { use, isEmpty, isLocked }: BucketObserved): BucketStep[] {
  if (metadata.deletionTimestamp === undefined || use === undefined) return [];
  if (isEmpty) return [{ do: 'close', why: 'the bucket was deleted' }];
  return spec.forceDestroy && !isLocked
    ? [{ do: 'empty', why: 'the bucket was deleted, and spec.forceDestroy is true' }]
    : [];
}

export function reportBucket(bucket: Bucket, observed: BucketObserved, left: readonly BucketStep[]): Report {
  const isDeleting = bucket.metadata.deletionTimestamp !== undefined;
  const status: BucketStatus = { phase: isDeleting ? 'Deleting' : 'Available', arn: bucketArn(bucket) };
  const { condition, outcome } = isDeleting ? deleting(bucket, observed, left) : standing(observed);
  const trouble = troubleOf(observed);
  const before = findCondition(bucket, 'Degraded');
  const isNew = trouble.reason === DAMAGED && (before?.reason !== DAMAGED || before.message !== trouble.message);
  const { reason, message } = trouble;
  return {
    status,
    conditions: [condition, progressing(outcome), trouble],
    outcome,
    ...(isNew && { events: [{ type: 'Warning', reason, message }] }),
  };
}

const DAMAGED = 'ObjectsDamaged';

function troubleOf({ outage, damage: { count, keys } }: BucketObserved): ConditionInput {
  if (outage !== undefined) return degraded('True', 'StorageUnavailable', outage);
  if (count === 0) return NOT_DEGRADED;
  const what = `${count} object${count === 1 ? ' is' : 's are'} damaged: ${listed(keys)}${count > keys.length ? ' and others' : ''}`;
  return degraded(
    'True',
    DAMAGED,
    `${what}. Who reads them gets an error, and nothing is deleted: put them again, or bring their files back from a backup`,
  );
}

function standing({ outage }: BucketObserved) {
  const outcome: Outcome = { is: 'reconciled' };
  if (outage !== undefined)
    return {
      condition: ready('False', 'StorageUnavailable', outage),
      outcome: { is: 'waiting', on: 'the place of the bytes', afterMs: WAITING_LOOK_MS } satisfies Outcome,
    };
  return { condition: ready('True', 'BucketAvailable', 'objects can be put and read'), outcome };
}

function deleting({ metadata, spec }: Bucket, { use, isEmpty, isLocked }: BucketObserved, left: readonly BucketStep[]) {
  const gone = use === undefined;
  const isWaiting = !gone && !isEmpty && (isLocked || !spec.forceDestroy);
  const held = use?.objects === 0 && !isEmpty ? 'delete markers of objects' : counted(use?.objects ?? 0);
  const message = isWaiting
    ? isLocked
      ? `holds ${held} that a retention or a legal hold keeps: it goes on when none is kept any more`
      : `holds ${held}: delete them (aws s3 rm --recursive s3://${metadata.name}), or set spec.forceDestroy to true`
    : gone
      ? 'nothing is left of it'
      : `what it holds is being deleted: ${held} left`;
  const outcome: Outcome = gone
    ? { is: 'gone' }
    : left.length > 0
      ? { is: 'progressing', afterMs: 0 }
      : { is: 'waiting', on: `${held} in it to be deleted`, afterMs: WAITING_LOOK_MS };
  return { condition: ready('False', isWaiting ? 'NotEmpty' : 'Deleting', message), outcome };
}

const counted = (objects: number): string => `${objects} object${objects === 1 ? '' : 's'}`;
