import { formatProblem } from '../../admission/load.ts';
import type { Problem } from '../../admission/load.ts';
import type { View } from '../../api/kind.ts';
import type { KindRegistry } from '../../api/registry.ts';
import { canonicalJson } from '../../base/hash.ts';
import type { Snapshot } from '../../drivers/git/git.ts';
import { problemsText } from './plan.ts';
import type { FolderObserved, SyncObserved } from './plan.ts';
import { isFailure } from './repositories.ts';
import type { FetchFailure } from './repositories.ts';
import { readRevision } from './revision.ts';
import type { LoadedFolder, LoadedRevision, ReadOptions } from './revision.ts';
import { textsIn } from './texts.ts';
import type { GitSync, Target } from './types.ts';

/** Reads the files of a snapshot once, for as long as what they are filled with is the same. */
export class RevisionReader {
  readonly #kinds: KindRegistry;
  readonly #read = new WeakMap<Snapshot, { with: string; revision: LoadedRevision }>();

  constructor(kinds: KindRegistry) {
    this.#kinds = kinds;
  }

  read(sync: GitSync, snapshot: Snapshot, view: View): LoadedRevision {
    const options = this.#optionsOf(sync, view);
    const { kinds: _, ...rest } = options;
    const text = canonicalJson(rest);
    const known = this.#read.get(snapshot);
    if (known?.with === text) return known.revision;
    const revision = readRevision(snapshot, options);
    this.#read.set(snapshot, { with: text, revision });
    return revision;
  }

  #optionsOf({ metadata, spec }: GitSync, view: View): ReadOptions {
    const given = spec.substitute && variablesOf(metadata.namespace, spec.substitute, view);
    return {
      kinds: this.#kinds,
      namespace: metadata.namespace,
      targetNamespace: spec.targetNamespace,
      variables: given?.variables,
      secrets: given?.secrets ?? [],
    };
  }
}

/** A ConfigMap or Secret that is not there gives nothing: a variable that is missed then is told where it stands. */
function variablesOf(
  namespace: string,
  { from = [], variables = {} }: NonNullable<GitSync['spec']['substitute']>,
  view: View,
): { variables: Record<string, string>; secrets: string[] } {
  const secrets: string[] = [];
  const given = from.map(({ configMap, secret }): Readonly<Record<string, string>> => {
    const found = view.get({
      kind: secret === undefined ? 'ConfigMap' : 'Secret',
      namespace,
      name: secret ?? configMap ?? '',
    });
    const texts = textsIn(found);
    if (secret !== undefined) secrets.push(...texts.map(([, text]) => text));
    return Object.fromEntries(texts);
  });
  return { variables: Object.assign({}, ...given, variables) as Record<string, string>, secrets };
}

/**
 * Which documents count: a folder's of the target, or, where those are no good, of the commit that was applied of it. All
 * of the others go on. `refused`: what admission has against a folder's documents, by its path.
 */
export function observeFolders(
  sync: GitSync,
  target: Target,
  snapshotOf: (commit: string) => Snapshot | FetchFailure | undefined,
  read: (snapshot: Snapshot) => LoadedRevision,
  refused: ReadonlyMap<string, string> = new Map(),
): Pick<SyncObserved, 'revision' | 'unread' | 'folders'> {
  const snapshot = snapshotOf(target.commit);
  const applied = sync.status?.folders ?? [];
  const documentsAt = (commit: string, path: string) => {
    const last = snapshotOf(commit);
    return last === undefined || isFailure(last) ? [] : documentsIn(read(last), path);
  };
  if (snapshot === undefined) {
    const folders = applied.map(({ path, commit }) => ({ path, commit, documents: documentsAt(commit, path) }));
    return { revision: undefined, unread: [target.commit], folders };
  }
  const revision = isFailure(snapshot) ? snapshot : read(snapshot);
  const paths = isFailure(revision) ? applied.map(({ path }) => path) : revision.folders.map(({ path }) => path);
  const unread = new Set<string>();
  const folders = paths.map((path): FolderObserved => {
    const before = applied.find((folder) => folder.path === path)?.commit;
    const folder = isFailure(revision) ? undefined : revision.folders.find((each) => each.path === path);
    const trouble = isFailure(revision)
      ? revision.message
      : (refused.get(path) ?? troubleIn(folder, before !== undefined));
    if (trouble === undefined) return { path, commit: target.commit, documents: folder?.documents ?? [] };
    const isOlder = before !== undefined && before !== target.commit;
    if (isOlder && snapshotOf(before) === undefined) unread.add(before);
    return { path, commit: before, documents: isOlder ? documentsAt(before, path) : [], trouble };
  });
  return { revision, unread: [...unread], folders };
}

const documentsIn = ({ folders }: LoadedRevision, path: string) =>
  folders.find((folder) => folder.path === path && folder.problems.length === 0)?.documents ?? [];

function troubleIn(folder: LoadedFolder | undefined, wasApplied: boolean): string | undefined {
  if (!folder) return 'the folder is not there';
  if (folder.problems.length > 0) return problemsText(folder.problems.map(formatProblem))[0];
  if (folder.documents.length === 0 && wasApplied)
    return `${folder.path === '' ? 'the repository' : `folder ${folder.path}`} holds no documents any more: nothing is deleted for that`;
  return undefined;
}

/** What admission has against documents, by the folder that they are in. */
export function refusedFolders(folders: readonly FolderObserved[], problems: readonly Problem[]): Map<string, string> {
  const told = folders.flatMap(({ path, documents, trouble }): [string, string][] => {
    if (trouble !== undefined) return [];
    const files = new Set(documents.map(({ file }) => file));
    const [text] = problemsText(problems.filter(({ file }) => files.has(file)).map(formatProblem));
    return text === undefined ? [] : [[path, text]];
  });
  return new Map(told);
}
