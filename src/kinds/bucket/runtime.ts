import { refOf } from '../../api/metadata.ts';
import { anyController } from '../../engine/steps.ts';
import { collectRemoved, collectUnknown } from '../../s3/collector.ts';
import { runLifecycle } from '../../s3/lifecycle-run.ts';
import { Multipart } from '../../s3/multipart.ts';
import { OBJECT_ROWS } from '../../s3/object-rows.ts';
import { Objects } from '../../s3/objects.ts';
import { objectBucketOf, objectKeys } from './public.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import type { ObjectRow } from '../../s3/row.ts';
import { Scrub } from '../../s3/scrub.ts';
import { bucketController } from './controller.ts';
import { bucketGauges } from './http/gauges.ts';
import { checkRoute } from './http/check.ts';
import { DocumentBuckets } from './s3-buckets.ts';
import { isBucket } from './types.ts';

const COLLECT_REMOVED_MS = 60_000;
const COLLECT_UNKNOWN_MS = 21_600_000;
const LIFECYCLE_MS = 3_600_000;

export const createRuntime: CreateRuntime = ({ store, view, bytes, clock, log, check, notice, mac }) => {
  const onDamage = ({ bucket, key }: ObjectRow, what: string) => {
    log.error({ bucket, key, what }, 'an object is damaged');
    for (const found of view.lookup('Bucket', 'bucket', bucket))
      notice(refOf(found), `object ${key} is damaged`, 'storage');
  };
  const objects = new Objects({
    rows: store.beside(OBJECT_ROWS),
    bytes,
    clock,
    keys: objectKeys(view, mac),
    onDamage,
  });
  const multipart = new Multipart(objects, clock);
  const expire = async () => {
    for (const bucket of view.list('Bucket').filter(isBucket)) {
      const { lifecycle = [] } = bucket.spec;
      if (lifecycle.length === 0 || bucket.metadata.deletionTimestamp !== undefined) continue;
      const outcome = await runLifecycle({ objects, multipart, check }, objectBucketOf(bucket), lifecycle);
      if (Object.values(outcome).some((count) => count > 0))
        log.info({ bucket: bucket.metadata.name, ...outcome }, 'lifecycle rules were carried out');
    }
  };
  const names = () => view.list('Bucket').map(({ metadata }) => metadata.name);
  const scrub = new Scrub({ objects, buckets: names, clock, log });
  return {
    controller: anyController(bucketController(objects, clock, check)),
    leaderTasks: [{ run: (term) => scrub.run(term) }],
    chores: [
      { name: 'bytes of removed objects', everyMs: COLLECT_REMOVED_MS, run: () => collectRemoved(objects, clock) },
      { name: 'lifecycle rules of buckets', everyMs: LIFECYCLE_MS, run: () => expire() },
      { name: 'bytes without an object', everyMs: COLLECT_UNKNOWN_MS, run: () => collectUnknown(objects, clock) },
    ],
    s3: (context) => ({
      service: { buckets: new DocumentBuckets(context), objects, multipart },
    }),
    gauges: bucketGauges(objects),
    routes: (app, context) => checkRoute(app, context, objects),
    async live(resource) {
      if (!isBucket(resource)) return resource;
      const { uid } = resource.metadata;
      const use = (await objects.rows.uses([uid])).get(uid) ?? { objects: 0, bytes: 0 };
      return { ...resource, status: { ...resource.status, ...use } };
    },
  };
};
