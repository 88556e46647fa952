import type { Controller } from '../../engine/contract.ts';
import type { Objects } from '../../s3/objects.ts';
import { planBucket, reportBucket } from './plan.ts';
import type { BucketObserved, BucketStep } from './plan.ts';
import type { Bucket } from './types.ts';

/** Rows that one step removes: a pass has its time. */
const PART = 1_000;

/** A bucket is there once its document is; what is to be done comes with its end. `check` throws where this daemon may change nothing. */
export const bucketController = (
  objects: Objects,
  check: () => void,
): Controller<Bucket, BucketObserved, BucketStep> => ({
  kind: 'Bucket',
  needsEngine: false,
  watches: [],

  async observe({ metadata }) {
    const { uid, name, deletionTimestamp } = metadata;
    const [outage, uses] = await Promise.all([objects.bytes.outage(), objects.rows.uses([uid])]);
    const use = uses.get(uid);
    const isEmpty =
      deletionTimestamp !== undefined && use !== undefined && (await objects.rows.some(name, 1)).length === 0;
    return { outage, use, isEmpty };
  },

  plan: planBucket,

  async act(step, { metadata: { uid, name } }) {
    check();
    if (step.do === 'close') {
      await objects.rows.close({ uid, name });
      return;
    }
    const rows = await objects.rows.some(name, PART);
    await objects.rows.change({ uid, name }, rows, (now) => {
      for (const { key, versionId } of rows) {
        const row = now.version(key, versionId);
        if (row) now.remove(row);
      }
    });
  },

  report: reportBucket,

  print: (step) => (step.do === 'close' ? 'close the bucket' : 'delete objects of the bucket'),
});
