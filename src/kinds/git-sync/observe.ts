import { formatProblem } from '../../admission/load.ts';
import type { Problem } from '../../admission/load.ts';
import type { View } from '../../api/kind.ts';
import type { KindRegistry } from '../../api/registry.ts';
import { canonicalJson } from '../../base/hash.ts';
import type { Snapshot } from '../../drivers/git/git.ts';
import type { SyncFile } from './decrypt/findings.ts';
import { problemsText } from './plan.ts';
import type { FolderObserved, SyncObserved } from './plan.ts';
import { isFailure } from './repositories.ts';
import type { FetchFailure } from './repositories.ts';
import { readFile, readRevision } from './revision.ts';
import type { LoadedFile, LoadedFolder, LoadedRevision, ReadOptions } from './revision.ts';
import { textsIn } from './texts.ts';
import type { GitSync, Target } from './types.ts';

/**
 * Reads the files of a snapshot once, for as long as what they are filled with is the same. A file that is in the next
 * snapshot, too, is not read again: its documents are the very same objects.
 */
export class RevisionReader {
  readonly #kinds: KindRegistry;
  readonly #revisions = new WeakMap<Snapshot, { with: string; revision: LoadedRevision }>();
  readonly #files = new WeakMap<SyncFile, { with: string; loaded: LoadedFile }>();

  constructor(kinds: KindRegistry) {
    this.#kinds = kinds;
  }

  async read(sync: GitSync, snapshot: Snapshot, view: View): Promise<LoadedRevision> {
    const options = this.#optionsOf(sync, view);
    const text = textOf(options);
    const known = this.#revisions.get(snapshot);
    if (known?.with === text) return known.revision;
    const revision = await readRevision(snapshot, this.#kinds, (file) => this.#fileOf(file, text, options));
    this.#revisions.set(snapshot, { with: text, revision });
    return revision;
  }

  /** What decides what becomes of a commit's files, as text; it holds secrets. */
  filledWith(sync: GitSync, view: View): string {
    const { path, include, exclude, ignore, force } = sync.spec;
    return canonicalJson([textOf(this.#optionsOf(sync, view)), { path, include, exclude, ignore, force }]);
  }

  #fileOf(file: SyncFile, text: string, options: ReadOptions): LoadedFile {
    const known = this.#files.get(file);
    if (known?.with === text) return known.loaded;
    const loaded = readFile(file, options);
    this.#files.set(file, { with: text, loaded });
    return loaded;
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

const textOf = ({ kinds: _, ...rest }: ReadOptions): string => canonicalJson(rest);

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
export async function observeFolders(
  sync: GitSync,
  target: Target,
  snapshotOf: (commit: string) => Snapshot | FetchFailure | undefined,
  read: (snapshot: Snapshot) => Promise<LoadedRevision>,
  refused: ReadonlyMap<string, string> = new Map(),
): Promise<Pick<SyncObserved, 'revision' | 'unread' | 'folders'>> {
  const snapshot = snapshotOf(target.commit);
  const applied = sync.status?.folders ?? [];
  const documentsAt = async (commit: string, path: string) => {
    const last = snapshotOf(commit);
    return last === undefined || isFailure(last) ? [] : documentsIn(await read(last), path);
  };
  if (snapshot === undefined) {
    const folders: FolderObserved[] = [];
    for (const { path, commit } of applied) folders.push({ path, commit, documents: await documentsAt(commit, path) });
    return { revision: undefined, unread: [target.commit], folders };
  }
  const revision = isFailure(snapshot) ? snapshot : await read(snapshot);
  const paths = isFailure(revision) ? applied.map(({ path }) => path) : revision.folders.map(({ path }) => path);
  const unread = new Set<string>();
  const folderOf = async (path: string): Promise<FolderObserved> => {
    const before = applied.find((folder) => folder.path === path)?.commit;
    const folder = isFailure(revision) ? undefined : revision.folders.find((each) => each.path === path);
    const trouble = isFailure(revision)
      ? revision.message
      : (refused.get(path) ?? troubleIn(folder, before !== undefined));
    if (trouble === undefined) return { path, commit: target.commit, documents: folder?.documents ?? [] };
    const isOlder = before !== undefined && before !== target.commit;
    if (isOlder && snapshotOf(before) === undefined) unread.add(before);
    return { path, commit: before, documents: isOlder ? await documentsAt(before, path) : [], trouble };
  };
  const folders: FolderObserved[] = [];
  for (const path of paths) folders.push(await folderOf(path));
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
