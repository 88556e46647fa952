import type { FastifyInstance } from 'fastify';
import { notFound } from '../../../admission/operations.ts';
import { refOf } from '../../../api/metadata.ts';
import type { ApiContext } from '../../../http/context.ts';
import { permits } from '../../../http/permissions.ts';
import { frameOf, streamWatch } from '../../../http/watch.ts';
import { checkBucket } from '../../../s3/bucket-check.ts';
import type { Objects } from '../../../s3/objects.ts';
import type { CheckEvent, CheckProgress } from '../check-event.ts';
import { bucketKind } from '../definition.ts';

/** Between two tellings of how far it is. */
const PROGRESS_MS = 500;
/** A check may take longer than a watch does. */
const LONGEST_SECONDS = 7 * 86_400;

/**
 * `GET …/namespaces/NS/buckets/NAME/check`: reads every version of every object now, and answers with one JSON object a line: PROGRESS from
 * time to time, DAMAGED for each that is, END when all were read. A key may do it that may read all the bucket's objects: it tells no
 * more than reading them one by one would, and notes no more.
 */
export function checkRoute(app: FastifyInstance, context: ApiContext, objects: Objects): void {
  app.get(
    `/apis/${bucketKind.apiVersion}/namespaces/:namespace/buckets/:name/check`,
    permits('get', { resource: bucketKind.plural, subresource: 'objects' }),
    async (request, reply) => {
      const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
      const bucket = (await context.store.current()).get({ kind: bucketKind.kind, namespace, name });
      if (!bucket) throw notFound(context.kinds.must(bucketKind.kind), name);
      await streamWatch<CheckEvent>(request, reply, context, {
        initial: [],
        feed: (signal) => eventsOf(objects, refOf(bucket).name, context, signal),
        frame: frameOf,
        timeoutSeconds: LONGEST_SECONDS,
      });
    },
  );
}

async function* eventsOf(
  objects: Objects,
  bucket: string,
  { clock }: Pick<ApiContext, 'clock'>,
  signal: AbortSignal,
): AsyncGenerator<readonly CheckEvent[]> {
  const progress: CheckProgress = { objects: 0, bytes: 0, damaged: 0 };
  let told = clock.monotonic();
  for await (const checked of checkBucket(objects, bucket)) {
    if (signal.aborted) return;
    if ('bytes' in checked) progress.bytes += checked.bytes;
    else {
      progress.objects++;
      const { row, damage } = checked;
      if (damage !== undefined) {
        progress.damaged++;
        const { key, versionId, isLatest, sizeBytes } = row;
        yield [{ type: 'DAMAGED', object: { key, versionId, isLatest, sizeBytes, what: damage } }];
      }
    }
    if (clock.monotonic() - told < PROGRESS_MS) continue;
    told = clock.monotonic();
    yield [{ type: 'PROGRESS', object: { ...progress } }];
  }
  yield [{ type: 'END', object: progress }];
}
