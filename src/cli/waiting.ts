import { isReady, keyOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import { Failure } from './failure.ts';
import type { Session } from './session.ts';
import { printable } from './io.ts';
import { findObject, nameOf } from './objects.ts';
import { judgeReady, readyMessage, waitFor } from './wait-for.ts';
import type { Judge } from './wait-for.ts';
import { referredBy } from './why.ts';

/** Objects looked at for the root of one failure. */
const LONGEST_CHAIN = 12;

/** Waits with progress shown; throws a Failure that says of each object why it is not as wanted. `what`: "ready", "gone". */
export async function waitOrFail(
  session: Session,
  refs: readonly Ref[],
  judge: Judge,
  { timeoutMs, what }: { timeoutMs: number; what: string },
): Promise<void> {
  const { createProgress } = await import('./progress.ts');
  const progress = createProgress(session.io, session.kinds);
  const { signal } = session;
  const unmet = await waitFor(session.client, refs, judge, {
    timeoutMs,
    signal,
    onWaiting: progress.waiting,
    onLost: session.lost,
  }).finally(progress.done);
  if (unmet.length === 0 || signal.aborted) return;
  const failed = unmet.filter((u) => u.failed);
  for (const { ref, why } of failed.length > 0 ? failed : unmet) {
    session.tell(`${nameOf(session.kinds, ref)} is not ${what}: ${printable(why)}`);
    for (const root of await rootsOf(session, ref)) session.tell(`  ${printable(root)}`);
  }
  if (failed.length > 0) throw new Failure(`${count(failed.length)} failed; ask why with: miniaws why KIND/NAME`);
  throw new Failure(`timed out after ${timeoutMs / 1000} s: ${count(unmet.length)} of ${refs.length} not ${what}`);
}

/** Of what the object refers to, and that in turn, what is not Ready and waits for nothing that is not: the roots of the chain. */
async function rootsOf({ client, kinds }: Session, ref: Ref): Promise<string[]> {
  const seen = new Set([keyOf(ref)]);
  const roots: string[] = [];
  const look = async (object: Resource): Promise<void> => {
    for (const next of referredBy(kinds, object)) {
      if (seen.has(keyOf(next)) || seen.size > LONGEST_CHAIN) continue;
      seen.add(keyOf(next));
      const found = await findObject(client, next);
      if (!found) roots.push(`because ${nameOf(kinds, next)} does not exist`);
      else if (!isReady(found)) {
        const before = roots.length;
        await look(found);
        if (roots.length === before) roots.push(`because ${nameOf(kinds, next)} is not ready: ${readyMessage(found)}`);
      }
    }
  };
  const object = await findObject(client, ref);
  if (object) await look(object);
  return roots;
}

const count = (n: number): string => (n === 1 ? '1 object' : `${n} objects`);

/** For `apply --wait` and `up`: until all are Ready for the generation that they have now. Of some kinds nothing is to be waited for. */
export const waitReady = (session: Session, refs: readonly Ref[], timeoutMs: number): Promise<void> =>
  waitOrFail(
    session,
    refs.filter(({ kind }) => session.kinds.must(kind).reconciled),
    judgeReady,
    { timeoutMs, what: 'ready' },
  );
