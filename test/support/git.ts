import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Snapshot } from '../../src/drivers/git/git.ts';

/** Nothing of the machine's or the user's configuration. */
const ENV = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};

/** A repository with a working tree, made by the real git. Its servers send single objects, unless told otherwise. */
export interface TestRepository {
  path: string;
  /** `file://` and the path. */
  url: string;
  git: (...args: string[]) => string;
  /** Writes the files, removes those that are `undefined`, and commits everything. Answers the commit's id. */
  commit: (files: Record<string, string | Buffer | undefined>, message?: string, ...options: string[]) => string;
  remove: () => void;
}

export function testRepository(env: NodeJS.ProcessEnv = {}): TestRepository {
  const path = mkdtempSync(join(tmpdir(), 'miniaws-repository-'));
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: path, env: { ...ENV, ...env }, encoding: 'utf8', stdio: 'pipe' }).trim();
  git('init', '--quiet', '--initial-branch=main');
  git('config', 'uploadpack.allowFilter', 'true');
  return {
    path,
    url: `file://${path}`,
    git,
    commit(files, message = 'a change', ...options) {
      for (const [name, content] of Object.entries(files)) {
        rmSync(join(path, name), { force: true, recursive: true });
        if (content === undefined) continue;
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), content);
      }
      git('add', '--all');
      git('commit', '--quiet', '--allow-empty', '-m', message, ...options);
      return git('rev-parse', 'HEAD');
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** The files of a snapshot, by their paths. */
export const textsOf = ({ folders }: Snapshot): Record<string, string> =>
  Object.fromEntries(folders.flatMap(({ files }) => files.map(({ path, content }) => [path, String(content)])));
