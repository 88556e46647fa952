import type { LifecycleRule } from '../api/bucket-config.ts';
import { expiryOf, isForgotten } from './lifecycle.ts';
import type { Aged } from './lifecycle.ts';
import type { Multipart } from './multipart.ts';
import { UploadGoneError } from './multipart.ts';
import type { ObjectBucket, Objects } from './objects.ts';
import { ObjectLockedError } from './retention.ts';
import type { ObjectRow } from './row.ts';
import { versionsOf } from './versions.ts';

/** Uploads that are read from the database at a time. */
const PAGE = 1_000;

export interface LifecycleOutcome {
  /** Current versions that went, or that a delete marker came over. */
  expired: number;
  /** Others, and delete markers. */
  removed: number;
  aborted: number;
}

interface LifecycleParts {
  objects: Objects;
  multipart: Multipart;
  /** Before each change: throws where this daemon may change nothing (I9). */
  check: () => void;
}

/** Does once what the rules of a bucket say. What changes meanwhile is looked at the next time. */
export async function runLifecycle(
  { objects, multipart, check }: LifecycleParts,
  bucket: ObjectBucket,
  rules: readonly LifecycleRule[],
): Promise<LifecycleOutcome> {
  const outcome = { expired: 0, removed: 0, aborted: 0 };
  const now = objects.now();
  const keepsVersions = bucket.versioning !== 'Off';
  for await (const aged of agedOf(objects, bucket.name)) {
    const expiry = expiryOf(rules, aged, keepsVersions, now);
    if (expiry === undefined) continue;
    check();
    const isDone = await (expiry === 'expire'
      ? expired(objects, bucket, aged.row)
      : removed(objects, bucket, aged.row));
    if (isDone) outcome[aged.row.isLatest && !aged.row.isDeleteMarker ? 'expired' : 'removed'] += 1;
  }
  let [afterKey, afterId] = ['', ''];
  for (;;) {
    const page = await objects.rows.uploads.list(bucket.name, { prefix: '', afterKey, afterId, most: PAGE });
    for (const upload of page) {
      [afterKey, afterId] = [upload.key, upload.id];
      if (!isForgotten(rules, upload, now)) continue;
      check();
      if (await unlessGone(multipart.abort(bucket, upload))) outcome.aborted += 1;
    }
    if (page.length < PAGE) return outcome;
  }
}

/** Every version, with what lies over it. */
async function* agedOf(objects: Objects, bucket: string): AsyncGenerator<Aged> {
  let held: Aged | undefined;
  for await (const row of versionsOf(objects, bucket)) {
    const over = held?.row.key === row.key ? held : undefined;
    if (held) yield { ...held, isAlone: held.isAlone && !over };
    held = over
      ? { row, noncurrentSince: over.row.createdAt, newer: over.noncurrentSince ? over.newer + 1 : 0, isAlone: false }
      : { row, noncurrentSince: undefined, newer: 0, isAlone: true };
  }
  if (held) yield held;
}

/** As a client would delete it, where it is still the current one. */
async function expired(objects: Objects, bucket: ObjectBucket, row: ObjectRow): Promise<boolean> {
  let isCurrent = true;
  await objects
    .delete(bucket, row.key, (current) => {
      isCurrent = current?.id === row.id;
      if (!isCurrent) throw new ChangedError();
    })
    .catch(unlessChanged);
  return isCurrent;
}

async function removed(objects: Objects, bucket: ObjectBucket, row: ObjectRow): Promise<boolean> {
  let isThere = true;
  const condition = (found: ObjectRow | undefined) => {
    isThere = found?.id === row.id && found.isLatest === row.isLatest;
    if (!isThere) throw new ChangedError();
  };
  await objects.deleteVersion(bucket, row.key, row.versionId, { condition }).catch((error: unknown) => {
    isThere = false;
    unlessChanged(error);
  });
  return isThere;
}

class ChangedError extends Error {}

function unlessChanged(error: unknown): void {
  if (!(error instanceof ChangedError || error instanceof ObjectLockedError)) throw error;
}

async function unlessGone(aborting: Promise<void>): Promise<boolean> {
  try {
    await aborting;
    return true;
  } catch (error) {
    if (error instanceof UploadGoneError) return false;
    throw error;
  }
}
