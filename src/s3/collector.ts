import type { Clock } from '../base/clock.ts';
import type { Objects } from './objects.ts';

/** Milliseconds for which the bytes of a removed object stay: who reads them now comes to the end. */
const REMOVED_MS = 60_000;
/** Milliseconds for which bytes without a row stay: their put may be under way. */
const UNKNOWN_MS = 86_400_000;
const PART = 1_000;

/** Deletes the bytes of objects that were removed, then forgets their rows. Answers how many. */
export async function collectRemoved({ rows, bytes }: Objects, clock: Clock): Promise<number> {
  let collected = 0;
  for (;;) {
    const ids = await rows.removed(new Date(clock.now().getTime() - REMOVED_MS), PART);
    if (ids.length === 0) return collected;
    await bytes.delete(ids);
    await rows.forget(ids);
    collected += ids.length;
  }
}

/** Deletes bytes that no row has, and what puts have left that came to no end. Answers how many. */
export async function collectUnknown({ rows, bytes }: Objects, clock: Clock): Promise<number> {
  const before = new Date(clock.now().getTime() - UNKNOWN_MS);
  let collected = await bytes.sweep(before);
  const collect = async (ids: readonly string[]) => {
    const known = await rows.known(ids);
    const unknown = ids.filter((id) => !known.has(id));
    await bytes.delete(unknown);
    collected += unknown.length;
  };
  let part: string[] = [];
  for await (const { id, storedAt } of bytes.list()) {
    if (storedAt >= before) continue;
    part.push(id);
    if (part.length === PART) await collect(part.splice(0));
  }
  if (part.length > 0) await collect(part);
  return collected;
}
