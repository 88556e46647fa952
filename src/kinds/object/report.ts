import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { ConditionInput, Outcome, Report } from '../../engine/contract.ts';
import { degraded, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';
import { isOurs, isTaken } from './plan.ts';
import type { ObjectObserved, ObjectStep } from './plan.ts';
import type { DeclaredObject, ObjectStatus } from './types.ts';

interface Said {
  condition: ConditionInput;
  outcome: Outcome;
}

export function reportObject(object: DeclaredObject, observed: ObjectObserved, left: readonly ObjectStep[]): Report {
  const isDeleting = object.metadata.deletionTimestamp !== undefined;
  const { condition, outcome } = isDeleting ? deleting(object, observed, left) : standing(object, observed, left);
  const phase = isDeleting ? 'Deleting' : condition.status === 'True' ? 'Available' : 'Pending';
  const { outage } = observed;
  const trouble = outage === undefined ? NOT_DEGRADED : degraded('True', 'StorageUnavailable', outage);
  return {
    status: { phase, ...writtenStatus(object, observed) },
    conditions: [condition, progressing(outcome), trouble],
    outcome,
  };
}

/** That it was written stays known while the bucket is there: what somebody puts in its place is replaced then. */
function writtenStatus(object: DeclaredObject, { bucket, row }: ObjectObserved): ObjectStatus {
  if (isOurs(object, row)) return { etag: row.etag, versionId: row.versionId, bytes: row.sizeBytes };
  const { etag } = object.status ?? {};
  return etag === undefined || bucket.is === 'missing' ? {} : { etag };
}

/** Where the version that went had another of its own before it, that goes next. */
function deleting(object: DeclaredObject, { row }: ObjectObserved, left: readonly ObjectStep[]): Said {
  const isGone = !isOurs(object, row);
  return {
    condition: ready('False', 'Deleting', isGone ? 'nothing is left of it' : 'it is being deleted'),
    outcome: isGone ? { is: 'gone' } : { is: 'progressing', afterMs: left.length > 0 ? 0 : WAITING_LOOK_MS },
  };
}

function standing(object: DeclaredObject, observed: ObjectObserved, left: readonly ObjectStep[]): Said {
  const { bucket, content, row, outage } = observed;
  const { metadata, spec } = object;
  const title = `Bucket ${metadata.namespace}/${spec.bucket}`;
  const wait = (reason: string, message: string, on: string): Said => ({
    condition: ready('False', reason, message),
    outcome: { is: 'waiting', on, afterMs: WAITING_LOOK_MS },
  });
  if (bucket.is !== 'there') {
    const why = bucket.is === 'missing' ? 'does not exist; create it' : 'is being deleted';
    return wait('DependencyNotReady', `${title} ${why}`, title);
  }
  if ('missing' in content) return wait('DependencyNotReady', content.missing, 'its content');
  if (outage !== undefined)
    return {
      condition: ready('False', 'StorageUnavailable', outage),
      outcome: { is: 'waiting', on: 'the place of the bytes', afterMs: WAITING_LOOK_MS },
    };
  if (isTaken(object, row)) return taken(spec);
  if (left.length > 0)
    return {
      condition: ready('False', 'ObjectPending', `it is being written: ${left[0]?.why}`),
      outcome: { is: 'progressing', afterMs: 0 },
    };
  return {
    condition: ready('True', 'ObjectAvailable', 'it can be read as it is specified'),
    outcome: { is: 'reconciled' },
  };
}

function taken({ bucket, key }: DeclaredObject['spec']): Said {
  const message = `somebody has put s3://${bucket}/${key}, and that is not overwritten: delete it, or declare another key`;
  return { condition: ready('False', 'KeyTaken', message), outcome: { is: 'blocked', reason: 'KeyTaken', message } };
}
