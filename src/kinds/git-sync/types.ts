import { GROUP, SOURCE } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';

/** Annotation of an object that no sync deletes: `disabled`. */
export const PRUNE = `${GROUP}/prune`;
/** Annotation of a sync, set by `miniaws sync now` and by a webhook: each other value asks for one look at the remote. */
export const SYNC_AT = `${GROUP}/sync-at`;
/** Annotation of a sync, set by `miniaws sync allow-prune`: the commit whose deletions may go past the guard. */
export const ALLOW_PRUNE = `${GROUP}/allow-prune`;

/** Annotation of a sync, set by `miniaws sync allow-rewrite`: the newest commit, which may go on from none that is applied. */
export const ALLOW_REWRITE = `${GROUP}/allow-rewrite`;

/** One that is the commit's, by its name, a range of versions, or the commit itself. */
interface SyncRef {
  branch?: string;
  tag?: string;
  semver?: string;
  commit?: string;
}

/** Exactly one of both is there: admission sees to it. */
interface ConfigReference {
  configMap?: string;
  secret?: string;
}

/** Fields that are left as they are, of objects of a kind. */
export interface IgnoreRule {
  kind: string;
  /** All of the kind when left out. */
  selector?: Record<string, string>;
  /** JSON pointers (RFC 6901). */
  fields: readonly string[];
}

interface GitSyncSpec {
  url: string;
  ref: SyncRef;
  path: string;
  include?: readonly string[];
  exclude?: readonly string[];
  interval: string;
  schedule?: string;
  timeZone: string;
  /** Left out by documents of early versions: Block. */
  forcePush?: 'Block' | 'Follow';
  prune: boolean;
  pruneGuard: number | string;
  wait: boolean;
  timeout: string;
  retryInterval: string;
  dependsOn?: readonly string[];
  suspend: boolean;
  force: boolean;
  targetNamespace?: string;
  substitute?: { variables?: Record<string, string>; from?: readonly ConfigReference[] };
  ignore?: readonly IgnoreRule[];
  mode: 'Correct' | 'Detect';
  onFailure: 'Stay' | 'RollBack';
  deletionPolicy: 'Keep' | 'Delete';
  /** A Secret's name. */
  credentials?: string;
  /** A Secret's name. */
  webhook?: string;
  /** Whose keys commits must be signed by; exactly one of both is there. */
  verify?: ConfigReference;
  /** `secret` holds age identities. */
  decrypt?: { secret: string };
  /** `secret` holds the url. */
  notify?: { secret: string; form: 'slack' | 'json' };
  commitStatus?: { forge: 'github' | 'gitlab' | 'gitea'; apiUrl?: string };
  pin?: { commit: string; until?: string };
}

/** How it ended with a commit. */
export interface Verdict {
  commit: string;
  state: 'success' | 'failure';
  reason: string;
}

/** A commit as status knows it. */
export interface SyncedCommit {
  commit: string;
  /** RFC 3339. */
  at: string;
}

/** What was applied of one folder. */
interface FolderStatus {
  /** From the repository's root; empty for all of it. */
  path: string;
  /** The last commit of which all of it was applied. */
  commit: string;
}

/** What is done for one commit, from when it is wanted until it has come to an end. */
export interface SyncOperation {
  commit: string;
  why: 'newest' | 'pinned' | 'rolledBack';
  /** RFC 3339, as all times here. */
  startedAt: string;
  /** Of the commit, once it was read. */
  author?: string;
  subject?: string;
  committedAt?: string;
  /** Numbers of objects. */
  created: number;
  changed: number;
  deleted: number;
  /** The first of them, each with what was done: `created VPC default/net`. */
  objects?: readonly string[];
  /** The reason of Ready that ended it, with its message; left out while it is under way. */
  result?: string;
  message?: string;
  endedAt?: string;
}

/** The commit that is worked towards, and why that one. */
export interface Target {
  commit: string;
  why: SyncOperation['why'] | 'applied';
}

export interface GitSyncStatus {
  phase?: 'Pending' | 'Syncing' | 'Synced' | 'Failed' | 'Suspended' | 'Deleting';
  /** The newest commit at the remote, and the ref that it was found by. */
  observed?: { commit: string; ref: string };
  /** The last commit that was applied as a whole, and since when. */
  applied?: SyncedCommit;
  folders?: readonly FolderStatus[];
  /** A digest of what the spec and its variables made of their files. */
  filledWith?: string;
  /** The last commit of which everything was Ready. */
  healthy?: SyncedCommit;
  /** The newest commit failed, and this sync went back by itself, from and to which. */
  rolledBack?: { from: string; to: string; why: string };
  /** What it did last, or is doing. */
  operation?: SyncOperation;
  /** What others were told last. */
  told?: Verdict;
  /** How many objects it keeps. */
  objects?: number;
}

export type GitSync = Resource<GitSyncSpec, GitSyncStatus>;

export const isGitSync = (r: Resource): r is GitSync => r.kind === 'GitSync';

/**
 * Which commit is worked towards: a pin goes before a rollback, that before `head`, the newest. While that is not
 * known, or is not to be followed, it is the one that is there.
 */
export function targetOf({ spec, status }: GitSync, head: string | undefined, now: Date): Target | undefined {
  const { pin } = spec;
  if (pin && (pin.until === undefined || Date.parse(pin.until) > now.getTime()))
    return { commit: pin.commit, why: 'pinned' };
  if (head === undefined) return status?.applied && { commit: status.applied.commit, why: 'applied' };
  if (status?.rolledBack?.from === head) return { commit: status.rolledBack.to, why: 'rolledBack' };
  return { commit: head, why: 'newest' };
}

const MANAGER = 'gitsync/';

/** The field manager by which it applies: what it owns is found by that. */
export const managerOf = ({ metadata }: Pick<GitSync, 'metadata'>): string =>
  `${MANAGER}${metadata.namespace}/${metadata.name}`;

/** `namespace` and `name` of the sync that has this field manager. */
export function syncOfManager(manager: string): { namespace: string; name: string } | undefined {
  const [namespace, name, ...more] = manager.startsWith(MANAGER) ? manager.slice(MANAGER.length).split('/') : [];
  return namespace && name && more.length === 0 ? { namespace, name } : undefined;
}

/** Whether it stands for what a plain folder holds. */
export const isFolder = (commit: string): boolean => commit.startsWith('folder@');

export const shortCommit = (commit: string): string => commit.slice(0, isFolder(commit) ? 17 : 10);

export const sourceOf = ({ metadata }: Resource): { commit: string; path: string } | undefined => {
  const [commit, ...path] = (metadata.annotations?.[SOURCE] ?? '').split(' ');
  return commit ? { commit, path: path.join(' ') } : undefined;
};
