import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Git, GitSource, Snapshot } from '../../../../src/drivers/git/git.ts';
import { openRealGit } from '../../../../src/drivers/git/real-git.ts';
import { testRepository, type TestRepository } from '../../../support/git.ts';

/** For each test of a file: a repository, and a driver with a folder of its own. */
export interface GitFixture {
  folder: string;
  repository: TestRepository;
  git: Git;
  signal: AbortSignal;
  /** The repository's branch main, by its file url. */
  source: (more?: Partial<GitSource>) => GitSource;
  sync: (source: GitSource, by?: Git, until?: AbortSignal) => Promise<Snapshot>;
}

export function gitFixture(): GitFixture {
  const fixture = {
    signal: new AbortController().signal,
    source: (more = {}) => ({ url: fixture.repository.url, ref: { branch: 'main' }, ...more }),
    sync: async (source, by = fixture.git, until = fixture.signal) => {
      const { sha } = await by.resolve(source, until);
      return by.read(source, sha, until);
    },
  } as GitFixture;
  beforeEach(async () => {
    fixture.folder = await mkdtemp(join(tmpdir(), 'miniaws-git-'));
    fixture.repository = testRepository();
    fixture.git = await openRealGit({ folder: fixture.folder });
  });
  afterEach(async () => {
    fixture.repository.remove();
    await rm(fixture.folder, { recursive: true, force: true });
  });
  return fixture;
}
