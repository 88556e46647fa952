import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Git, GitLimits, GitSource, Snapshot } from '../../../src/drivers/git/git.ts';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { testRepository, textsOf, type TestRepository } from '../../support/git.ts';

let folder: string;
let repository: TestRepository;
let git: Git;
const { signal } = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'miniaws-git-'));
  repository = testRepository();
  git = await openRealGit({ folder });
});

afterEach(async () => {
  repository.remove();
  await rm(folder, { recursive: true, force: true });
});

const source = (more: Partial<GitSource> = {}): GitSource => ({
  url: repository.url,
  ref: { branch: 'main' },
  ...more,
});

async function sync(of: GitSource, by: Git = git): Promise<Snapshot> {
  const { sha } = await by.resolve(of, signal);
  return by.read(of, sha, signal);
}

const paths = (snapshot: Snapshot): string[] => Object.keys(textsOf(snapshot));
const caches = (): string[] =>
  readdirSync(join(folder, 'repositories')).map((name) => join(folder, 'repositories', name));
const packs = (): string[] =>
  caches().flatMap((cache) => {
    const at = join(cache, 'objects', 'pack');
    return readdirSync(at).map((name) => join(at, name));
  });

describe('a commit', () => {
  it('is read as it was made, whatever ref leads to it', async () => {
    const first = repository.commit({ 'a.yaml': 'one\n', 'b.bin': 'x' }, `The first ${'w'.repeat(500)}\n\nBody`);
    repository.git('tag', '-a', '-m', 'annotated', 'v1.0.0');
    const second = repository.commit({ 'a.yaml': 'two\n', 'é/ü.yaml': 'name\n' }, 'The second');
    expect(await sync(source())).toMatchObject({
      commit: { sha: second, author: 'Ada', email: 'ada@example.org', subject: 'The second' },
      folders: [{ path: '', files: [{ path: 'a.yaml' }, { path: 'é/ü.yaml' }] }],
    });
    for (const ref of [{ tag: 'v1.0.0' }, { semver: '1.x' }, { commit: first }]) {
      const snapshot = await sync(source({ ref }));
      expect(snapshot.commit.sha).toBe(first);
      expect(snapshot.commit.subject).toHaveLength(200);
      expect(snapshot.commit.committedAt.getTime()).toBe(
        Number(repository.git('show', '-s', '--format=%ct', first)) * 1000,
      );
      expect(textsOf(snapshot)).toEqual({ 'a.yaml': 'one\n' });
    }
  });

  it('that a force-push has removed is told as gone; a tree without files is a tree', async () => {
    const gone = repository.commit({ 'a.yaml': 'one\n' });
    repository.git('commit', '--quiet', '--amend', '-m', 'another');
    repository.git('reflog', 'expire', '--expire=now', '--all');
    repository.git('gc', '--quiet', '--prune=now');
    await expect(git.read(source(), gone, signal)).rejects.toMatchObject({ reason: 'RefNotFound' });
    repository.commit({ 'a.yaml': undefined });
    expect((await sync(source())).folders).toEqual([{ path: '', files: [] }]);
  });

  it('of a repository with SHA-256 ids is read too', async () => {
    rmSync(join(repository.path, '.git'), { recursive: true });
    repository.git('init', '--quiet', '--initial-branch=main', '--object-format=sha256');
    const sha = repository.commit({ 'a.yaml': 'a\n' });
    expect(sha).toHaveLength(64);
    const snapshot = await sync(source());
    expect([snapshot.commit.sha, textsOf(snapshot)]).toEqual([sha, { 'a.yaml': 'a\n' }]);
  });

  it('of a repository without commits, without that branch, or of none at all is told so', async () => {
    await expect(git.resolve(source(), signal)).rejects.toMatchObject({ reason: 'RefNotFound' });
    await expect(git.resolve(source({ url: `file://${folder}/nothing` }), signal)).rejects.toMatchObject({
      reason: 'RepositoryNotFound',
    });
    repository.commit({ 'a.yaml': '' });
    await expect(git.resolve(source({ ref: { branch: 'other' } }), signal)).rejects.toThrow(
      `${repository.url} has no branch "other"`,
    );
  });
});

