import type { Ref } from '../../../api/metadata.ts';
import type { OwnWay, RollbackOptions } from '../../../cli/command.ts';
import { Failure } from '../../../cli/failure.ts';
import { nameOf } from '../../../cli/objects.ts';
import type { Session } from '../../../cli/session.ts';
import { waitReady } from '../../../cli/waiting.ts';
import { shortCommit, targetOf } from '../types.ts';
import type { GitSync } from '../types.ts';
import { operationsOf, wholeCommit } from './commits.ts';
import { changeSync, getSync } from './syncs.ts';

/** In place of a commit: the newest again. */
const NONE = 'none';

/** Holds a sync at a commit, for good or for a time; what is changed by hand is put back to that. */
export const syncRollback: OwnWay<RollbackOptions> = {
  flags: ['to', 'for', 'wait', 'timeout'],
  run: rollback,
};

async function rollback(session: Session, ref: Ref, options: RollbackOptions): Promise<void> {
  const { to, for: forMs } = options;
  if (forMs === 0) throw new Failure('--for: give a time longer than 0');
  if (to === NONE && forMs !== undefined) throw new Failure('--for means nothing to --to none, which ends a pin');
  const sync = await getSync(session, ref);
  if (to === NONE) await changeSync(session, ref, { spec: { pin: null } }, 'follows the repository again');
  else {
    const commit = to === undefined ? await lastHealthy(session, ref, sync) : await wholeCommit(session, ref, sync, to);
    const until = forMs === undefined ? null : new Date(Date.now() + forMs).toISOString();
    const told = `pinned to commit ${shortCommit(commit)}${until === null ? '' : ` until ${until}`}`;
    await changeSync(session, ref, { spec: { pin: { commit, until } } }, told);
  }
  if (options.wait) await waitReady(session, [ref], options.timeout);
}

/** Before the one that it works towards, which need not be reached yet. */
async function lastHealthy(session: Session, ref: Ref, sync: GitSync): Promise<string> {
  const operations = await operationsOf(session, ref);
  const target = targetOf(sync, sync.status?.observed?.commit, new Date());
  const found = operations.find(({ commit, result }) => result === 'Synced' && commit !== target?.commit);
  if (found) return found.commit;
  throw new Failure(
    `no commit from before this one is known to have worked in ${nameOf(session.kinds, ref)}: give --to`,
  );
}
