import { compareBuild, parse, Range, type SemVer } from 'semver';
import { GitError, type GitRef, type Revision } from './git.ts';

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const LONGEST_NAME = 250;
/** git-check-ref-format(1): what no ref's name has in it. The first class is control characters and space. */
const NOT_IN_NAMES = /[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)/;

/** What `ls-remote` is to be asked for a ref. */
export interface RefQuestion {
  /** Options and patterns, in the order in which they go around the url. */
  options: readonly string[];
  patterns: readonly string[];
}

export function questionOf(ref: GitRef): RefQuestion {
  if ('head' in ref) return { options: ['--symref'], patterns: ['HEAD'] };
  if ('branch' in ref) return { options: ['--heads'], patterns: [nameOf('refs/heads/', ref.branch)] };
  if ('tag' in ref) {
    const name = nameOf('refs/tags/', ref.tag);
    return { options: ['--tags'], patterns: [name, `${name}^{}`] };
  }
  if ('semver' in ref) {
    rangeOf(ref.semver);
    return { options: ['--tags'], patterns: [] };
  }
  if (!COMMIT.test(ref.commit))
    throw new GitError('Refused', `commit "${shown(ref.commit)}" is not a full id: write all of its 40 hex digits`);
  return { options: [], patterns: ['HEAD'] };
}

/** What the ref names, from the answer to its question: lines of an id, a tab and a name. */
export function revisionOf(ref: GitRef, answer: string, where: string): Revision {
  if ('commit' in ref) return { sha: ref.commit, ref: ref.commit };
  if ('head' in ref) return headOf(answer, where);
  const refs = refsOf(answer);
  if ('semver' in ref) return highestTag(ref.semver, refs, where);
  const name = 'branch' in ref ? `refs/heads/${ref.branch}` : `refs/tags/${ref.tag}`;
  const sha = refs.get(name);
  if (sha !== undefined) return { sha, ref: name };
  const what = 'branch' in ref ? `branch "${ref.branch}"` : `tag "${ref.tag}"`;
  throw new GitError('RefNotFound', `${where} has no ${what}: push it, or name another one`);
}

/** `ref: refs/heads/main`, a tab and `HEAD` goes before the line with its id; a detached one has no such line. */
function headOf(answer: string, where: string): Revision {
  const sha = refsOf(answer).get('HEAD');
  if (sha === undefined) throw new GitError('RefNotFound', `${where} has no commit yet: push one`);
  const line = answer.split('\n').find((each) => each.startsWith('ref: ') && each.endsWith('\tHEAD'));
  return { sha, ref: line?.slice('ref: '.length, -'\tHEAD'.length) ?? 'HEAD' };
}

/** Ids by names. Of an annotated tag it is the commit, which follows the tag as `NAME^{}`. */
function refsOf(answer: string): Map<string, string> {
  const refs = new Map<string, string>();
  for (const line of answer.split('\n')) {
    const [sha = '', name = ''] = line.split('\t');
    if (COMMIT.test(sha) && name) refs.set(name.replace(/\^\{\}$/, ''), sha);
  }
  return refs;
}

function highestTag(text: string, refs: ReadonlyMap<string, string>, where: string): Revision {
  const range = rangeOf(text);
  let best: { version: SemVer; ref: string; sha: string } | undefined;
  for (const [ref, sha] of refs) {
    const version = parse(ref.slice('refs/tags/'.length));
    if (!version || !range.test(version)) continue;
    const order = best ? compareBuild(version, best.version) : 1;
    // `v1.0.0` and `1.0.0` are one version: the name decides, so that the answer is always the same.
    if (!best || order > 0 || (order === 0 && ref > best.ref)) best = { version, ref, sha };
  }
  if (best) return { sha: best.sha, ref: best.ref };
  throw new GitError(
    'RefNotFound',
    `${where} has no tag in the range "${text}": tags are looked for as 1.2.3 or v1.2.3`,
  );
}

function rangeOf(text: string): Range {
  try {
    return new Range(text);
  } catch (error) {
    throw new GitError('Refused', `semver "${shown(text)}" is no range: write one such as ">=1.2.0 <2.0.0"`, error);
  }
}

function nameOf(prefix: string, name: string): string {
  const wrong =
    name === '' || name.length > LONGEST_NAME || /^[-./]|[./]$/.test(name) || name === '@' || NOT_IN_NAMES.test(name);
  if (wrong) throw new GitError('Refused', `"${shown(name)}" is no name of a branch or tag (git check-ref-format)`);
  return `${prefix}${name}`;
}

/** What to fetch by name from a server that gives no commit by its id. */
export function refspecsOf(ref: GitRef): readonly string[] {
  if ('branch' in ref) return [`+refs/heads/${ref.branch}:refs/tips/heads/${ref.branch}`];
  if ('tag' in ref) return [`+refs/tags/${ref.tag}:refs/tips/tags/${ref.tag}`];
  if ('head' in ref) return ['+HEAD:refs/tips/HEAD'];
  const tags = '+refs/tags/*:refs/tips/tags/*';
  return 'semver' in ref ? [tags] : ['+refs/heads/*:refs/tips/heads/*', tags];
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 100)).slice(1, -1);
