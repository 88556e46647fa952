import type { Objects } from './objects.ts';
import type { ObjectRow } from './row.ts';
import { versionsOf } from './versions.ts';

/** Damaged objects of a bucket that are looked at for whether they are so still. */
const MOST_KNOWN = 10_000;

/** What a check tells while it goes on: bytes that it has read, and each version once all of it was. */
export type Checked =
  | { bytes: number }
  | {
      row: ObjectRow;
      /** What is wrong with it; `undefined`: nothing is. */
      damage: string | undefined;
    };

/**
 * Reads every version of every object in the bucket, by key. Notes what is damaged, and what is so no longer; changes nothing else. Nothing is
 * read ahead, so that the caller sets the pace. Objects that are put meanwhile may be left out.
 */
export async function* checkBucket(objects: Objects, bucket: string): AsyncGenerator<Checked> {
  const known = new Set((await objects.rows.damage.of(bucket, MOST_KNOWN)).first.map(({ id }) => id));
  for await (const row of versionsOf(objects, bucket)) {
    if (row.isDeleteMarker) continue;
    const damage = yield* read(objects, row);
    if (damage !== undefined && !(await isThere(objects, row))) continue;
    if (damage !== undefined) await objects.noteDamage(row, damage);
    else if (known.has(row.id)) await objects.rows.damage.clear([row.id]);
    yield { row, damage };
  }
}

async function* read(objects: Objects, row: ObjectRow): AsyncGenerator<Checked, string | undefined> {
  const reading = objects.examine(row);
  try {
    for (;;) {
      const next = await reading.next();
      if (next.done) return next.value;
      yield { bytes: next.value };
    }
  } finally {
    await reading.return(undefined);
  }
}

/** The bytes of one that was deleted meanwhile may have gone with it. */
const isThere = async ({ rows }: Objects, { id, bucket, key, versionId }: ObjectRow): Promise<boolean> =>
  (await rows.find(bucket, key, versionId))?.id === id;
