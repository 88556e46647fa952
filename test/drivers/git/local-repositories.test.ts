import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GitLimits, Snapshot } from '../../../src/drivers/git/git.ts';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { textsOf } from '../../support/git.ts';
import { gitFixture } from './support/fixture.ts';

const at = gitFixture();

const paths = (snapshot: Snapshot): string[] => Object.keys(textsOf(snapshot));

describe('a commit', () => {
  it('is read as it was made, whatever ref leads to it', async () => {
    const first = at.repository.commit({ 'a.yaml': 'one\n', 'b.bin': 'x' }, `The first ${'w'.repeat(500)}\n\nBody`);
    at.repository.git('tag', '-a', '-m', 'annotated', 'v1.0.0');
    const second = at.repository.commit({ 'a.yaml': 'two\n', 'é/ü.yaml': 'name\n' }, 'The second');
    expect(await at.sync(at.source())).toMatchObject({
      commit: { sha: second, author: 'Ada', email: 'ada@example.org', subject: 'The second' },
      folders: [{ path: '', files: [{ path: 'a.yaml' }, { path: 'é/ü.yaml' }] }],
    });
    for (const ref of [{ tag: 'v1.0.0' }, { semver: '1.x' }, { commit: first }]) {
      const snapshot = await at.sync(at.source({ ref }));
      expect(snapshot.commit.sha).toBe(first);
      expect(snapshot.commit.subject).toHaveLength(200);
      expect(snapshot.commit.committedAt.getTime()).toBe(
        Number(at.repository.git('show', '-s', '--format=%ct', first)) * 1000,
      );
      expect(textsOf(snapshot)).toEqual({ 'a.yaml': 'one\n' });
    }
  });

  it('that a force-push has removed is told as gone; a tree without files is a tree', async () => {
    const gone = at.repository.commit({ 'a.yaml': 'one\n' });
    at.repository.git('commit', '--quiet', '--amend', '-m', 'another');
    at.repository.git('reflog', 'expire', '--expire=now', '--all');
    at.repository.git('gc', '--quiet', '--prune=now');
    await expect(at.git.read(at.source(), gone, at.signal)).rejects.toMatchObject({ reason: 'RefNotFound' });
    at.repository.commit({ 'a.yaml': undefined });
    expect((await at.sync(at.source())).folders).toEqual([{ path: '', files: [] }]);
  });

  it('of a repository with SHA-256 ids is read too', async () => {
    rmSync(join(at.repository.path, '.git'), { recursive: true });
    at.repository.git('init', '--quiet', '--initial-branch=main', '--object-format=sha256');
    const sha = at.repository.commit({ 'a.yaml': 'a\n' });
    expect(sha).toHaveLength(64);
    const snapshot = await at.sync(at.source());
    expect([snapshot.commit.sha, textsOf(snapshot)]).toEqual([sha, { 'a.yaml': 'a\n' }]);
  });

  it('of a repository without commits, without that branch, or of none at all is told so', async () => {
    await expect(at.git.resolve(at.source(), at.signal)).rejects.toMatchObject({ reason: 'RefNotFound' });
    await expect(at.git.resolve(at.source({ url: `file://${at.folder}/nothing` }), at.signal)).rejects.toMatchObject({
      reason: 'RepositoryNotFound',
    });
    at.repository.commit({ 'a.yaml': '' });
    await expect(at.git.resolve(at.source({ ref: { branch: 'other' } }), at.signal)).rejects.toThrow(
      `${at.repository.url} has no branch "other"`,
    );
  });
});

describe('nothing of a repository is executed', () => {
  it('no hook, filter, attribute or file system monitor, at neither end', async () => {
    const ran = join(at.folder, 'ran');
    const script = join(at.folder, 'script');
    writeFileSync(script, `#!/bin/sh\necho "$0 $*" >> ${ran}\ncat\n`);
    chmodSync(script, 0o755);
    at.repository.commit({ '.gitattributes': '*.yaml filter=evil diff=evil text ident\n', 'a.yaml': 'a\n' });
    for (const hook of ['post-checkout', 'reference-transaction', 'post-merge', 'pre-auto-gc', 'fsmonitor-watchman'])
      symlinkSync(script, join(at.repository.path, '.git', 'hooks', hook));
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
      at.repository.git('config', key, script);
    rmSync(ran, { force: true });
    expect(textsOf(await at.sync(at.source()))).toEqual({ 'a.yaml': 'a\n' });
    expect(existsSync(ran)).toBe(false);
  });

  it('a repository of someone else is read, and nothing is written there', async () => {
    at.repository.commit({ 'a.yaml': 'a\n' });
    if (process.getuid?.() === 0) execFileSync('chown', ['-R', '65534:65534', at.repository.path]);
    const before = execFileSync('find', [at.repository.path, '-printf', '%p %s %T@\n'], { encoding: 'utf8' });
    expect(paths(await at.sync(at.source()))).toEqual(['a.yaml']);
    expect(execFileSync('find', [at.repository.path, '-printf', '%p %s %T@\n'], { encoding: 'utf8' })).toBe(before);
  });

  it('not the remote either that a damaged repository names for what it lacks', async () => {
    const sha = at.repository.commit({ 'a.yaml': 'a\n' });
    const blob = at.repository.git('rev-parse', `${sha}:a.yaml`);
    rmSync(join(at.repository.path, '.git', 'objects', blob.slice(0, 2), blob.slice(2)));
    const [ran, script] = [join(at.folder, 'ran'), join(at.folder, 'script')];
    writeFileSync(script, `#!/bin/sh\ntouch ${ran}\n`);
    chmodSync(script, 0o755);
    for (const [key = '', value = ''] of [
      ['core.repositoryFormatVersion', '1'],
      ['extensions.partialClone', 'origin'],
      ['remote.origin.url', at.repository.url],
      ['remote.origin.promisor', 'true'],
      ['remote.origin.uploadpack', script],
    ])
      at.repository.git('config', key, value);
    await expect(at.sync(at.source())).rejects.toThrow('the repository at the server is damaged');
    expect(existsSync(ran)).toBe(false);
  });

  it('a repository around the data folder is not looked at', async () => {
    at.repository.commit({ 'a.yaml': 'a\n' });
    execFileSync('git', ['init', '--quiet', at.folder]);
    execFileSync('git', ['-C', at.folder, 'config', `url.file:///nowhere.insteadOf`, 'file:///']);
    expect(paths(await at.sync(at.source()))).toEqual(['a.yaml']);
  });
});

