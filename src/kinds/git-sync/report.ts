import { findCondition } from '../../api/metadata.ts';
import { durationMs } from '../../base/quantity.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { ConditionInput, Outcome, Report } from '../../engine/contract.ts';
import { degraded, listed, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';
import { ended, operationFor, told, withOperation } from './operation.ts';
import { dueInMs, isDue } from './due.ts';
import { awaitsPeers, driftText, isDrift, pruneBlocked, purposeOf, troubleText } from './plan.ts';
import type { SyncObserved, SyncStep } from './plan.ts';
import { isFailure } from './repositories.ts';
import { untold, verdictOf } from './tell.ts';
import { shortCommit } from './types.ts';
import type { GitSync, GitSyncStatus, SyncedCommit, SyncOperation } from './types.ts';

/** Milliseconds to the next look where something is to be asked already. */
const SOON_MS = 1_000;
/** Milliseconds between looks at objects that become Ready: their changes bring the sync back, too. */
const HEALTH_LOOK_MS = 5_000;

interface State {
  is: NonNullable<GitSyncStatus['phase']>;
  condition: ConditionInput;
  outcome: Outcome;
}

export function reportGitSync(sync: GitSync, observed: SyncObserved, left: readonly SyncStep[], now: Date): Report {
  const status = statusOf(sync, observed, left, now);
  const state = stateOf({ ...sync, status: { ...sync.status, ...status } }, observed, left, now);
  const operation = ended(status.operation, state.condition, now);
  const outcome = isToBeTold(sync, state) ? ({ is: 'progressing', afterMs: 0 } as const) : state.outcome;
  return {
    status: { ...withOperation(status, operation), phase: state.is },
    conditions: [state.condition, progressing(state.outcome), degradedOf(status, sync, observed)],
    outcome,
  };
}

/** The next pass tells of what this one writes down. */
function isToBeTold(sync: GitSync, { condition, outcome }: State): boolean {
  const { generation } = sync.metadata;
  const said = { ...condition, observedGeneration: generation, lastTransitionTime: '' };
  const next = { ...sync, status: { ...sync.status, conditions: [said] } };
  return outcome.is !== 'gone' && untold(next, verdictOf(next)) !== undefined;
}

/** What was reached: it is written down only when nothing of it is left to do. */
function statusOf(sync: GitSync, observed: SyncObserved, left: readonly SyncStep[], now: Date): GitSyncStatus {
  const before = sync.status ?? {};
  const { remote, target, folders, notReady } = observed;
  const since = (known: SyncedCommit | undefined, commit: string): SyncedCommit =>
    known?.commit === commit ? known : { commit, at: now.toISOString() };
  const isApplied =
    target !== undefined &&
    observed.revision !== undefined &&
    !isFailure(observed.revision) &&
    !left.some((step) => step.do === 'apply' || step.do === 'read') &&
    folders.some(({ trouble }) => trouble === undefined) &&
    observed.comparison.problems.length === 0 &&
    observed.comparison.claims.length === 0;
  const applied = isApplied ? since(before.applied, target.commit) : before.applied;
  const isHealthy = isApplied && notReady.length === 0 && folders.every(({ trouble }) => trouble === undefined);
  const head = remote.head && { commit: remote.head.sha, ref: remote.head.ref };
  const kept = isApplied
    ? folders.flatMap(({ path, commit }) => (commit === undefined ? [] : [{ path, commit }]))
    : before.folders;
  const filledWith = isApplied ? observed.filledWith : before.filledWith;
  const healthy = isHealthy ? since(before.healthy, target.commit) : before.healthy;
  const rolledBack = rollBack(sync, { ...(applied ? { applied } : {}), ...(healthy ? { healthy } : {}) }, observed);
  const seen = head ?? before.observed;
  return {
    ...(seen ? { observed: seen } : {}),
    ...(applied ? { applied } : {}),
    ...(kept ? { folders: kept } : {}),
    ...(filledWith === undefined ? {} : { filledWith }),
    ...(healthy ? { healthy } : {}),
    ...(rolledBack ? { rolledBack } : {}),
    ...withOperation({}, operationOf(sync, observed, now)),
    ...(before.told ? { told: before.told } : {}),
    objects: observed.kept.length,
  };
}

function operationOf(sync: GitSync, observed: SyncObserved, now: Date): SyncOperation | undefined {
  const { revision } = observed;
  const before = sync.status?.operation;
  const purpose = purposeOf(sync, observed, now);
  const operation = purpose ? operationFor(before, purpose) : before;
  return told(operation, revision === undefined || isFailure(revision) ? undefined : revision.commit);
}

/** It goes back by itself once, and stays there until another commit comes. */
function rollBack(
  { spec, status }: GitSync,
  { applied, healthy }: Pick<GitSyncStatus, 'applied' | 'healthy'>,
  { target, remote, notReady, appliedMs }: SyncObserved,
): GitSyncStatus['rolledBack'] {
  const before = status?.rolledBack;
  if (before && before.from === (remote.head?.sha ?? before.from)) return before;
  if (spec.onFailure !== 'RollBack' || target?.why !== 'newest' || applied?.commit !== target.commit) return undefined;
  if (!healthy || healthy.commit === target.commit || !isLate(spec.timeout, appliedMs) || notReady.length === 0)
    return undefined;
  return { from: target.commit, to: healthy.commit, why: unreadyText(notReady) };
}

const isLate = (timeout: string, appliedMs: number): boolean => appliedMs >= durationMs(timeout);

const unreadyText = (notReady: SyncObserved['notReady']): string =>
  listed(notReady.map(({ title, why }) => `${title}: ${why}`));

function stateOf(sync: GitSync, observed: SyncObserved, left: readonly SyncStep[], now: Date): State {
  const { spec, metadata } = sync;
  const { remote, target, revision, missing, awaited } = observed;
  const lookMs = isDue(sync, remote, now) ? SOON_MS : Math.max(SOON_MS, dueInMs(sync, remote, now));
  const waiting = (on: string): Outcome => ({ is: 'waiting', on, afterMs: Math.min(lookMs, WAITING_LOOK_MS) });
  const failed = (reason: string, message: string): State => ({
    is: 'Failed',
    condition: ready('False', reason, message),
    // What is good of it goes on.
    outcome:
      left.length > 0
        ? { is: 'progressing', afterMs: 0 }
        : {
            is: 'waiting',
            on: 'another commit, or a person',
            afterMs: Math.min(lookMs, durationMs(spec.retryInterval)),
          },
  });
  if (metadata.deletionTimestamp !== undefined) return deleting(sync, observed);
  if (spec.suspend)
    return {
      is: 'Suspended',
      condition: ready(
        'False',
        'Suspended',
        `spec.suspend is true: nothing is done until "miniaws sync resume ${metadata.name}"`,
      ),
      outcome: { is: 'reconciled' },
    };
  if (missing !== undefined)
    return { is: 'Failed', condition: ready('False', 'CredentialsNotFound', missing), outcome: waiting('its Secret') };
  if (remote.failure && target === undefined) return failed('FetchFailed', remote.failure.message);
  if (remote.askedAt === undefined || left.some((step) => step.do === 'read'))
    return {
      is: 'Syncing',
      condition: ready('False', 'Fetching', 'the repository is being read'),
      outcome: { is: 'progressing', afterMs: 1_000 },
    };
  if (awaited.length > 0)
    return {
      is: 'Pending',
      condition: ready('False', 'DependencyNotReady', `waits for GitSync ${awaited.join(', ')} to be Ready`),
      outcome: waiting(`GitSync ${awaited.join(', ')}`),
    };
  if (isFailure(revision)) return failed('FetchFailed', `${revision.message}; ${staysAt(sync)}`);
  const trouble = troubleText(sync, observed);
  if (trouble !== undefined) {
    const isClaim = observed.comparison.claims.length > 0 && observed.comparison.problems.length === 0;
    return failed(
      isClaim ? 'Conflict' : 'InvalidRevision',
      `commit ${shortCommit(target?.commit ?? '')}: ${trouble}; ${staysAt(sync)}`,
    );
  }
  if (observed.rewritten !== undefined) return failed('HistoryRewritten', rewrittenText(sync, observed.rewritten));
  if (remote.failure) return failed('FetchFailed', `${remote.failure.message}; ${staysAt(sync)}`);
  if (left.some((step) => step.do !== 'tell'))
    return {
      is: 'Syncing',
      condition: ready('False', 'Applying', left[0]?.why ?? ''),
      outcome: { is: 'progressing', afterMs: 0 },
    };
  const blocked = pruneBlocked(sync, observed);
  if (blocked !== undefined) return failed('PruneBlocked', blocked);
  return appliedState(sync, observed, lookMs);
}

const rewrittenText = (sync: GitSync, newest: string): string =>
  `the branch was rewritten: commit ${shortCommit(sync.status?.applied?.commit ?? '')} is not in the history of ${shortCommit(newest)}; ${staysAt(sync)}. If that is meant: miniaws sync allow-rewrite ${sync.metadata.name}`;

const staysAt = ({ status }: GitSync): string =>
  status?.applied === undefined
    ? 'nothing was applied'
    : `commit ${shortCommit(status.applied.commit)} stays, and is kept so`;

/** Everything was applied; what is left is that it becomes Ready. */
function appliedState(sync: GitSync, observed: SyncObserved, lookMs: number): State {
  const { spec, status } = sync;
  const { notReady, target, revision, kept } = observed;
  const subject = revision !== undefined && !isFailure(revision) ? ` (${revision.commit.subject})` : '';
  const commit = `commit ${shortCommit(target?.commit ?? '')}${subject}`;
  const waits = awaitsPeers(observed);
  const rest: Outcome = { is: 'reconciled', afterMs: waits ? Math.min(lookMs, HEALTH_LOOK_MS) : lookMs };
  if (status?.rolledBack && target?.why === 'newest' && status.rolledBack.from === target.commit)
    return {
      is: 'Syncing',
      condition: ready('False', 'RollingBack', rolledBackText(status.rolledBack)),
      outcome: { is: 'progressing', afterMs: 0 },
    };
  if (!spec.wait || notReady.length === 0) {
    if (target?.why === 'rolledBack' && status?.rolledBack)
      return {
        is: 'Failed',
        condition: ready('False', 'RolledBack', rolledBackText(status.rolledBack)),
        outcome: rest,
      };
    const why = { pinned: ', pinned', newest: '', rolledBack: '', applied: '' }[target?.why ?? 'newest'];
    return {
      is: 'Synced',
      condition: ready(
        'True',
        'Synced',
        `${commit}${why}: ${kept.length} object${kept.length === 1 ? '' : 's'}${spec.wait ? ', all Ready' : ''}`,
      ),
      outcome: rest,
    };
  }
  const late = isLate(spec.timeout, observed.appliedMs);
  return {
    is: late ? 'Failed' : 'Syncing',
    condition: ready(
      'False',
      late ? 'HealthCheckFailed' : 'ObjectsNotReady',
      `${commit} was applied; ${unreadyText(notReady)}`,
    ),
    outcome: { is: 'progressing', afterMs: Math.min(lookMs, HEALTH_LOOK_MS) },
  };
}

const rolledBackText = ({ from, to, why }: NonNullable<GitSyncStatus['rolledBack']>): string =>
  `commit ${shortCommit(from)} was not Ready in time (${why}): back at commit ${shortCommit(to)} until another one comes`;

function deleting(sync: GitSync, { kept, handedOver }: SyncObserved): State {
  const others = new Set(handedOver);
  const left = sync.spec.deletionPolicy === 'Delete' ? kept.filter((resource) => !others.has(resource)) : [];
  const on = `${left.length} objects that it applied, and deletes`;
  return {
    is: 'Deleting',
    condition: ready(
      'False',
      'Deleting',
      left.length === 0 ? 'the sync is deleted; its objects stay' : `waits for ${on}`,
    ),
    outcome: left.length === 0 ? { is: 'gone' } : { is: 'waiting', on, afterMs: WAITING_LOOK_MS },
  };
}

function degradedOf(status: GitSyncStatus, sync: GitSync, observed: SyncObserved): ConditionInput {
  const { comparison, target } = observed;
  if (status.rolledBack && target?.why !== 'pinned')
    return degraded('True', 'RolledBack', rolledBackText(status.rolledBack));
  const drifted = comparison.changes.filter((change) => isDrift(sync, observed, change));
  if (sync.spec.mode === 'Detect' && drifted.length > 0)
    return degraded('True', 'Drifted', `${driftText(drifted)}; spec.mode is Detect, so that it stays`);
  return NOT_DEGRADED;
}

/** Whether others may wait for it no longer. */
export const isReadyNow = (sync: GitSync): boolean => findCondition(sync, 'Ready')?.status === 'True';
