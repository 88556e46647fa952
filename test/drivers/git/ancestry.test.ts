import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { textsOf } from '../../support/git.ts';
import { gitFixture } from './support/fixture.ts';

const at = gitFixture();
const commit = (text: string) => at.repository.commit({ 'a.yaml': `${text}\n` }, text);
const descends = (sha: string, from: string) => at.git.descends(at.source(), sha, from, at.signal);
/** Without a working tree: many at once. */
const commits = (count: number) => {
  for (let i = 0; i < count; i++) at.repository.git('commit', '--quiet', '--allow-empty', '-m', `${i}`);
  return at.repository.git('rev-parse', 'HEAD');
};
const cacheBytes = () => {
  const folder = join(at.folder, 'repositories');
  return readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, String(name))))
    .reduce((sum, found) => sum + (found.isFile() ? found.size : 0), 0);
};

describe('whether a commit goes on from another', () => {
  it('is told of one that was pushed after it, and of one that was put in its place', async () => {
    commit('first');
    const second = commit('second');
    await at.sync(at.source());
    const third = commit('third');
    await at.sync(at.source());
    expect(await descends(third, second)).toBe(true);
    expect(await descends(second, third)).toBe(false);
    at.repository.git('reset', '--quiet', '--hard', second);
    const instead = commit('instead of the third');
    await at.sync(at.source());
    expect(await descends(instead, third)).toBe(false);
    expect(await descends(instead, second)).toBe(true);
  });

  it('is told by a cache that holds nothing of the other one, and fetches commits alone', async () => {
    const first = at.repository.commit({ 'a.yaml': 'a\n', 'big.bin': Buffer.alloc(1_000_000, 'noise ') });
    const last = commits(40);
    await at.sync(at.source());
    const before = cacheBytes();
    expect(await descends(last, first)).toBe(true);
    expect(cacheBytes() - before).toBeLessThan(40_000);
    expect(await descends(last, '0'.repeat(40))).toBe(false);
  });

  it('of a server that sends no commits alone, is told as well, while they are not too large', async () => {
    const first = commit('first');
    const last = commits(40);
    at.repository.git('config', 'uploadpack.allowFilter', 'false');
    await at.sync(at.source());
    expect(await descends(last, first)).toBe(true);
  });

  it('of one that is too large to be told of, nobody knows', async () => {
    const first = at.repository.commit({ 'a.yaml': 'a\n', 'big.bin': randomBytes(1_000_000) });
    at.repository.commit({ 'big.bin': undefined });
    const last = commits(40);
    at.repository.git('config', 'uploadpack.allowFilter', 'false');
    const git = await openRealGit({ folder: at.folder, limits: { repositoryBytes: 200_000 } });
    await at.sync(at.source(), git);
    expect(await git.descends(at.source(), last, first, at.signal)).toBeUndefined();
    expect(textsOf(await at.sync(at.source(), git))).toEqual({ 'a.yaml': 'a\n' });
  });
});
