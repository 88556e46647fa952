import { titleOf } from '../../api/metadata.ts';
import type { Ref } from '../../api/metadata.ts';
import type { Commit } from '../../drivers/git/git.ts';
import type { GitSyncStatus, SyncOperation, Target } from './types.ts';

/** Objects that are named; of all of them there are the counts. */
const NAMED = 50;
const LONGEST_MESSAGE = 1_024;

/** What an operation is begun for. */
export interface Purpose {
  target: Target;
  /** When the target was found. */
  since: Date;
}

/** The operation for a target: the one that is under way or was, or else a new one. */
export function operationFor(
  before: SyncOperation | undefined,
  { target: { commit, why }, since }: Purpose,
): SyncOperation | undefined {
  // What was applied is kept so: nothing new is done.
  if (why === 'applied' || (before?.commit === commit && before.why === why)) return before;
  return { commit, why, startedAt: since.toISOString(), created: 0, changed: 0, deleted: 0 };
}

/** With what a decision of it has written. Once everything was well, what else is changed is not of the commit. */
export function counted(
  operation: SyncOperation | undefined,
  written: readonly { ref: Ref; is: 'created' | 'changed' | 'deleted' }[],
): SyncOperation | undefined {
  if (!operation || operation.result === 'Synced') return operation;
  const count = (what: string) => written.filter(({ is }) => is === what).length;
  const named = written.map(({ ref, is }) => `${is} ${titleOf(ref)}`);
  const objects = [...(operation.objects ?? []), ...named].slice(0, NAMED);
  return {
    ...operation,
    created: operation.created + count('created'),
    changed: operation.changed + count('changed'),
    deleted: operation.deleted + count('deleted'),
    ...(objects.length > 0 ? { objects } : {}),
  };
}

/** With whose commit it is. */
export function told(operation: SyncOperation | undefined, commit: Commit | undefined): SyncOperation | undefined {
  if (!operation || commit?.sha !== operation.commit || operation.subject !== undefined) return operation;
  const { author, subject, committedAt } = commit;
  return { ...operation, author, subject, committedAt: committedAt.toISOString() };
}

/** Reasons of Ready that are an end of it, until something else comes. */
const ENDS = new Set([
  'Synced',
  'FetchFailed',
  'InvalidRevision',
  'Conflict',
  'PruneBlocked',
  'HealthCheckFailed',
  'RolledBack',
]);

/** With how it ended. What has failed may still come to a better end; what was well stays so. */
export function ended(
  operation: SyncOperation | undefined,
  { reason, message }: { reason: string; message: string },
  now: Date,
): SyncOperation | undefined {
  // It goes back from a commit that has failed.
  const result = reason === 'RollingBack' ? 'HealthCheckFailed' : reason;
  if (!operation || operation.result === 'Synced' || operation.result === result) return operation;
  if (!ENDS.has(result)) return operation;
  return { ...operation, endedAt: now.toISOString(), result, message: message.slice(0, LONGEST_MESSAGE) };
}

/** Status with the operation of it as it is by now. */
export const withOperation = (status: GitSyncStatus, operation: SyncOperation | undefined): GitSyncStatus =>
  operation ? { ...status, operation } : status;