describe('nothing of a repository is executed', () => {
  it('no hook, filter, attribute or file system monitor, at neither end', async () => {
    const ran = join(folder, 'ran');
    const script = join(folder, 'script');
    writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> ${ran}\ncat\n`);
    chmodSync(script, 0o755);
    repository.commit({ '.gitattributes': '*.yaml filter=evil diff=evil text ident\n', 'a.yaml': 'a\n' });
    for (const hook of ['post-checkout', 'reference-transaction', 'post-merge', 'pre-auto-gc', 'fsmonitor-watchman'])
      symlinkSync(script, join(repository.path, '.git', 'hooks', hook));
    for (const key of [
      'filter.evil.smudge',
      'filter.evil.process',
      'diff.evil.textconv',
      'core.fsmonitor',
      'core.sshCommand',
      'core.pager',
      'uploadpack.packObjectsHook',
      'remote.origin.uploadpack',
    ])
      repository.git('config', key, script);
    rmSync(ran, { force: true });
    expect(textsOf(await sync(source()))).toEqual({ 'a.yaml': 'a\n' });
    expect(existsSync(ran)).toBe(false);
  });

  it('a repository of someone else is read, and nothing is written there', async () => {
    repository.commit({ 'a.yaml': 'a\n' });
    if (process.getuid?.() === 0) execFileSync('chown', ['-R', '65534:65534', repository.path]);
    const before = execFileSync('find', [repository.path, '-printf', '%p %s %T@\n'], { encoding: 'utf8' });
    expect(paths(await sync(source()))).toEqual(['a.yaml']);
    expect(execFileSync('find', [repository.path, '-printf', '%p %s %T@\n'], { encoding: 'utf8' })).toBe(before);
  });

  it('not the remote either that a damaged repository names for what it lacks', async () => {
    const sha = repository.commit({ 'a.yaml': 'a\n' });
    const blob = repository.git('rev-parse', `${sha}:a.yaml`);
    rmSync(join(repository.path, '.git', 'objects', blob.slice(0, 2), blob.slice(2)));
    const [ran, script] = [join(folder, 'ran'), join(folder, 'script')];
    writeFileSync(script, `#!/bin/sh\ntouch ${ran}\n`);
    chmodSync(script, 0o755);
    for (const [key = '', value = ''] of [
      ['core.repositoryFormatVersion', '1'],
      ['extensions.partialClone', 'origin'],
      ['remote.origin.url', repository.url],
      ['remote.origin.promisor', 'true'],
      ['remote.origin.uploadpack', script],
    ])
      repository.git('config', key, value);
    await expect(sync(source())).rejects.toThrow('the repository at the server is damaged');
    expect(existsSync(ran)).toBe(false);
  });

  it('a repository around the data folder is not looked at', async () => {
    repository.commit({ 'a.yaml': 'a\n' });
    execFileSync('git', ['init', '--quiet', folder]);
    execFileSync('git', ['-C', folder, 'config', `url.file:///nowhere.insteadOf`, 'file:///']);
    expect(paths(await sync(source()))).toEqual(['a.yaml']);
  });
});