describe('what is in a tree', () => {
  it('a link is read as the file that it leads to, and refused when it leads elsewhere', async () => {
    at.repository.commit({ 'base/a.yaml': 'a\n', 'apps/x/keep.yaml': 'x\n' });
    symlinkSync('../../base/a.yaml', join(at.repository.path, 'apps/x/a.yaml'));
    at.repository.commit({});
    expect(textsOf(await at.sync(at.source({ path: 'apps/*' })))).toEqual({
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
      rmSync(join(at.repository.path, 'apps/x/a.yaml'));
      symlinkSync(target, join(at.repository.path, 'apps/x/a.yaml'));
      at.repository.commit({});
      await expect(at.sync(at.source({ path: 'apps/*' }))).rejects.toThrow(why);
      expect(paths(await at.sync(at.source({ path: 'base' })))).toEqual(['base/a.yaml']);
    }
  });

  it('a submodule is refused', async () => {
    const sha = at.repository.commit({
      'a/x.yaml': 'x\n',
      '.gitmodules': '[submodule "lib"]\n\tpath = a/lib\n\turl = ../evil\n',
    });
    at.repository.git('update-index', '--add', '--cacheinfo', `160000,${sha},a/lib`);
    at.repository.git('commit', '--quiet', '-m', 'with a submodule');
    await expect(at.sync(at.source({ path: 'a' }))).rejects.toMatchObject({ reason: 'Refused' });
    expect(paths(await at.sync(at.source({ path: 'a', filter: { exclude: ['a/lib'] } })))).toEqual(['a/x.yaml']);
  });

  it.each<[Partial<GitLimits>, string]>([
    [{ files: 2 }, '3 files are selected, more than 2'],
    [{ fileBytes: 1000 }, 'b.yaml has 3000 bytes, more than 1000'],
    [{ totalBytes: 3100 }, 'the selected files are larger'],
    [{ repositoryBytes: 500_000 }, 'the commit is larger'],
  ])('limits hold: %j', async (limits, message) => {
    if (limits.repositoryBytes) at.repository.git('config', 'uploadpack.allowFilter', 'false');
    const limited = await openRealGit({ folder: at.folder, limits });
    const noise = randomBytes(2_000_000);
    at.repository.commit({
      'a.yaml': 'a'.repeat(100),
      'b.yaml': 'b'.repeat(3000),
      'c.yaml': 'c'.repeat(100),
      'd.bin': noise,
    });
    for (let time = 0; time < 2; time++)
      await expect(at.sync(at.source(), limited).then(paths)).rejects.toMatchObject({
        reason: 'TooLarge',
        message: expect.stringContaining(message) as string,
      });
  });

  it('ten thousand files are read within seconds', async () => {
    const entries = Array.from({ length: 10_000 }, (_, i) => `100644 blob %s\tapps/${i % 100}/f${i}.yaml`);
    const blob = execFileSync('git', ['hash-object', '-w', '--stdin'], {
      cwd: at.repository.path,
      input: 'kind: X\n',
      encoding: 'utf8',
    }).trim();
    const index = entries.map((entry) => entry.replace('blob %s', blob)).join('\n');
    execFileSync('git', ['update-index', '--index-info'], { cwd: at.repository.path, input: `${index}\n` });
    at.repository.git('commit', '--quiet', '-m', 'many');
    const began = performance.now();
    const snapshot = await at.sync(at.source({ path: 'apps/*' }));
    expect(snapshot.folders).toHaveLength(100);
    expect(paths(snapshot)).toHaveLength(10_000);
    expect(performance.now() - began).toBeLessThan(15_000);
  });
});

it('a machine without git, or with an old one, says so', async () => {
  at.repository.commit({ 'a.yaml': 'a\n' });
  const path = process.env['PATH'];
  try {
    process.env['PATH'] = at.folder;
    await expect(at.git.resolve(at.source(), at.signal)).rejects.toMatchObject({ reason: 'GitMissing' });
    writeFileSync(join(at.folder, 'git'), '#!/bin/sh\necho git version 2.29.9\n');
    chmodSync(join(at.folder, 'git'), 0o755);
    await expect(at.git.resolve(at.source(), at.signal)).rejects.toThrow(
      'git 2.30 or newer is needed, and this machine has "git version 2.29.9"',
    );
  } finally {
    process.env['PATH'] = path;
  }
  expect(readFileSync(join(at.repository.path, 'a.yaml'), 'utf8')).toBe('a\n');
});
