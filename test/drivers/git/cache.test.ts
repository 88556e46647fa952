import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { testRepository, textsOf } from '../../support/git.ts';
import { gitFixture } from './support/fixture.ts';

const at = gitFixture();

const caches = (): string[] =>
  readdirSync(join(at.folder, 'repositories')).map((name) => join(at.folder, 'repositories', name));
const packs = (): string[] =>
  caches().flatMap((cache) => {
    const folder = join(cache, 'objects', 'pack');
    return readdirSync(folder).map((name) => join(folder, name));
  });

describe('the cache', () => {
  it('is private, holds no file that is not read, and gets of a new commit what has changed', async () => {
    const noise = randomBytes(1_000_000);
    at.repository.commit({ 'a.yaml': 'a\n', 'big.bin': noise });
    await at.sync(at.source());
    const [cache = ''] = caches();
    expect(statSync(cache).mode & 0o777).toBe(0o700);
    expect(packs().reduce((sum, path) => sum + statSync(path).size, 0)).toBeLessThan(20_000);
    at.repository.commit({ 'a.yaml': 'b\n' });
    expect(textsOf(await at.sync(at.source()))).toEqual({ 'a.yaml': 'b\n' });
    expect(readdirSync(join(at.folder, 'calls'))).toEqual([]);
  });

  it('is not asked for what the caller has: a file that is as before is the very same object', async () => {
    at.repository.commit({ 'a.yaml': 'a\n', 'b.yaml': 'b\n', 'gone.yaml': 'gone\n' });
    const first = await at.sync(at.source());
    const sha = at.repository.commit({ 'b.yaml': 'c\n', 'gone.yaml': undefined, 'moved.yaml': 'gone\n' });
    const second = await at.git.read(at.source(), sha, at.signal, first);
    expect(textsOf(second)).toEqual({ 'a.yaml': 'a\n', 'b.yaml': 'c\n', 'moved.yaml': 'gone\n' });
    expect(second.folders[0]?.files[0]).toBe(first.folders[0]?.files[0]);
    const third = await at.git.read(at.source(), sha, at.signal, second);
    expect(third.folders).toEqual(second.folders);
    third.folders[0]?.files.forEach((file, i) => expect(file).toBe(second.folders[0]?.files[i]));
  });

  it('that is broken is made anew', async () => {
    at.repository.commit({ 'a.yaml': 'a\n' });
    const breakages = [
      () =>
        packs()
          .filter((path) => path.endsWith('.pack'))
          .forEach((path) => truncateSync(path, 40)),
      () =>
        packs()
          .filter((path) => path.endsWith('.idx'))
          .forEach((path) => rmSync(path)),
      () => writeFileSync(join(caches()[0]!, 'config'), '[core\n'),
      () => rmSync(join(caches()[0]!, 'HEAD')),
      () => packs().forEach((path) => rmSync(path)),
    ];
    for (const damage of breakages) {
      await at.sync(at.source());
      damage();
      expect(textsOf(await at.sync(at.source()))).toEqual({ 'a.yaml': 'a\n' });
    }
    // Locks that a killed git has left.
    for (const name of ['shallow.lock', 'packed-refs.lock', 'config.lock']) writeFileSync(join(caches()[0]!, name), '');
    at.repository.commit({ 'a.yaml': 'b\n' });
    expect(textsOf(await at.sync(at.source()))).toEqual({ 'a.yaml': 'b\n' });
  });

  it('is made anew before it has collected too many commits', async () => {
    const commits = [1, 2].map((i) => at.repository.commit({ 'a.yaml': `${i}\n` }));
    const read = (commit: string) => at.git.read(at.source({ ref: { commit } }), commit, at.signal);
    await read(commits[0]!);
    // Git takes no notice of a pack that has no index.
    const [cache = ''] = caches();
    for (let i = 0; i < 60; i++) writeFileSync(join(cache, 'objects', 'pack', `pack-${i}.pack`), '');
    expect(textsOf(await read(commits[1]!))).toEqual({ 'a.yaml': '2\n' });
    expect(packs().filter((path) => path.endsWith('.pack')).length).toBeLessThan(5);
  });

  it('is removed when nobody asks for its url any more; and what a killed daemon has left of calls, at the start', async () => {
    const other = testRepository();
    try {
      for (const each of [at.repository, other]) each.commit({ 'a.yaml': 'a\n' });
      await Promise.all([at.sync(at.source()), at.sync(at.source({ url: other.url }))]);
      expect(caches()).toHaveLength(2);
      await at.git.collect([other.url]);
      expect(caches()).toHaveLength(1);
      const before = caches();
      await at.sync(at.source({ url: `${other.url}/` }));
      await at.git.collect([`${other.url}/`, '--nonsense']);
      expect(caches()).toEqual(before);
      writeFileSync(join(at.folder, 'calls', 'key'), 'secret');
      await openRealGit({ folder: at.folder });
      expect(existsSync(join(at.folder, 'calls'))).toBe(false);
    } finally {
      other.remove();
    }
  });

  it('is removed when all together are too large, the least recently used first, and is fetched again', async () => {
    const [one, two, three] = [at.repository, testRepository(), testRepository()];
    const noise = () => ({ 'a.yaml': `a: ${randomBytes(200_000).toString('base64')}\n` });
    // A cache that was made, with its file, has some 200 KB.
    const git = await openRealGit({ folder: at.folder, limits: { cachesBytes: 500_000 } });
    const urls = [one.url, two.url, three.url];
    try {
      for (const each of [one, two, three]) each.commit(noise());
      for (const url of urls) await at.sync(at.source({ url }), git);
      await at.sync(at.source({ url: one.url }), git);
      await git.collect(urls);
      expect(caches()).toHaveLength(2);
      const before = caches();
      await at.sync(at.source({ url: one.url }), git);
      await at.sync(at.source({ url: three.url }), git);
      expect(caches()).toEqual(before);
      expect(Object.keys(textsOf(await at.sync(at.source({ url: two.url }), git)))).toEqual(['a.yaml']);
      expect(caches()).toHaveLength(3);
    } finally {
      for (const each of [two, three]) each.remove();
    }
  });

  it('is used by one call at a time, and many calls come to the same', async () => {
    const shas = Array.from({ length: 4 }, (_, i) => at.repository.commit({ 'a.yaml': `${i}\n` }));
    const snapshots = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        at.git.read(at.source({ ref: { commit: shas[i % 4]! } }), shas[i % 4]!, at.signal),
      ),
    );
    expect(snapshots.map((snapshot) => textsOf(snapshot)['a.yaml'])).toEqual(
      Array.from({ length: 12 }, (_, i) => `${i % 4}\n`),
    );
  });
});