describe('what is in a tree', () => {
  it('a link is read as the file that it leads to, and refused when it leads elsewhere', async () => {
    repository.commit({ 'base/a.yaml': 'a\n', 'apps/x/keep.yaml': 'x\n' });
    symlinkSync('../../base/a.yaml', join(repository.path, 'apps/x/a.yaml'));
    repository.commit({});
    expect(textsOf(await sync(source({ path: 'apps/*' })))).toEqual({
      'apps/x/a.yaml': 'a\n',
      'apps/x/keep.yaml': 'x\n',
    });
    for (const [target, why] of [
      ['/etc/hostname', 'leaves the tree'],
      ['../../../outside.yaml', 'leaves the tree'],
      ['../../base', 'leads to no file'],
      ['nowhere.yaml', 'leads to no file'],
      ['a.yaml', 'leads to no file'],
    ] as const) {
      rmSync(join(repository.path, 'apps/x/a.yaml'));
      symlinkSync(target, join(repository.path, 'apps/x/a.yaml'));
      repository.commit({});
      await expect(sync(source({ path: 'apps/*' }))).rejects.toThrow(why);
      expect(paths(await sync(source({ path: 'base' })))).toEqual(['base/a.yaml']);
    }
  });

  it('a submodule is refused', async () => {
    const sha = repository.commit({
      'a/x.yaml': 'x\n',
      '.gitmodules': '[submodule "lib"]\n\tpath = a/lib\n\turl = ../evil\n',
    });
    repository.git('update-index', '--add', '--cacheinfo', `160000,${sha},a/lib`);
    repository.git('commit', '--quiet', '-m', 'with a submodule');
    await expect(sync(source({ path: 'a' }))).rejects.toMatchObject({ reason: 'Refused' });
    expect(paths(await sync(source({ path: 'a', filter: { exclude: ['a/lib'] } })))).toEqual(['a/x.yaml']);
  });

  it.each<[Partial<GitLimits>, string]>([
    [{ files: 2 }, '3 files are selected, more than 2'],
    [{ fileBytes: 1000 }, 'b.yaml has 3000 bytes, more than 1000'],
    [{ totalBytes: 3100 }, 'the selected files are larger'],
    [{ repositoryBytes: 500_000 }, 'the commit is larger'],
  ])('limits hold: %j', async (limits, message) => {
    if (limits.repositoryBytes) repository.git('config', 'uploadpack.allowFilter', 'false');
    const limited = await openRealGit({ folder, limits });
    const noise = randomBytes(2_000_000);
    repository.commit({
      'a.yaml': 'a'.repeat(100),
      'b.yaml': 'b'.repeat(3000),
      'c.yaml': 'c'.repeat(100),
      'd.bin': noise,
    });
    for (let time = 0; time < 2; time++)
      await expect(sync(source(), limited).then(paths)).rejects.toMatchObject({
        reason: 'TooLarge',
        message: expect.stringContaining(message) as string,
      });
  });

  it('ten thousand files are read within seconds', async () => {
    const entries = Array.from({ length: 10_000 }, (_, i) => `100644 blob %s\tapps/${i % 100}/f${i}.yaml`);
    const blob = execFileSync('git', ['hash-object', '-w', '--stdin'], {
      cwd: repository.path,
      input: 'kind: X\n',
      encoding: 'utf8',
    }).trim();
    const index = entries.map((entry) => entry.replace('blob %s', blob)).join('\n');
    execFileSync('git', ['update-index', '--index-info'], { cwd: repository.path, input: `${index}\n` });
    repository.git('commit', '--quiet', '-m', 'many');
    const began = performance.now();
    const snapshot = await sync(source({ path: 'apps/*' }));
    expect(snapshot.folders).toHaveLength(100);
    expect(paths(snapshot)).toHaveLength(10_000);
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});

describe('the cache', () => {
  it('is private, holds no file that is not read, and gets of a new commit what has changed', async () => {
    const noise = randomBytes(1_000_000);
    repository.commit({ 'a.yaml': 'a\n', 'big.bin': noise });
    await sync(source());
    const [cache = ''] = caches();
    expect(statSync(cache).mode & 0o777).toBe(0o700);
    expect(packs().reduce((sum, path) => sum + statSync(path).size, 0)).toBeLessThan(20_000);
    repository.commit({ 'a.yaml': 'b\n' });
    expect(textsOf(await sync(source()))).toEqual({ 'a.yaml': 'b\n' });
    expect(readdirSync(join(folder, 'calls'))).toEqual([]);
  });

  it('that is broken is made anew', async () => {
    repository.commit({ 'a.yaml': 'a\n' });
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
      await sync(source());
      damage();
      expect(textsOf(await sync(source()))).toEqual({ 'a.yaml': 'a\n' });
    }
    // Locks that a killed git has left.
    for (const name of ['shallow.lock', 'packed-refs.lock', 'config.lock']) writeFileSync(join(caches()[0]!, name), '');
    repository.commit({ 'a.yaml': 'b\n' });
    expect(textsOf(await sync(source()))).toEqual({ 'a.yaml': 'b\n' });
  });

  it('is made anew before it has collected too many commits', async () => {
    const commits = [1, 2].map((i) => repository.commit({ 'a.yaml': `${i}\n` }));
    const read = (commit: string) => git.read(source({ ref: { commit } }), commit, signal);
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
      for (const each of [repository, other]) each.commit({ 'a.yaml': 'a\n' });
      await Promise.all([sync(source()), sync(source({ url: other.url }))]);
      expect(caches()).toHaveLength(2);
      await git.collect([other.url]);
      expect(caches()).toHaveLength(1);
      const before = caches();
      await sync(source({ url: `${other.url}/` }));
      await git.collect([`${other.url}/`, '--nonsense']);
      expect(caches()).toEqual(before);
      writeFileSync(join(folder, 'calls', 'key'), 'secret');
      await openRealGit({ folder });
      expect(existsSync(join(folder, 'calls'))).toBe(false);
    } finally {
      other.remove();
    }
  });

  it('is used by one call at a time, and many calls come to the same', async () => {
    const shas = Array.from({ length: 4 }, (_, i) => repository.commit({ 'a.yaml': `${i}\n` }));
    const snapshots = await Promise.all(
      Array.from({ length: 12 }, (_, i) => git.read(source({ ref: { commit: shas[i % 4]! } }), shas[i % 4]!, signal)),
    );
    expect(snapshots.map((snapshot) => textsOf(snapshot)['a.yaml'])).toEqual(
      Array.from({ length: 12 }, (_, i) => `${i % 4}\n`),
    );
  });
});

it('a machine without git, or with an old one, says so', async () => {
  repository.commit({ 'a.yaml': 'a\n' });
  const path = process.env['PATH'];
  try {
    process.env['PATH'] = folder;
    await expect(git.resolve(source(), signal)).rejects.toMatchObject({ reason: 'GitMissing' });
    writeFileSync(join(folder, 'git'), '#!/bin/sh\necho git version 2.29.9\n');
    chmodSync(join(folder, 'git'), 0o755);
    await expect(git.resolve(source(), signal)).rejects.toThrow(
      'git 2.30 or newer is needed, and this machine has "git version 2.29.9"',
    );
  } finally {
    process.env['PATH'] = path;
  }
  expect(readFileSync(join(repository.path, 'a.yaml'), 'utf8')).toBe('a\n');
});
