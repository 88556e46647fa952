import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { ApiContext } from '../../../http/context.ts';
import { sharedLook } from '../../../http/shared-look.ts';
import type { Objects } from '../../../s3/objects.ts';
import type { BucketUse } from '../../../s3/row.ts';
import { refOf } from '../../../api/metadata.ts';
import { isBucket } from '../types.ts';
import type { Bucket } from '../types.ts';

interface Seen {
  bucket: Bucket;
  use: BucketUse;
  damaged: number;
}

/** How much is in each bucket, and how much of it is damaged. */
export function bucketGauges(objects: Objects): (registry: Registry, context: ApiContext) => void {
  return (registry, context) => {
    const look = sharedLook(context.clock, () => seenOf(objects, context));
    const gauge = (name: string, help: string, valueOf: (seen: Seen) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ['namespace', 'name'],
        registers: [registry],
        async collect() {
          const all = await look();
          this.reset();
          for (const seen of all) {
            const { namespace, name: bucket } = refOf(seen.bucket);
            this.set({ namespace, name: bucket }, valueOf(seen));
          }
        },
      });
    gauge('miniaws_bucket_objects', 'Objects in the bucket, with their versions', ({ use }) => use.objects);
    gauge('miniaws_bucket_bytes', 'Bytes of these', ({ use }) => use.bytes);
    gauge(
      'miniaws_bucket_damaged_objects',
      'Those whose bytes are gone, or not what was put there',
      ({ damaged }) => damaged,
    );
  };
}

async function seenOf({ rows }: Objects, { informer }: ApiContext): Promise<readonly Seen[]> {
  const buckets = [...informer.view.list('Bucket')].filter(isBucket);
  const [uses, damaged] = await Promise.all([
    rows.uses(buckets.map(({ metadata }) => metadata.uid)),
    rows.damage.counts(),
  ]);
  return buckets.map((bucket) => ({
    bucket,
    use: uses.get(bucket.metadata.uid) ?? { objects: 0, bytes: 0 },
    damaged: damaged.get(bucket.metadata.name) ?? 0,
  }));
}
