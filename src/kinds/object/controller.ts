import type { View } from '../../api/kind.ts';
import { namespacedName, refOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import { messageOf, PassError } from '../../base/errors.ts';
import { only } from '../../drivers/objects/bytes.ts';
import type { Controller } from '../../engine/contract.ts';
import { EncryptionKeyError } from '../../s3/encryption.ts';
import { QuotaError } from '../../s3/objects.ts';
import type { Condition, Objects } from '../../s3/objects.ts';
import { BucketGoneError } from '../../s3/rows.ts';
import type { ObjectRow } from '../../s3/row.ts';
import { objectBucketOf } from '../bucket/public.ts';
import { isBucket } from '../bucket/types.ts';
import { contentOf } from './content.ts';
import type { FileWatch } from './file-watch.ts';
import { isOurs, isTaken, planObject } from './plan.ts';
import type { BucketObserved, ObjectObserved, ObjectStep } from './plan.ts';
import { reportObject } from './report.ts';
import type { DeclaredObject } from './types.ts';

interface ObjectDeps {
  objects: Objects;
  files: FileWatch;
  /** Throws where this daemon may change nothing (I9). */
  check: () => void;
}

/**
 * An object is a row and a file. A put is found again by the document's uid in the row, so that one whose end was not seen is not
 * repeated; its condition is judged while nobody else writes to the bucket, so that nothing of a client's is lost to it.
 */
export const objectController = (deps: ObjectDeps): Controller<DeclaredObject, ObjectObserved, ObjectStep> => ({
  kind: 'Object',
  needsEngine: false,
  watches: (['Bucket', 'ConfigMap', 'Secret'] as const).map((kind) => ({ kind, enqueue: usersOf })),

  async observe(object, { view, planning }) {
    const { objects, files } = deps;
    const { bucket, key } = object.spec;
    const [outage, found] = await Promise.all([objects.bytes.outage(), objects.rows.find(bucket, key)]);
    const row = found?.isDeleteMarker ? undefined : found;
    const seen = isOurs(object, row) && outage === undefined ? await fileOf(objects, row).catch(rethrown) : {};
    if (!planning) {
      const { uid } = object.metadata;
      if (row && seen.version !== undefined)
        files.watch(uid, { ref: refOf(object), id: row.id, version: seen.version });
      else files.forget(uid);
    }
    return { bucket: bucketOf(object, view), content: contentOf(object, view), row, damage: seen.damage, outage };
  },

  plan: planObject,

  async act(step, object, { view }) {
    const bucket = bucketOf(object, view);
    const content = contentOf(object, view);
    // What was seen a moment ago is no more: the second look tells.
    if (bucket.is === 'missing' || (step.do !== 'delete' && 'missing' in content)) return;
    deps.check();
    try {
      await carriedOut(step, object, { ...deps, bucket, bytes: 'missing' in content ? undefined : content });
    } catch (error) {
      if (!(error instanceof NotOursError)) rethrown(error);
    }
  },

  report: reportObject,

  print(step, { spec: { bucket, key } }) {
    const words = { write: 'put', restore: 'write the file anew of', delete: 'delete' }[step.do];
    return `${words} s3://${bucket}/${key}: ${step.why}`;
  },

  forget: (uid) => deps.files.forget(uid),
});

/** What is under the key is a client's. */
class NotOursError extends Error {}

interface Use extends ObjectDeps {
  bucket: Exclude<BucketObserved, { is: 'missing' }>;
  bytes: { bytes: Buffer; etag: string } | undefined;
}

async function carriedOut(step: ObjectStep, object: DeclaredObject, use: Use): Promise<unknown> {
  const { objects, check } = use;
  const { bucket, is } = use.bucket;
  const { key, contentType, metadata } = object.spec;
  const unless =
    (refuses: (current: ObjectRow | undefined) => boolean): Condition =>
    (current) => {
      check();
      if (refuses(current)) throw new NotOursError();
    };
  if (step.do === 'delete') {
    const condition = unless((current) => !isOurs(object, current));
    // Nothing is put into a bucket that is being deleted, a delete marker neither.
    return is === 'deleting'
      ? objects.deleteVersion(bucket, key, step.versionId, { condition })
      : objects.delete(bucket, key, condition);
  }
  if (!use.bytes) return undefined;
  const { bytes, etag } = use.bytes;
  if (step.do === 'restore') {
    const row = await objects.rows.find(bucket.name, key);
    return step.etag === etag && row?.id === step.id ? objects.restore(row, only(bytes)) : undefined;
  }
  const description = { key, contentType, metadata: metadata ?? {}, declaredBy: object.metadata.uid };
  const condition = unless((current) => isTaken(object, current?.isDeleteMarker ? undefined : current));
  return objects.put(bucket, description, only(bytes), { condition });
}

/** In words that say what happens next. */
function rethrown(error: unknown): never {
  if (error instanceof PassError) throw error;
  if (error instanceof QuotaError) throw new PassError('Refused', error.message, error);
  if (error instanceof EncryptionKeyError) throw new PassError('DependencyNotReady', error.message, error);
  if (error instanceof BucketGoneError) throw new PassError('DependencyNotReady', error.message, error);
  throw new PassError('StorageUnavailable', messageOf(error), error);
}

/** The version is of a file whose bytes are right. */
async function fileOf(objects: Objects, row: ObjectRow): Promise<{ version?: string; damage?: string }> {
  const look = await objects.bytes.look(row.id);
  if (!look) return { damage: 'the file was deleted' };
  if (look.wrong !== undefined) return { damage: look.wrong };
  const isRight = look.size === row.sizeBytes && (await objects.damageOf(row)) === undefined;
  return isRight ? { version: look.version } : { damage: 'its bytes are not what was put there' };
}

function bucketOf({ metadata, spec }: DeclaredObject, view: View): BucketObserved {
  const found = view.get({ kind: 'Bucket', namespace: metadata.namespace, name: spec.bucket });
  if (!found || !isBucket(found)) return { is: 'missing' };
  const isDeleting = found.metadata.deletionTimestamp !== undefined;
  return { is: isDeleting ? 'deleting' : 'there', bucket: objectBucketOf(found) };
}

/** Objects that are in the bucket, or take their content from it. */
const usersOf = (changed: Resource, view: View): Ref[] =>
  view.lookup('Object', changed.kind, namespacedName(refOf(changed))).map(refOf);
