import { setMaxListeners } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { systemClock, type Clock } from '../../base/clock.ts';
import { descends } from './ancestry.ts';
import { sweepCallFolders, withCallFolder } from './call-folder.ts';
import { GitCommand } from './command.ts';
import { fetchCommit, type FetchOptions } from './fetch.ts';
import { watchFolder } from './folder-watch.ts';
import {
  GIT_LIMITS,
  GitError,
  MIB,
  type Git,
  type GitLimits,
  type GitSource,
  type Revision,
  type SigningKey,
  type Snapshot,
  type Watching,
} from './git.ts';
import { inTurn } from './in-turn.ts';
import { isPlainFolder, readFolder } from './plain-folder.ts';
import { redirectTarget } from './redirect.ts';
import { questionOf, revisionOf } from './refs.ts';
import { checkCredentials, parseRemoteUrl, type RemoteUrl } from './remote-url.ts';
import type { Repository } from './repository.ts';
import { RepositoryCache } from './repository-cache.ts';
import { hasSshKey, signerOf } from './signature.ts';
import { snapshotOf } from './snapshot.ts';
import { InstalledGit, SSH_SIGNATURES } from './version.ts';

/** The answer to `ls-remote`: some 200,000 tags. */
const REFS_BYTES = 16 * MIB;

/** A process each, of some 10 MB. */
const QUESTIONS_AT_ONCE = 16;

export interface RealGitOptions {
  /** `git/` of the data folder. Nobody else's. */
  folder: string;
  clock?: Clock;
  limits?: Partial<GitLimits>;
}

/** Git by the git command of the machine. */
export async function openRealGit({ folder, clock = systemClock, limits }: RealGitOptions): Promise<Git> {
  const calls = join(folder, 'calls');
  await sweepCallFolders(calls);
  return new RealGit(calls, join(folder, 'repositories'), clock, { ...GIT_LIMITS, ...limits });
}

class RealGit implements Git {
  readonly #calls: string;
  readonly #cache: RepositoryCache;
  readonly #clock: Clock;
  readonly #limits: GitLimits;
  readonly #installed: InstalledGit;
  readonly #questions = pLimit(QUESTIONS_AT_ONCE);

  constructor(calls: string, repositories: string, clock: Clock, limits: GitLimits) {
    this.#calls = calls;
    this.#cache = new RepositoryCache(repositories, limits);
    this.#clock = clock;
    this.#limits = limits;
    this.#installed = new InstalledGit(clock);
  }

  async resolve(source: GitSource, signal: AbortSignal): Promise<Revision> {
    const remote = await this.#remoteOf(source);
    if (remote.folder !== undefined) {
      const { commit } = await this.#readFolder(remote.folder, source, signal);
      return { sha: commit.sha, ref: 'folder' };
    }
    const { options, patterns } = questionOf(source.ref);
    const ask = async (git: GitCommand) => {
      const output = { bytes: REFS_BYTES, tooLarge: `${remote.url} has too many branches and tags to be read` };
      const answer = await git
        .run(['ls-remote', '--quiet', ...options, '--', remote.url, ...patterns], { output })
        .catch((error: unknown) => {
          throw git.final(error);
        });
      return revisionOf(source.ref, answer.toString('utf8'), remote.url);
    };
    return inTurn(this.#questions, signal, () => this.#call(source, remote, this.#limits.resolveMs, signal, ask));
  }

  async read(source: GitSource, sha: string, signal: AbortSignal, known?: Snapshot): Promise<Snapshot> {
    const remote = await this.#remoteOf(source);
    if (remote.folder !== undefined) return this.#readFolder(remote.folder, source, signal, known);
    return this.#withCommit(source, remote, sha, signal, (git, repository, fetching) =>
      snapshotOf(source, sha, git, repository, fetching, known),
    );
  }

