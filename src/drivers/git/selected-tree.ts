import { posix } from 'node:path';
import { grouped } from '../../base/grouped.ts';
import { matchesPath, type Selection } from './file-filter.ts';
import { GitError, type GitFile, type GitFolder, type GitLimits } from './git.ts';

/** An entry of a tree, as git names its modes. */
export interface TreeEntry {
  mode: string;
  oid: string;
  path: string;
}

const FOLDER = '040000';
const LINK = '120000';
const SUBMODULE = '160000';

/** The `path` of a source, by its segments: a folder, or a pattern of folders. */
export interface FolderPattern {
  segments: readonly string[];
  /** The folder that holds all that match, by its name. */
  base: string;
}

export function folderPatternOf(path = ''): FolderPattern {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..')) throw new GitError('Refused', `path "${path}" leaves the repository: leave ".." out`);
  if (segments.includes('**'))
    throw new GitError('Refused', `path "${path}": "*" stands for one folder, "**" for nothing`);
  const wild = segments.findIndex((segment) => /[*?]/.test(segment));
  return { segments, base: (wild < 0 ? segments : segments.slice(0, wild)).join('/') };
}

/** What of a tree is to be read. */
export interface SelectedTree {
  folders: readonly string[];
  files: readonly { folder: string; path: string; oid: string; link: boolean }[];
}

/** What `ls-tree -z` writes. */
export function entriesOf(listing: Buffer): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (const line of listing.toString('utf8').split('\0')) {
    const tab = line.indexOf('\t');
    const [mode = '', , oid = ''] = line.slice(0, tab).split(' ');
    if (tab > 0) entries.push({ mode, oid, path: line.slice(tab + 1) });
  }
  return entries;
}

/** The folders that match, and their files that the selection takes. Submodules among them are refused. */
export function selectFrom(
  entries: readonly TreeEntry[],
  pattern: FolderPattern,
  selection: Selection,
  limits: GitLimits,
  where: string,
): SelectedTree {
  const depth = pattern.segments.length;
  const folders = new Set<string>(depth === 0 ? [''] : []);
  const files: { folder: string; path: string; oid: string; link: boolean }[] = [];
  for (const { mode, path } of entries) {
    if (mode !== FOLDER || depth === 0) continue;
    const segments = path.split('/');
    if (segments.length === depth && matchesPath(pattern.segments, segments)) folders.add(path);
  }
  for (const { mode, oid, path } of entries) {
    const folder = path.split('/').slice(0, depth).join('/');
    if (!folders.has(folder)) continue;
    if (mode === SUBMODULE && !selection.skips(path))
      throw new GitError(
        'Refused',
        `${where}: ${path} is a submodule, and submodules are not read: exclude it, or put its files into the repository`,
      );
    if (mode === FOLDER || mode === SUBMODULE || !selection.takes(path)) continue;
    files.push({ folder, path, oid, link: mode === LINK });
  }
  if (folders.size === 0) throw pathNotFound(pattern, entries, where);
  if (files.length > limits.files)
    throw new GitError(
      'TooLarge',
      `${where}: ${files.length} files are selected, more than ${limits.files}: name a folder in path, or exclude some`,
    );
  return { folders: [...folders].sort(), files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** Files by their folders, which are in the order of both. */
export function foldersOf(
  folders: readonly string[],
  files: readonly { folder: string; file: GitFile }[],
): GitFolder[] {
  const byFolder = grouped(files, ({ folder }) => folder);
  return folders.map((path) => ({ path, files: (byFolder.get(path) ?? []).map(({ file }) => file) }));
}

function pathNotFound(pattern: FolderPattern, entries: readonly TreeEntry[], where: string): GitError {
  const path = pattern.segments.join('/');
  const isFile = entries.some((entry) => entry.path === path && entry.mode !== FOLDER);
  return new GitError(
    'PathNotFound',
    isFile
      ? `${where}: ${path} is no folder: name the folder that it is in`
      : `${where} has no folder ${path}: correct path, or push the folder`,
  );
}

/** Where a link in the tree leads, from the root. One that leaves the tree is refused. */
export function linkTarget(path: string, target: string, where: string): string {
  const to = posix.normalize(posix.join(posix.dirname(path), target));
  if (posix.isAbsolute(target) || to === '..' || to.startsWith('../'))
    throw new GitError('Refused', `${where}: the link ${path} leaves the tree: put the file there instead`);
  return to;
}

/** What a link leads to must be a file: a folder would bring unselected files in, a link could lead round in a circle. */
export function linkedFile(
  path: string,
  target: string,
  entries: ReadonlyMap<string, TreeEntry>,
  where: string,
): string {
  const entry = entries.get(target);
  if (entry && ![FOLDER, LINK, SUBMODULE].includes(entry.mode)) return entry.oid;
  throw new GitError('Refused', `${where}: the link ${path} leads to no file of the repository (${target})`);
}
