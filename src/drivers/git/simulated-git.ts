import type { Clock } from '../../base/clock.ts';
import { sha256 } from '../../base/hash.ts';
import { selectionOf } from './file-filter.ts';
import { GIT_LIMITS, GitError } from './git.ts';
import type { Git, GitRef, GitSource, Snapshot } from './git.ts';
import { KnownFiles } from './known-files.ts';
import { folderPatternOf, foldersOf, selectFrom } from './selected-tree.ts';
import type { TreeEntry } from './selected-tree.ts';

interface SimulatedCommit {
  sha: string;
  parent: string | undefined;
  subject: string;
  committedAt: Date;
  /** Text by path. */
  files: Readonly<Record<string, string>>;
}

/** The id of the n-th push of a world, when it is of these files. */
export const simulatedCommit = (url: string, branch: string, n: number, files: SimulatedCommit['files']): string =>
  sha256(`${url} ${branch} ${n} ${JSON.stringify(files)}`).slice(0, 40);

/** Repositories in memory, by url, for simulations: what is pushed here is what the driver below finds. */
export class SimulatedRepositories {
  readonly #clock: Clock;
  readonly #commits = new Map<string, SimulatedCommit>();
  readonly #refs = new Map<string, string>();
  #failure: GitError | undefined;
  #pushes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A commit of these files alone, as the branch's newest. @returns its id. */
  push(url: string, branch: string, files: Readonly<Record<string, string>>, subject = 'a change'): string {
    const parent = this.#refs.get(`${url} refs/heads/${branch}`);
    const sha = simulatedCommit(url, branch, ++this.#pushes, files);
    this.#commits.set(sha, { sha, parent, subject, committedAt: this.#clock.now(), files });
    this.#refs.set(`${url} refs/heads/${branch}`, sha);
    return sha;
  }

  /** As `git push --force`, of a history that has nothing of the branch's. */
  forcePush(url: string, branch: string, files: Readonly<Record<string, string>>): string {
    this.removeBranch(url, branch);
    return this.push(url, branch, files, 'another history');
  }

  /** Nobody is at that branch any more. */
  removeBranch(url: string, branch: string): void {
    this.#refs.delete(`${url} refs/heads/${branch}`);
  }

  /** Every call fails so from now on; `undefined`: none. */
  fail(failure: GitError | undefined): void {
    this.#failure = failure;
  }

  find(url: string, ref: GitRef): { sha: string; ref: string } {
    if (this.#failure) throw this.#failure;
    if ('commit' in ref) return { sha: this.commit(ref.commit).sha, ref: ref.commit };
    const name = `refs/heads/${'branch' in ref ? ref.branch : 'main'}`;
    const sha = this.#refs.get(`${url} ${name}`);
    if (sha === undefined) throw new GitError('RefNotFound', `${url} has no ${name}: correct spec.ref, or push it`);
    return { sha, ref: name };
  }

  /** Whether `from` is in its history. */
  descends(sha: string, from: string): boolean {
    const { parent } = this.commit(sha);
    return sha === from || (parent !== undefined && this.descends(parent, from));
  }

  commit(sha: string): SimulatedCommit {
    if (this.#failure) throw this.#failure;
    const found = this.#commits.get(sha);
    if (!found) throw new GitError('RefNotFound', `there is no commit ${sha}`);
    return found;
  }
}

export const createSimulatedGit = (repositories: SimulatedRepositories): Git => ({
  resolve: async ({ url, ref }) => repositories.find(url, ref),
  read: async (source, sha, _, known) => snapshotOf(source, repositories.commit(sha), new KnownFiles(known)),
  verify: async () => {
    throw new GitError('SignatureInvalid', 'no commit of a simulated repository is signed');
  },
  descends: async (_, sha, from) => repositories.descends(sha, from),
  watch: async () => undefined,
  collect: async () => undefined,
});

function snapshotOf({ url, path, filter }: GitSource, commit: SimulatedCommit, known: KnownFiles): Snapshot {
  const { sha, subject, committedAt, files } = commit;
  const pattern = folderPatternOf(path);
  const selection = selectionOf(filter, pattern.segments.length);
  const selected = selectFrom(entriesOf(files), pattern, selection, GIT_LIMITS, url);
  const contents = selected.files.map(({ folder, path: at }) => {
    const text = files[at] ?? '';
    return { folder, file: known.file({ path: at, id: sha256(text), content: Buffer.from(text) }) };
  });
  const who = { author: 'A Person', email: 'person@example.com' };
  return { commit: { sha, ...who, subject, committedAt }, folders: foldersOf(selected.folders, contents) };
}

/** The files, and the folders that they are in. */
function entriesOf(files: Readonly<Record<string, string>>): TreeEntry[] {
  const paths = Object.keys(files);
  const folders = new Set(
    paths.flatMap((path) =>
      path
        .split('/')
        .slice(0, -1)
        .map((_, depth, parts) => parts.slice(0, depth + 1).join('/')),
    ),
  );
  return [
    ...[...folders].map((path) => ({ mode: '040000', oid: '', path })),
    ...paths.map((path) => ({ mode: '100644', oid: path, path })),
  ];
}
