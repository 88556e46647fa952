import { findCondition } from '../../../api/metadata.ts';
import type { Ref } from '../../../api/metadata.ts';
import { Failure } from '../../../cli/failure.ts';
import { nameOf } from '../../../cli/objects.ts';
import type { Session } from '../../../cli/session.ts';
import { versionsWithStatus } from '../../../cli/versions.ts';
import { isGitSync, shortCommit } from '../types.ts';
import type { GitSync } from '../types.ts';

/** A commit that a sync has applied as a whole, and how that ended. */
export interface AppliedCommit {
  commit: string;
  /** RFC 3339. */
  at: string;
  /** Everything of it was Ready. */
  isHealthy: boolean;
  /** The reason of Ready that it had last. */
  reason: string;
  /** Why it was gone back to. */
  note?: string;
}

/** Those that the history of the sync has, oldest first. */
export async function commitsOf(session: Session, ref: Ref): Promise<AppliedCommit[]> {
  const versions = await versionsWithStatus(session, ref);
  return appliedCommits(versions.map(({ object }) => object).filter(isGitSync));
}

/** Of the versions of one sync, oldest first. */
export function appliedCommits(versions: readonly GitSync[]): AppliedCommit[] {
  const commits: AppliedCommit[] = [];
  for (const version of versions) {
    const { applied, healthy, rolledBack } = version.status ?? {};
    if (!applied) continue;
    const last = commits.at(-1);
    const same = last?.commit === applied.commit && last.at === applied.at ? commits.pop() : undefined;
    const note = noteOf(version, applied.commit, rolledBack) ?? same?.note;
    commits.push({
      ...applied,
      isHealthy: same?.isHealthy === true || healthy?.commit === applied.commit,
      reason: findCondition(version, 'Ready')?.reason ?? 'Applying',
      ...(note === undefined ? {} : { note }),
    });
  }
  return commits;
}

function noteOf(
  { spec }: GitSync,
  commit: string,
  rolledBack: NonNullable<GitSync['status']>['rolledBack'],
): string | undefined {
  if (spec.pin?.commit === commit) return 'pinned';
  if (rolledBack?.to !== commit) return undefined;
  return `went back from ${shortCommit(rolledBack.from)}: ${rolledBack.why}`;
}

const WHOLE = /^([0-9a-f]{40}|folder@[0-9a-f]+)$/;

/** The whole id of a commit by its beginning, among those that the sync knows. Throws a Failure that says which it knows. */
export async function wholeCommit(session: Session, ref: Ref, sync: GitSync, given: string): Promise<string> {
  if (WHOLE.test(given)) return given;
  const { observed, applied, healthy } = sync.status ?? {};
  const known = new Set([
    ...[observed, applied, healthy].flatMap((seen) => seen?.commit ?? []),
    ...(await commitsOf(session, ref)).map(({ commit }) => commit),
  ]);
  const [found, more] = [...known].filter((commit) => commit.startsWith(given));
  if (found !== undefined && more === undefined) return found;
  const name = nameOf(session.kinds, ref);
  if (more !== undefined)
    throw new Failure(`${given} begins the ids of more than one commit of ${name}: give it whole`);
  throw new Failure(
    `${name} knows no commit ${given}: give its whole id, 40 hex digits, or one of ${[...known].map(shortCommit).join(', ') || '(none yet)'}`,
  );
}
