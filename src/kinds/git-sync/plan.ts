import { formatProblem } from '../../admission/load.ts';
import { refOf, titleOf } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import type { KindRegistry } from '../../api/registry.ts';
import { countOf } from '../../base/quantity.ts';
import type { Step } from '../../engine/contract.ts';
import { listed } from '../shared/conditions.ts';
import { inParts } from '../../base/parts.ts';
import { claimText } from './compare.ts';
import type { Comparison, SyncChange } from './compare.ts';
import type { Purpose } from './operation.ts';
import type { FetchFailure, RemoteState } from './repositories.ts';
import type { LoadedRevision, SyncDocument } from './revision.ts';
import { untold, verdictOf } from './tell.ts';
import { ALLOW_PRUNE, PRUNE, shortCommit } from './types.ts';
import type { GitSync, Target, Verdict } from './types.ts';

/** Problems that a message tells before the rest is counted. */
const TOLD = 3;
/** Milliseconds that a deletion waits at most for other syncs of the repository to have the same commit: one of them may take the object over. */
const PEERS_MS = 60_000;

/** A folder, with the documents that count for it. */
export interface FolderObserved {
  path: string;
  /** Of which commit they are; `undefined`: none could be read, and nothing is known of what it holds. */
  commit: string | undefined;
  documents: readonly SyncDocument[];
  /** Why it is not at the target. */
  trouble?: string;
}

export interface SyncObserved {
  remote: RemoteState;
  /** What must be there before anything can be fetched, and is not. */
  missing?: string;
  /** Other syncs that are not Ready. */
  awaited: readonly string[];
  target: Target | undefined;
  /** The newest commit, where the branch was rewritten and that is not allowed. */
  rewritten?: string;
  /** Read; a failure says why not; `undefined`: not read yet. */
  revision: LoadedRevision | FetchFailure | undefined;
  /** Commits that have to be read before it is known what to do. */
  unread: readonly string[];
  folders: readonly FolderObserved[];
  comparison: Comparison;
  /** Everything that it has applied and that is live. */
  kept: readonly Resource[];
  /** Those that no file has any more. */
  orphans: readonly Resource[];
  /** Those of them that another sync has by now. */
  handedOver: readonly Resource[];
  /** Milliseconds since this leader saw that the commit is applied, by its monotonic clock. */
  appliedMs: number;
  /** Other syncs of the repository that do not know the commit yet. */
  peersBehind: readonly string[];
  /** A digest of what the spec and its variables make of the files of a commit. */
  filledWith: string;
  /** What of the documents is not Ready, and why. */
  notReady: readonly { title: string; why: string }[];
}

export type SyncStep =
  | (Step & { do: 'read'; commit: string })
  | (Step & { do: 'apply'; changes: readonly SyncChange[]; purpose: Purpose | undefined })
  | (Step & { do: 'tell'; verdict: Verdict })
  | (Step & { do: 'handOver'; resources: readonly Resource[] })
  | (Step & { do: 'delete'; resources: readonly Resource[]; purpose: Purpose | undefined });

/** Pure: what would make the world equal the repository. */
export function planGitSync(
  sync: GitSync,
  observed: SyncObserved,
  now: Date,
  kinds: KindRegistry,
): readonly SyncStep[] {
  if (sync.metadata.deletionTimestamp !== undefined) return planDeletion(sync, observed, kinds);
  if (sync.spec.suspend) return [];
  if (observed.missing !== undefined) return planTelling(sync);
  const reads = observed.unread.map((commit): SyncStep => ({
    do: 'read',
    commit,
    why: `commit ${shortCommit(commit)} is not read yet`,
  }));
  if (observed.target === undefined) return planTelling(sync);
  if (observed.awaited.length > 0) return reads;
  // A commit may take its time to arrive: what is there is kept so meanwhile.
  const work = [
    ...planApply(sync, observed, now),
    ...(reads.length > 0 ? reads : planPrune(sync, observed, now, kinds)),
  ];
  return [...work, ...(work.length === 0 ? planTelling(sync) : [])];
}

/** Of what was reached before: it is in the status by then. */
function planTelling(sync: GitSync): SyncStep[] {
  const verdict = untold(sync, verdictOf(sync));
  return verdict ? [{ do: 'tell', verdict, why: `nobody was told of ${verdict.reason} yet` }] : [];
}

/** All of a revision or nothing: what is refused, or is another sync's, holds everything up. */
function planApply(sync: GitSync, observed: SyncObserved, now: Date): SyncStep[] {
  const { comparison, target } = observed;
  const { changes, problems, claims } = comparison;
  if (problems.length > 0 || claims.length > 0) return [];
  const wanted = changes.filter((change) => !isDrift(sync, observed, change) || sync.spec.mode === 'Correct');
  return inParts(wanted).map((part) => {
    const drifted = part.filter((change) => isDrift(sync, observed, change));
    const isNew = part.some(({ commit }) => !wasApplied(sync, commit));
    const why = `commit ${shortCommit(target?.commit ?? '')} has ${counted(part.length, 'change')}`;
    return {
      do: 'apply',
      changes: part,
      purpose: drifted.length === part.length ? undefined : purposeOf(sync, observed, now),
      why: drifted.length === part.length ? driftText(drifted) : isNew ? why : `${why}: ${SPEC_CHANGED}`,
      event: drifted.length === part.length ? 'DriftCorrected' : 'Applied',
      ...(drifted.length === part.length ? { warns: true } : {}),
    };
  });
}

