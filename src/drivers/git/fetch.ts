import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitCommand, RunOptions } from './command.ts';
import { withinGrowth } from './folder-size.ts';
import { GitError, MIB, type GitLimits, type GitRef } from './git.ts';
import { ProcessFailed } from './process.ts';
import { refspecsOf } from './refs.ts';
import type { Repository } from './repository.ts';

/** The server sends no single objects by their ids: the commit must be fetched with all its files. */
export class NoSingleObjects extends Error {
  override readonly name = 'NoSingleObjects';
}

/** git-fetch(1): all of the history, of a shallow repository too. */
const WHOLE_HISTORY = '--depth=2147483647';

/** How servers say that they do not have an object, or do not give it by its id. */
const NOT_GIVEN = ['not our ref', 'unadvertised object', 'no such remote ref', "couldn't find remote ref"];

export interface FetchOptions {
  /** Every file of the commit, for a server that does not send single ones later. */
  whole: boolean;
  limits: GitLimits;
}

/** Fetches one commit, with its folders, and without its files unless `whole`. */
export async function fetchCommit(
  git: GitCommand,
  repository: Repository,
  sha: string,
  ref: GitRef,
  options: FetchOptions,
): Promise<void> {
  const { repositoryBytes } = options.limits;
  const { url } = git.remote;
  const tooLarge = `${url}: the commit is larger than ${repositoryBytes / MIB} MiB: use a smaller repository, or a server that allows partial clones (uploadpack.allowFilter)`;
  const fetch = (args: readonly string[]) => fetchInto(git, repository, options, args, repositoryBytes, tooLarge);
  try {
    await fetch(['--depth=1', 'origin', `+${sha}:refs/commits/${sha}`]);
  } catch (error) {
    if (!isNotGiven(error)) throw error;
    // By its name it can be had from every server, unless the ref has moved on.
    await fetch(['commit' in ref ? WHOLE_HISTORY : '--depth=1', 'origin', ...refspecsOf(ref)]).catch(
      (failure: unknown) => {
        if (!isNotGiven(failure)) throw failure;
      },
    );
    if (!(await repository.has(sha)))
      throw new GitError(
        'RefNotFound',
        `${url} does not have the commit ${sha} any more, or never had it: name another one`,
      );
  }
}

/**
 * Fetches the newest so many commits of a history, without their folders and files where the server allows it.
 * @returns `false`: the server does not give them, or they are too much without that.
 */
export async function fetchHistory(
  git: GitCommand,
  repository: Repository,
  sha: string,
  depth: number,
  options: FetchOptions,
): Promise<boolean> {
  const args = [`--depth=${depth}`, 'origin', `+${sha}:refs/commits/${sha}`];
  const tooLarge = `${git.remote.url}: the newest ${depth} commits are too large`;
  try {
    await fetchInto(git, repository, options, args, options.limits.repositoryBytes, tooLarge, { filter: 'tree:0' });
    return true;
  } catch (error) {
    if (isNotGiven(error) || (error instanceof GitError && error.reason === 'TooLarge')) return false;
    throw error;
  }
}

/** Fetches single files. */
export async function fetchBlobs(
  git: GitCommand,
  repository: Repository,
  oids: readonly string[],
  options: FetchOptions,
): Promise<void> {
  // What is larger packed is larger unpacked; the margin is what packs are made of beside contents.
  const bytes = options.limits.totalBytes + oids.length * 1024 + MIB;
  const tooLarge = `${git.remote.url}: the selected files are larger than ${options.limits.totalBytes / MIB} MiB: name a smaller folder in path, or exclude some`;
  try {
    const args = ['origin', '--stdin'];
    const input = oids.map((oid) => `${oid}\n`).join('');
    await fetchInto(git, repository, options, args, bytes, tooLarge, { input });
  } catch (error) {
    if (isNotGiven(error)) throw new NoSingleObjects(`${git.remote.url} sends no single objects`);
    throw error;
  }
}

const isNotGiven = (error: unknown): boolean =>
  error instanceof ProcessFailed && NOT_GIVEN.some((text) => error.stderr.includes(text));

async function fetchInto(
  git: GitCommand,
  repository: Repository,
  { whole }: FetchOptions,
  args: readonly string[],
  bytes: number,
  tooLarge: string,
  { filter = 'blob:none', ...options }: RunOptions & { filter?: string } = {},
): Promise<void> {
  const single = options.input !== undefined;
  const configuration = [
    `remote.origin.url=${git.remote.url}`,
    ...(whole ? [] : ['remote.origin.promisor=true', `remote.origin.partialclonefilter=${filter}`]),
    // Files of a commit that is here are asked for: nothing that is here tells what is missing.
    ...(single ? ['fetch.negotiationAlgorithm=noop'] : []),
  ];
  const fixed = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', '--no-auto-gc'];
  const command = [
    `--git-dir=${repository.path}`,
    ...configuration.flatMap((each) => ['-c', each]),
    'fetch',
    ...fixed,
    ...(whole ? [] : [`--filter=${filter}`]),
    ...args,
  ];
  try {
    await withinGrowth(git.clock, repository.path, bytes, new GitError('TooLarge', tooLarge), (grown) =>
      git.run(command, { ...options, signal: AbortSignal.any([git.signal, grown]) }),
    );
  } catch (error) {
    await removePartialPacks(repository.path);
    // It may have ended between two looks: what is too large must not be found here the next time.
    if (error instanceof GitError && error.reason === 'TooLarge')
      await rm(repository.path, { recursive: true, force: true });
    throw isNotGiven(error) ? error : git.explained(error);
  }
}

/** What a fetch that broke off has left. One fetch at a time writes here. */
async function removePartialPacks(repository: string): Promise<void> {
  const folder = join(repository, 'objects', 'pack');
  const names = await readdir(folder).catch(() => []);
  const partial = names.filter((name) => name.startsWith('tmp_') || name.startsWith('.tmp-'));
  await Promise.all(partial.map((name) => rm(join(folder, name), { force: true })));
}
