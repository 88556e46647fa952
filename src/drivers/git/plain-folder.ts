import { lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import { isWithin } from '../../base/host-paths.ts';
import { matchesPath, selectionOf, type Selection } from './file-filter.ts';
import { FileBudget } from './file-budget.ts';
import { GitError, type GitFile, type GitLimits, type GitSource, type Snapshot } from './git.ts';
import { KnownFiles } from './known-files.ts';
import { folderPatternOf, foldersOf, selectFrom, type FolderPattern, type TreeEntry } from './selected-tree.ts';

/** Entries that are looked at. A folder that holds more is none that documents are kept in. */
const MOST_ENTRIES = 100_000;

/** Whether a file url's path is a folder without a repository in it. */
export async function isPlainFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) return false;
  const has = async (name: string) => (await lstat(join(path, name)).catch(() => undefined)) !== undefined;
  const isBare = (await has('HEAD')) && (await has('objects')) && (await has('refs'));
  return !isBare && !(await has('.git'));
}

/** The files as they are now, with a revision made of their paths and contents. */
export async function readFolder(
  root: string,
  source: GitSource,
  limits: GitLimits,
  signal: AbortSignal,
  known?: Snapshot,
): Promise<Snapshot> {
  const pattern = folderPatternOf(source.path);
  const selection = selectionOf(source.filter, pattern.segments.length);
  const entries = await walk(root, pattern, selection, signal);
  const selected = selectFrom(entries, pattern, selection, limits, root);
  const budget = new FileBudget(limits, root);
  const knownFiles = new KnownFiles(known);
  const files: { folder: string; file: GitFile }[] = [];
  let newest = 0;
  for (const { folder, path, link } of selected.files) {
    signal.throwIfAborted();
    const read = await readIfThere(root, path, link, budget);
    if (!read) continue;
    newest = Math.max(newest, read.mtimeMs);
    files.push({ folder, file: knownFiles.file({ path, id: sha256(read.content), content: read.content }) });
  }
  const digest = sha256(canonicalJson([selected.folders, files.map(({ file }) => [file.path, file.id])]));
  return {
    commit: { sha: `folder@${digest}`, author: '', email: '', subject: root, committedAt: new Date(newest) },
    folders: foldersOf(selected.folders, files),
  };
}

/** What a walk finds, as entries of a tree, without what the selection skips and without what no pattern leads to. */
export async function walk(
  root: string,
  pattern: FolderPattern,
  selection: Selection,
  signal: AbortSignal,
): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const folders = [''];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    signal.throwIfAborted();
    const depth = folder === '' ? 0 : folder.split('/').length;
    for (const entry of await entriesIn(root, folder)) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const above = pattern.segments.slice(0, depth + 1);
      if (depth < pattern.segments.length && !matchesPath(above, path.split('/'))) continue;
      const mode = modeOf(entry);
      if (mode === undefined || (mode === '040000' && depth >= pattern.segments.length && selection.skips(path)))
        continue;
      entries.push({ mode, oid: '', path });
      if (mode === '040000') folders.push(path);
      if (entries.length > MOST_ENTRIES)
        throw new GitError('TooLarge', `${root} holds more than ${MOST_ENTRIES} files: name a smaller folder in path`);
    }
  }
  return entries;
}

/** Sockets, pipes and devices are nothing that could be read to its end. */
function modeOf(entry: { isDirectory(): boolean; isFile(): boolean; isSymbolicLink(): boolean }): string | undefined {
  if (entry.isDirectory()) return '040000';
  if (entry.isSymbolicLink()) return '120000';
  return entry.isFile() ? '100644' : undefined;
}

async function entriesIn(root: string, folder: string) {
  try {
    return await readdir(join(root, folder), { withFileTypes: true });
  } catch (error) {
    // Gone while we looked: the next look sees what has become of it.
    if (codeOf(error) === 'ENOENT' && folder !== '') return [];
    throw unreadable(join(root, folder), error);
  }
}

/** `undefined`: gone since the walk. */
async function readIfThere(
  root: string,
  path: string,
  link: boolean,
  budget: FileBudget,
): Promise<{ content: Buffer; mtimeMs: number } | undefined> {
  const at = join(root, path);
  try {
    const real = link ? await realpath(at) : at;
    if (link && !isWithin(real, await realpath(root)))
      throw new GitError(
        'Refused',
        `the link ${at} leaves the folder (${await readlink(at)}): put the file there instead`,
      );
    const found = await lstat(real);
    if (!found.isFile())
      throw new GitError('Refused', `the link ${at} leads to no file (${real}): put the file there instead`);
    budget.add(path, found.size);
    return { content: await readFile(real), mtimeMs: found.mtimeMs };
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !link) return undefined;
    if (error instanceof GitError) throw error;
    throw unreadable(at, error);
  }
}

function unreadable(path: string, error: unknown): GitError {
  const code = codeOf(error) ?? '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return new GitError('PathNotFound', `${path} is not there`, error);
  return new GitError('Refused', `${path} cannot be read (${code}): let the daemon's user read it`, error);
}
