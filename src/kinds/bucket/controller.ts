import type { View } from '../../api/kind.ts';
import { refOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { Clock } from '../../base/clock.ts';
import type { Controller } from '../../engine/contract.ts';
import type { Objects } from '../../s3/objects.ts';
import { isUnlocked } from '../../s3/retention.ts';
import { isDeclaredObject } from '../object/types.ts';
import { planBucket, reportBucket } from './plan.ts';
import type { BucketObserved, BucketStep } from './plan.ts';
import type { Bucket } from './types.ts';

/** Rows that one step removes: a pass has its time. */
const PART = 1_000;
/** Damaged objects that are named. */
const NAMED = 5;

/** A bucket is there once its document is; what is to be done comes with its end. `check` throws where this daemon may change nothing. */
export const bucketController = (
  objects: Objects,
  clock: Clock,
  check: () => void,
): Controller<Bucket, BucketObserved, BucketStep> => ({
  kind: 'Bucket',
  needsEngine: false,
  watches: [{ kind: 'Object', enqueue: bucketThatGoes }],

  async observe({ metadata }) {
    const { uid, name, deletionTimestamp } = metadata;
    const { rows, bytes } = objects;
    const [outage, uses, found] = await Promise.all([bytes.outage(), rows.uses([uid]), rows.damage.of(name, NAMED)]);
    const use = uses.get(uid);
    const isGoing = deletionTimestamp !== undefined && use !== undefined;
    const isEmpty = isGoing && (await rows.some(name, 1)).length === 0;
    const isLocked = isGoing && !isEmpty && (await rows.some(name, 1, clock.now())).length === 0;
    return { outage, use, isEmpty, isLocked, damage: { count: found.count, keys: found.first.map(({ key }) => key) } };
  },

  plan: planBucket,

  async act(step, { metadata: { uid, name } }) {
    check();
    if (step.do === 'close') {
      await objects.rows.close({ uid, name });
      return;
    }
    const release = { now: clock.now(), bypassGovernance: true };
    const rows = await objects.rows.some(name, PART, release.now);
    await objects.rows.change({ uid, name }, rows, (now) => {
      for (const { key, versionId } of rows) {
        const row = now.version(key, versionId);
        if (row && isUnlocked(row, release)) now.remove(row, release);
      }
    });
  },

  report: reportBucket,

  print: (step) => (step.do === 'close' ? 'close the bucket' : 'delete objects of the bucket'),
});

/** One that is being deleted waits for what is declared in it. */
function bucketThatGoes(object: Resource, view: View): Ref[] {
  if (!isDeclaredObject(object)) return [];
  const bucket = view.get({ kind: 'Bucket', namespace: object.metadata.namespace, name: object.spec.bucket });
  return bucket?.metadata.deletionTimestamp === undefined ? [] : [refOf(bucket)];
}