/** What is done is done for this; one that is new was found when the remote was asked. */
export function purposeOf({ status }: GitSync, { target, remote }: SyncObserved, now: Date): Purpose | undefined {
  const isNew = target?.why === 'newest' && target.commit !== status?.observed?.commit;
  return target && { target, since: isNew ? (remote.askedAt ?? now) : now };
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const SPEC_CHANGED = 'the spec of the sync or its variables were changed';

const wasApplied = ({ status }: GitSync, commit: string): boolean =>
  status?.folders?.some((folder) => folder.commit === commit) === true;

/**
 * What differs although its commit was applied before was changed, or removed, by somebody else, unless the spec of the
 * sync or its variables make something else of the commit now.
 */
export function isDrift(
  sync: GitSync,
  { filledWith }: Pick<SyncObserved, 'filledWith'>,
  { commit, by }: SyncChange,
): boolean {
  const before = sync.status?.filledWith;
  return wasApplied(sync, commit) && (by.length > 0 || before === undefined || before === filledWith);
}

export function driftText(changes: readonly SyncChange[]): string {
  const told = changes.map(({ ref, is, by }) => {
    const who = by.length > 0 ? ` by ${by.join(', ')}` : '';
    return `${titleOf(ref)} was ${is === 'created' ? 'removed' : 'changed'}${who}`;
  });
  return listed(told);
}

function planPrune(sync: GitSync, observed: SyncObserved, now: Date, kinds: KindRegistry): SyncStep[] {
  const { handedOver, target } = observed;
  const handing = inParts(handedOver).map((resources): SyncStep => ({
    do: 'handOver',
    resources,
    why: `${listed(resources.map(named))}: another sync has it now`,
  }));
  const pruned = prunable(sync, observed);
  if (pruned.length === 0 || pruneBlocked(sync, observed) || awaitsPeers(observed)) return handing;
  const commit = shortCommit(target?.commit ?? '');
  const deleting = inParts(inDeletionOrder(pruned, kinds)).map((resources): SyncStep => ({
    do: 'delete',
    resources,
    purpose: purposeOf(sync, observed, now),
    why: `no file of commit ${commit} has ${listed(resources.map(named))}`,
    event: 'Pruned',
  }));
  return [...handing, ...deleting];
}

const named = (resource: Resource): string => titleOf(refOf(resource));

/** What a deletion would concern: never on a comparison that has problems, nor on a folder of which nothing is known. */
function prunable(sync: GitSync, { comparison, folders, orphans }: SyncObserved): readonly Resource[] {
  const unsure =
    comparison.problems.length > 0 || comparison.claims.length > 0 || folders.some((f) => f.trouble !== undefined);
  if (!sync.spec.prune || unsure) return [];
  return orphans.filter(
    ({ metadata }) => metadata.annotations?.[PRUNE] !== 'disabled' && metadata.deletionTimestamp === undefined,
  );
}

/** Why the deletions wait for a person. */
export function pruneBlocked(sync: GitSync, observed: SyncObserved): string | undefined {
  const { pruneGuard } = sync.spec;
  const gone = prunable(sync, observed);
  const most = Math.max(typeof pruneGuard === 'string' ? 1 : 0, countOf(pruneGuard, observed.kept.length, Math.floor));
  const commit = observed.target?.commit ?? '';
  if (gone.length <= most || sync.metadata.annotations?.[ALLOW_PRUNE] === commit) return undefined;
  const allow = `miniaws sync allow-prune ${sync.metadata.name}`;
  return `commit ${shortCommit(commit)} would delete ${gone.length} of ${observed.kept.length} objects, and spec.pruneGuard (${pruneGuard}) allows ${most}: ${listed(gone.map(named))}. If that is meant: ${allow}`;
}

export const awaitsPeers = ({ peersBehind, appliedMs }: SyncObserved): boolean =>
  peersBehind.length > 0 && appliedMs < PEERS_MS;

/** What refers goes before what it refers to. */
const inDeletionOrder = (resources: readonly Resource[], kinds: KindRegistry): readonly Resource[] =>
  resources.toSorted((a, b) => kinds.position(b.kind) - kinds.position(a.kind));

function planDeletion(sync: GitSync, { kept, handedOver }: SyncObserved, kinds: KindRegistry): SyncStep[] {
  const others = new Set(handedOver);
  const left = kept.filter((r) => r.metadata.deletionTimestamp === undefined && !others.has(r));
  if (sync.spec.deletionPolicy === 'Keep') return [];
  return inParts(inDeletionOrder(left, kinds)).map((resources) => ({
    do: 'delete',
    resources,
    purpose: undefined,
    why: 'the sync was deleted, and its deletionPolicy is Delete',
  }));
}

/** Everything that is wrong with the revision, in a line. */
export function troubleText(sync: GitSync, { folders, comparison }: SyncObserved): string | undefined {
  const told = [
    ...some(folders.flatMap(({ trouble }) => trouble ?? [])),
    ...problemsText(comparison.problems.map(formatProblem)),
    ...some(comparison.claims.map((claim) => claimText(sync, claim))),
  ];
  return told.length === 0 ? undefined : told.join('; ');
}

export const problemsText = (problems: readonly string[]): string[] =>
  problems.length === 0 ? [] : [some(problems).join('; ')];

/** A message stays readable, whatever is wrong. */
const some = (told: readonly string[]): string[] =>
  told.length <= TOLD ? [...told] : [...told.slice(0, TOLD), `and ${told.length - TOLD} more`];
