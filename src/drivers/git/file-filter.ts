import { DEFAULT_INCLUDE } from './git.ts';
import type { FileFilter } from './git.ts';

/**
 * What is usual in repositories and is no document of ours. A name without a wildcard in `include`
 * brings a file back, a path without one also what is in a folder of the list.
 */
const DEFAULT_EXCLUDE = [
  '.*',
  'node_modules/',
  'vendor/',
  'package.json',
  'package-lock.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'tsconfig*.json',
  'composer.json',
  'renovate.json',
  'compose*.yaml',
  'compose*.yml',
  'docker-compose*.yaml',
  'docker-compose*.yml',
  'kustomization.yaml',
  'kustomization.yml',
  'Chart.yaml',
  'mkdocs.yml',
  'openapi.yaml',
  'openapi.json',
];

interface Pattern {
  segments: readonly string[];
  folder: boolean;
  literal: boolean;
}

/** Which files of a tree are read. Paths are from the root, with slashes. */
export interface Selection {
  takes(path: string): boolean;
  /** Whether nothing is read of a folder, or of a submodule in its place. */
  skips(folder: string): boolean;
}

/** `depth` is the number of segments of the source's `path`: what a person has named is not left out by default. */
export function selectionOf(filter: FileFilter = {}, depth = 0): Selection {
  const include = (filter.include ?? DEFAULT_INCLUDE).map(patternOf);
  const exclude = (filter.exclude ?? []).map(patternOf);
  const foreign = DEFAULT_EXCLUDE.map(patternOf);
  const literal = include.filter((pattern) => pattern.literal);
  const paths = literal.filter(({ segments }) => segments[0] !== '**');
  const skips = (path: readonly string[], isFolder: boolean) => {
    if (exclude.some((pattern) => covers(pattern, path, isFolder))) return true;
    if (paths.some((pattern) => covers(pattern, path, isFolder) || (isFolder && leadsTo(pattern, path)))) return false;
    const below = path.slice(depth);
    if (foreign.some((pattern) => covers(pattern, isFolder ? below : below.slice(0, -1), true))) return true;
    if (isFolder || literal.some((pattern) => covers(pattern, path, false))) return false;
    return foreign.some((pattern) => covers(pattern, below, false));
  };
  return {
    takes(path) {
      const segments = path.split('/');
      return include.some((pattern) => covers(pattern, segments, false)) && !skips(segments, false);
    },
    skips: (folder) => skips(folder.split('/'), true),
  };
}

function patternOf(text: string): Pattern {
  const folder = text.endsWith('/');
  const body = text.replace(/^\//, '').replace(/\/$/, '');
  const anywhere = !body.includes('/') && !text.startsWith('/');
  const segments = body.split('/').filter((segment) => segment !== '');
  return { segments: anywhere ? ['**', ...segments] : segments, folder, literal: !/[*?]/.test(body) };
}

/** Whether the pattern matches the path, or a folder that the path is in. */
function covers({ segments, folder }: Pattern, path: readonly string[], isFolder: boolean): boolean {
  for (let length = path.length; length > 0; length--) {
    if (folder && length === path.length && !isFolder) continue;
    if (matchesPath(segments, path.slice(0, length))) return true;
  }
  return false;
}

/** Whether what a literal pattern names may be inside the folder. */
const leadsTo = ({ segments }: Pattern, folder: readonly string[]): boolean =>
  segments.length > folder.length && folder.every((segment, i) => segments[i] === segment);

/**
 * Segment by segment; `**` is any number of them. The table has a cell for each pair, so that no pattern takes longer
 * than the product of the lengths.
 */
export function matchesPath(pattern: readonly string[], path: readonly string[]): boolean {
  let reached = [true, ...path.map(() => false)];
  for (const segment of pattern) {
    const next = reached.map(() => false);
    for (let i = 0; i <= path.length; i++) {
      if (segment === '**') next[i] = Boolean(reached[i]) || (i > 0 && Boolean(next[i - 1]));
      else if (i > 0) next[i] = Boolean(reached[i - 1]) && matchesSegment(segment, path[i - 1] ?? '');
    }
    reached = next;
  }
  return Boolean(reached[path.length]);
}

/** `*` is any number of characters, `?` is one. It goes back to the last star only, so it takes no longer than the product. */
export function matchesSegment(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
