import type { NextMove } from '../../base/errors.ts';

/**
 * The seam to Git repositories: what a ref names, the files of a commit, who signed it. The implementation runs the real
 * git command.
 *
 * Promises:
 * - Nothing of a repository is executed and nothing is checked out: files are read from the object database.
 * - Credentials are in no argument list, no environment, no message and no log. They are on disk in files of mode 0600
 *   while a call runs.
 * - Every call ends within its deadline, and soon after `signal` aborts: then it rejects with the signal's reason.
 * - All other failures are `GitError`s. A message says what happened, where and what to do.
 */
export interface Git {
  /**
   * What the ref names at the remote now. Nothing is fetched, but the remote is always asked, for a commit too: so
   * whoever may not read it hears so here.
   */
  resolve(source: GitSource, signal: AbortSignal): Promise<Revision>;
  /**
   * The selected files of the commit. What the cache lacks is fetched: one commit, and only the files that are selected
   * where the server allows it. Call `resolve` with the same source first: the cache asks nobody for permission. For a
   * plain folder the answer is what is there now, whatever `sha` says. A file that is as it is in `known` is the very
   * same object, and is not read again.
   */
  read(source: GitSource, sha: string, signal: AbortSignal, known?: Snapshot): Promise<Snapshot>;
  /** The name of the listed key that signed the commit; `SignatureInvalid` when none did. */
  verify(source: GitSource, sha: string, keys: readonly SigningKey[], signal: AbortSignal): Promise<string>;
  /**
   * Whether `from` is in the history of `sha`; `undefined`: nobody knows, as only so many of its newest commits are
   * fetched, and some servers give none. A plain folder has no history, and always goes on.
   */
  descends(source: GitSource, sha: string, from: string, signal: AbortSignal): Promise<boolean | undefined>;
  /** Tells of changes of a plain folder as they are saved. `undefined`: not a plain folder, poll it by `resolve`. */
  watch(source: GitSource, onChange: () => void): Promise<Watching | undefined>;
  /**
   * Removes the caches of all other urls, and of the others those that were used least recently, until they are no more
   * than `cachesBytes` together. One in use stays.
   */
  collect(urls: readonly string[]): Promise<void>;
}

export interface GitSource {
  /** https, http, ssh (also `git@host:path`) or file; without credentials in it. A file url may name a plain folder. */
  url: string;
  /** Of no meaning for a plain folder. */
  ref: GitRef;
  /** A folder of the repository, `*` and `?` within a segment allowed; default: all of it. */
  path?: string;
  filter?: FileFilter;
  credentials?: GitCredentials;
}

/** `head` is the remote's default branch. `semver` is a range: the highest tag in it. `commit` is a full id. */
export type GitRef = { head: true } | { branch: string } | { tag: string } | { semver: string } | { commit: string };

/**
 * Patterns as in .gitignore, without negation: without a slash they match a name in any folder, with one a path from
 * the repository's root; a folder that matches stands for all that is in it.
 */
export interface FileFilter {
  /** Default: YAML and JSON files. */
  include?: readonly string[];
  /** Beside the default list of files that are other programs'. */
  exclude?: readonly string[];
}

/** What is read where a filter has no `include`. */
export const DEFAULT_INCLUDE: readonly string[] = ['*.yaml', '*.yml', '*.json'];

export interface GitCredentials {
  /** Of http; default `git`, which most servers take with a token. */
  username?: string;
  /** Or token. */
  password?: string;
  /** A private key without a passphrase. */
  sshKey?: string;
  /** Lines as in ~/.ssh/known_hosts; ssh does not work without. */
  knownHosts?: string;
  /** PEM: the authorities that are trusted instead of the system's. */
  caFile?: string;
}

export interface Revision {
  /** The commit's id; `folder@<digest>` for a plain folder. */
  sha: string;
  /** What it was found by: `refs/heads/main`, `refs/tags/v1.2.3`, the commit's id; `folder`. */
  ref: string;
}

export interface Commit {
  sha: string;
  author: string;
  email: string;
  subject: string;
  committedAt: Date;
}

export interface Snapshot {
  commit: Commit;
  /** The folders that `path` matches, sorted by their path; one without files is there too. */
  folders: readonly GitFolder[];
}

export interface GitFolder {
  /** From the repository's root; empty for all of it. */
  path: string;
  /** Sorted by their path. */
  files: readonly GitFile[];
}

export interface GitFile {
  /** From the repository's root. */
  path: string;
  /** Of the content: what has the same id is the same. */
  id: string;
  content: Buffer;
}

/** An SSH public key (`ssh-ed25519 AAAA…`) or an armored OpenPGP public key. */
export interface SigningKey {
  name: string;
  publicKey: string;
}

export interface Watching {
  stop(): void;
}

export interface GitLimits {
  /** What one fetch may add to a cache; one that holds twice as much is made anew. */
  repositoryBytes: number;
  /** Of all caches together, after each `collect`. */
  cachesBytes: number;
  files: number;
  fileBytes: number;
  /** Of all selected files together. */
  totalBytes: number;
  /** Of `resolve`. */
  resolveMs: number;
  /** Of `read`, `verify` and `descends`. */
  readMs: number;
}

export const MIB = 1024 * 1024;

export const GIT_LIMITS: GitLimits = {
  repositoryBytes: 1024 * MIB,
  // Eight repositories of the largest size: most disks have room for that, and most installations need a hundredth.
  cachesBytes: 8 * 1024 * MIB,
  files: 10_000,
  fileBytes: MIB,
  totalBytes: 16 * MIB,
  resolveMs: 30_000,
  readMs: 300_000,
};

/** Why a call failed, with what to do next. The codes are stable. */
const GIT_REASONS = {
  /** There is no git on the PATH, or one that is too old. */
  GitMissing: 'blocked',
  /** The remote wants other credentials, or some at all. */
  AuthenticationFailed: 'blocked',
  /** The ssh server's key is not among the known hosts. */
  HostKeyUnknown: 'blocked',
  /** The server's certificate is not trusted. */
  CertificateInvalid: 'blocked',
  /** The server answers elsewhere. Redirects are not followed: they could lead to where the url's author may not go. */
  Redirected: 'blocked',
  RepositoryNotFound: 'blocked',
  RefNotFound: 'blocked',
  PathNotFound: 'blocked',
  /** More than a limit allows. */
  TooLarge: 'blocked',
  /** What is asked for, or what the repository holds, is not allowed. */
  Refused: 'blocked',
  SignatureInvalid: 'blocked',
  /** No connection, or one that broke off, or a server that fails. */
  RemoteUnavailable: 'retry',
  Timeout: 'retry',
  /** git failed in a way that this table does not name; its own words are the message. */
  GitFailed: 'retry',
} as const satisfies Record<string, NextMove>;

export type GitReason = keyof typeof GIT_REASONS;

export class GitError extends Error {
  override readonly name = 'GitError';
  readonly reason: GitReason;

  constructor(reason: GitReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }

  get move(): NextMove {
    return GIT_REASONS[this.reason];
  }
}
