import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines } from '../../base/output.ts';
import type { GitCommand } from './command.ts';
import { MIB, type Commit } from './git.ts';
import { ProcessFailed } from './process.ts';
import { entriesOf, type TreeEntry } from './selected-tree.ts';

/** The cache cannot be read as it should be: it is made anew. */
export class CacheBroken extends Error {
  override readonly name = 'CacheBroken';
}

const LISTING_BYTES = 32 * MIB;
const LONGEST_SUBJECT = 200;
const FIELDS = ['%an', '%ae', '%ct', '%s'].join('%x00');

/**
 * Reads of the bare repository of a call. Nothing is fetched: that the repository is a part of another one is told to
 * git by `fetch` alone, so what is missing is missing here.
 */
export class Repository {
  readonly path: string;
  readonly #git: GitCommand;

  constructor(path: string, git: GitCommand) {
    this.path = path;
    this.#git = git;
  }

  has(sha: string): Promise<boolean> {
    return this.#holds(['cat-file', '-e', `${sha}^{commit}`]);
  }

  /** As far as the history is here. */
  isAncestor(sha: string, of: string): Promise<boolean> {
    return this.#holds(['merge-base', '--is-ancestor', sha, of]);
  }

  /** Whether there is more of its history than is here. */
  async isCutOff(sha: string): Promise<boolean> {
    const roots = (await this.#read(['rev-list', '--max-parents=0', sha])).toString('utf8').trim().split('\n');
    const cut = await readFile(join(this.path, 'shallow'), 'utf8').catch(() => '');
    return roots.some((root) => cut.includes(root));
  }

  async commit(sha: string): Promise<Commit> {
    const text = await this.#read(['log', '-1', '--no-show-signature', '--no-notes', `--format=${FIELDS}`, sha]);
    const [author = '', email = '', seconds = '', subject = ''] = text.toString('utf8').trimEnd().split('\0');
    return {
      sha,
      author: line(author),
      email: line(email),
      subject: line(subject),
      committedAt: new Date(Number(seconds) * 1000),
    };
  }

  /** Everything below a folder, with the folders that lead there. */
  async tree(sha: string, folder: string): Promise<TreeEntry[]> {
    const paths = folder === '' ? [] : ['--', folder];
    return entriesOf(await this.#read(['ls-tree', '-r', '-t', '-z', '--full-tree', sha, ...paths]));
  }

  /** Single entries, by their paths; of folders themselves, not what is in them. */
  async entries(sha: string, paths: readonly string[]): Promise<TreeEntry[]> {
    return entriesOf(await this.#read(['ls-tree', '-z', '--full-tree', sha, '--', ...paths]));
  }

  /** Bytes of the objects that are here. */
  async sizes(oids: readonly string[]): Promise<Map<string, number>> {
    const text = await this.#read(['cat-file', '--batch-check=%(objectname) %(objectsize)', '--buffer'], oids);
    const sizes = new Map<string, number>();
    for (const answer of text.toString('utf8').split('\n')) {
      const [oid = '', size = ''] = answer.split(' ');
      if (size !== 'missing' && size !== '') sizes.set(oid, Number(size));
    }
    return sizes;
  }

  async contents(oids: readonly string[]): Promise<Map<string, Buffer>> {
    const answer = await this.#read(['cat-file', '--batch=%(objectname) %(objectsize)', '--buffer'], oids);
    const contents = new Map<string, Buffer>();
    for (let at = 0; at < answer.length;) {
      const end = answer.indexOf('\n', at);
      const [oid = '', size = ''] = answer.toString('utf8', at, end).split(' ');
      const length = Number(size);
      if (end < 0 || !Number.isInteger(length)) throw new CacheBroken(`git cat-file says: ${line(oid)} ${line(size)}`);
      // A copy: a file that is kept for long is not to keep all that was read with it.
      contents.set(oid, Buffer.from(answer.subarray(end + 1, end + 1 + length)));
      at = end + 1 + length + 1;
    }
    return contents;
  }

  async #holds(args: readonly string[]): Promise<boolean> {
    try {
      await this.#git.run([`--git-dir=${this.path}`, ...args]);
      return true;
    } catch (error) {
      if (error instanceof ProcessFailed) return false;
      throw error;
    }
  }

  async #read(args: readonly string[], lines: readonly string[] = []): Promise<Buffer> {
    try {
      return await this.#git.run([`--git-dir=${this.path}`, ...args], {
        input: lines.map((each) => `${each}\n`).join(''),
        output: {
          bytes: LISTING_BYTES,
          tooLarge: `${this.#git.remote.url}: the listing is longer than ${LISTING_BYTES / MIB} MiB: name a smaller folder in path`,
        },
      });
    } catch (error) {
      if (error instanceof ProcessFailed) throw new CacheBroken(lastLines(error.stderr, 2, 200).join(' | '));
      throw error;
    }
  }
}

const line = (text: string): string => lastLines(text, 1, LONGEST_SUBJECT)[0] ?? '';