  async verify(source: GitSource, sha: string, keys: readonly SigningKey[], signal: AbortSignal): Promise<string> {
    const remote = await this.#remoteOf(source);
    if (remote.folder !== undefined)
      throw new GitError(
        'SignatureInvalid',
        `${remote.folder} is a plain folder, which nobody signs: leave verify out`,
      );
    if (keys.length === 0) throw new GitError('Refused', 'no signing key is listed: list at least one');
    return this.#withCommit(source, remote, sha, signal, async (git, repository) => {
      if (hasSshKey(keys)) await this.#installed.require(git.signal, SSH_SIGNATURES);
      return signerOf(git, repository, sha, keys);
    });
  }

  async descends(source: GitSource, sha: string, from: string, signal: AbortSignal): Promise<boolean | undefined> {
    const remote = await this.#remoteOf(source);
    if (remote.folder !== undefined) return true;
    questionOf({ commit: from });
    return this.#withCommit(source, remote, sha, signal, (git, repository, fetching) =>
      descends(git, repository, sha, from, fetching),
    );
  }

  async watch(source: GitSource, onChange: () => void): Promise<Watching | undefined> {
    const { folder } = await this.#remoteOf(source);
    return folder === undefined ? undefined : watchFolder(folder, source, this.#clock, onChange);
  }

  collect(urls: readonly string[]): Promise<void> {
    // Of a url that is refused there is no cache.
    const known = urls.flatMap((url) => {
      try {
        return [parseRemoteUrl(url).url];
      } catch {
        return [];
      }
    });
    return this.#cache.collect(known);
  }

  /** With the folder's path when the url names a plain one. */
  async #remoteOf(source: GitSource): Promise<RemoteUrl & { folder?: string }> {
    const remote = parseRemoteUrl(source.url);
    if (remote.path === undefined) {
      checkCredentials(remote, source.credentials ?? {});
      return remote;
    }
    if (!(await stat(remote.path).catch(() => undefined)))
      throw new GitError('RepositoryNotFound', `${remote.path} is not there: correct the url, or make the folder`);
    return (await isPlainFolder(remote.path)) ? { ...remote, folder: remote.path } : remote;
  }

  #readFolder(folder: string, source: GitSource, signal: AbortSignal, known?: Snapshot): Promise<Snapshot> {
    return this.#within(this.#limits.readMs, folder, signal, (limited) =>
      readFolder(folder, source, this.#limits, limited, known),
    );
  }

  /** Runs the task, with a signal of its own that aborts at the deadline too. */
  async #within<T>(
    ms: number,
    where: string,
    signal: AbortSignal,
    task: (limited: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const limited = new AbortController();
    const timer = this.#clock.after(ms, () =>
      limited.abort(new GitError('Timeout', `${where}: not done within ${ms / 1000} s: it is tried again`)),
    );
    const abort = () => limited.abort(signal.reason);
    // Many calls may share a signal, such as a leader's term.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await task(limited.signal);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  #call<T>(
    source: GitSource,
    remote: RemoteUrl,
    ms: number,
    signal: AbortSignal,
    task: (git: GitCommand) => Promise<T>,
  ): Promise<T> {
    const credentials = source.credentials ?? {};
    return this.#within(ms, remote.url, signal, async (limited) => {
      await this.#installed.require(limited);
      try {
        return await withCallFolder(this.#calls, remote, credentials, (folder) =>
          task(new GitCommand(folder, remote, credentials, limited, this.#clock)),
        );
      } catch (error) {
        if (!(error instanceof GitError) || error.reason !== 'Redirected') throw error;
        const target = await redirectTarget(remote, credentials.caFile, limited);
        throw target === undefined ? error : new GitError('Redirected', `${error.message}: it leads to ${target}`);
      }
    });
  }

  /** Lets the task read a repository that has the commit. */
  #withCommit<T>(
    source: GitSource,
    remote: RemoteUrl,
    sha: string,
    signal: AbortSignal,
    task: (git: GitCommand, repository: Repository, fetching: FetchOptions) => Promise<T>,
  ): Promise<T> {
    questionOf({ commit: sha });
    return this.#cache.turn(remote.url, signal, () =>
      this.#call(source, remote, this.#limits.readMs, signal, (git) =>
        this.#cache.use(remote.url, sha, git, async (repository, whole) => {
          const fetching = { whole, limits: this.#limits };
          if (!(await repository.has(sha))) await fetchCommit(git, repository, sha, source.ref, fetching);
          return task(git, repository, fetching);
        }),
      ),
    );
  }
}
