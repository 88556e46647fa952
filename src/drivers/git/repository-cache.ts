import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit, { type LimitFunction } from 'p-limit';
import { sha256 } from '../../base/hash.ts';
import type { GitCommand } from './command.ts';
import { NoSingleObjects } from './fetch.ts';
import { folderSize } from './folder-size.ts';
import { GitError, type GitLimits } from './git.ts';
import { inTurn } from './in-turn.ts';
import { ProcessFailed } from './process.ts';
import { CacheBroken, Repository } from './repository.ts';

/** Repositories that are fetched and read at once: enough that a few servers which hang hold nobody else up. */
const AT_ONCE = 8;
/** A fetch adds one or two. With more of them git is slow, and most is of commits that nobody reads any more. */
const MOST_PACKS = 60;

/**
 * Bare repositories, one for each url. What is in them can be fetched again at any time: so one that is broken, or has
 * collected too much, is removed and made anew.
 */
export class RepositoryCache {
  readonly #folder: string;
  readonly #limits: GitLimits;
  /** Those in use. */
  readonly #byName = new Map<string, LimitFunction>();
  readonly #all = pLimit(AT_ONCE);
  /** Urls whose servers send no single objects. */
  readonly #whole = new Set<string>();

  constructor(folder: string, limits: GitLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Runs the task when it is its turn: one at a time for each url, and a few altogether. */
  async turn<T>(url: string, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    return this.#turnOf(nameOf(url), signal, () => inTurn(this.#all, signal, task));
  }

  /** Lets the task work on the url's repository; on a new one, once, when the old one turns out to be of no use. */
  async use<T>(
    url: string,
    sha: string,
    git: GitCommand,
    task: (repository: Repository, whole: boolean) => Promise<T>,
  ): Promise<T> {
    const path = this.#pathOf(url);
    try {
      return await task(await this.#open(path, sha, git), this.#whole.has(url));
    } catch (error) {
      const useless =
        error instanceof CacheBroken || error instanceof ProcessFailed || error instanceof NoSingleObjects;
      if (!useless) throw error;
      if (error instanceof NoSingleObjects) this.#whole.add(url);
      await rm(path, { recursive: true, force: true });
    }
    try {
      return await task(await this.#open(path, sha, git), this.#whole.has(url));
    } catch (error) {
      if (!(error instanceof CacheBroken || error instanceof NoSingleObjects)) throw git.final(error);
      throw new GitError('GitFailed', `${git.remote.url}: what was fetched cannot be read: ${error.message}`, error);
    }
  }

  async collect(urls: readonly string[]): Promise<void> {
    const known = new Set(urls.map(nameOf));
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) if (!known.has(name)) await this.#remove(name);
    for (const url of this.#whole) if (!urls.includes(url)) this.#whole.delete(url);
    const caches = await Promise.all(names.filter((name) => known.has(name)).map((name) => this.#measured(name)));
    let total = caches.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { name, bytes } of caches.toSorted((a, b) => a.usedAt - b.usedAt)) {
      if (total <= this.#limits.cachesBytes) return;
      if (await this.#remove(name)) total -= bytes;
    }
  }

  async #measured(name: string): Promise<{ name: string; bytes: number; usedAt: number }> {
    const path = join(this.#folder, name);
    const found = await stat(path).catch(() => undefined);
    return { name, bytes: await folderSize(path), usedAt: found?.mtimeMs ?? 0 };
  }

  /** @returns `false`: it is in use. */
  async #remove(name: string): Promise<boolean> {
    if (this.#byName.has(name)) return false;
    const path = join(this.#folder, name);
    await this.#turnOf(name, new AbortController().signal, () => rm(path, { recursive: true, force: true }));
    return true;
  }

  async #turnOf<T>(name: string, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const limit = this.#byName.get(name) ?? pLimit(1);
    this.#byName.set(name, limit);
    try {
      return await inTurn(limit, signal, task);
    } finally {
      if (limit.activeCount + limit.pendingCount === 0) this.#byName.delete(name);
    }
  }

  #pathOf(url: string): string {
    return join(this.#folder, nameOf(url));
  }

  async #open(path: string, sha: string, git: GitCommand): Promise<Repository> {
    if (await this.#isFull(path)) await rm(path, { recursive: true, force: true });
    if (!(await stat(join(path, 'HEAD')).catch(() => undefined))) {
      await rm(path, { recursive: true, force: true });
      await mkdir(path, { recursive: true, mode: 0o700 });
      // A repository has ids of one length.
      const format = `--object-format=${sha.length === 64 ? 'sha256' : 'sha1'}`;
      await git.run(['init', '--quiet', '--bare', '--template=', format, path]).catch((error: unknown) => {
        throw git.final(error);
      });
    }
    // Which one was used least recently is known after a restart, too.
    await utimes(path, git.clock.now(), git.clock.now());
    return new Repository(path, git);
  }

  async #isFull(path: string): Promise<boolean> {
    const packs = await readdir(join(path, 'objects', 'pack')).catch(() => []);
    if (packs.filter((name) => name.endsWith('.pack')).length > MOST_PACKS) return true;
    return (await folderSize(path)) > 2 * this.#limits.repositoryBytes;
  }
}

const nameOf = (url: string): string => sha256(url);
