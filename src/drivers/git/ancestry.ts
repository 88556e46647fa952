import type { GitCommand } from './command.ts';
import { fetchHistory, type FetchOptions } from './fetch.ts';
import type { Repository } from './repository.ts';

/** How many commits of the history are fetched, step by step: most pushes are of a few. A commit alone is some 250 bytes. */
const DEPTHS = [32, 512, 8_192];

/**
 * Whether `from` is in the history of `sha`, which is here. What is missing of the history is fetched.
 * @returns `undefined`: not among those that are fetched at most, and there are more; or the server gives none.
 */
export async function descends(
  git: GitCommand,
  repository: Repository,
  sha: string,
  from: string,
  fetching: FetchOptions,
): Promise<boolean | undefined> {
  if (await repository.isAncestor(from, sha)) return true;
  for (const depth of DEPTHS) {
    if (!(await fetchHistory(git, repository, sha, depth, fetching))) return undefined;
    if (await repository.isAncestor(from, sha)) return true;
    if (!(await repository.isCutOff(sha))) return false;
  }
  return undefined;
}
