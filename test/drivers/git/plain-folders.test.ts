import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Git, GitSource } from '../../../src/drivers/git/git.ts';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { eventually } from '../../support/wait.ts';

let folder: string;
let docs: string;
let git: Git;
const { signal } = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'miniaws-folder-'));
  docs = join(folder, 'my docs');
  mkdirSync(join(docs, 'apps', 'a'), { recursive: true });
  put('apps/a/x.yaml', 'x\n');
  put('w.yaml', 'w\n');
  git = await openRealGit({ folder: join(folder, 'git') });
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFileSync(join(docs, name), text);
const source = (more: Partial<GitSource> = {}): GitSource => ({
  url: pathToFileURL(docs).href,
  ref: { branch: 'main' },
  ...more,
});
const revision = async (more?: Partial<GitSource>): Promise<string> => (await git.resolve(source(more), signal)).sha;
const read = async (more?: Partial<GitSource>): Promise<Record<string, string>> => {
  const { folders } = await git.read(source(more), '', signal);
  return Object.fromEntries(folders.flatMap(({ files }) => files.map(({ path, content }) => [path, String(content)])));
};

it('the revision is made of what is selected: of paths and contents, and of nothing else', async () => {
  const first = await revision();
  expect(first).toMatch(/^folder@[0-9a-f]{64}$/);
  expect((await git.read(source(), first, signal)).commit.sha).toBe(first);
  put('README.md', 'not selected');
  put('w.yaml', 'w\n');
  expect(await revision()).toBe(first);
  put('w.yaml', 'v\n');
  const second = await revision();
  expect(second).not.toBe(first);
  renameSync(join(docs, 'w.yaml'), join(docs, 'z.yaml'));
  expect(new Set([first, second, await revision()]).size).toBe(3);
  const apps = await revision({ path: 'apps' });
  put('z.yaml', 'changed');
  expect(await revision({ path: 'apps' })).toBe(apps);
});

it('a file that is as the caller has it is the very same object', async () => {
  put('w.yaml', 'w\n');
  const first = await git.read(source(), '', signal);
  const [other, ...rest] = (await git.read(source(), '', signal, first)).folders[0]?.files ?? [];
  expect([other, ...rest].every((file, i) => file === first.folders[0]?.files[i])).toBe(true);
  put(other?.path ?? '', 'changed');
  const [changed, ...same] = (await git.read(source(), '', signal, first)).folders[0]?.files ?? [];
  expect(String(changed?.content)).toBe('changed');
  expect(same.every((file, i) => file === rest[i])).toBe(true);
});

it('path and filter choose as they do in a repository', async () => {
  mkdirSync(join(docs, 'apps', 'b'));
  mkdirSync(join(docs, 'node_modules'));
  put('apps/b/y.json', '{}');
  put('node_modules/n.yaml', 'n\n');
  execFileSync('mkfifo', [join(docs, 'pipe.yaml')]);
  expect(await read()).toEqual({ 'apps/a/x.yaml': 'x\n', 'apps/b/y.json': '{}', 'w.yaml': 'w\n' });
  expect(await read({ path: 'apps/*', filter: { exclude: ['b/'] } })).toEqual({ 'apps/a/x.yaml': 'x\n' });
  expect((await git.read(source({ path: 'apps/*' }), '', signal)).folders.map(({ path }) => path)).toEqual([
    'apps/a',
    'apps/b',
  ]);
  await expect(read({ path: 'nowhere' })).rejects.toMatchObject({ reason: 'PathNotFound' });
  await expect(read({ path: 'w.yaml' })).rejects.toThrow('w.yaml is no folder');
});

it('a link is read inside the folder and refused outside', async () => {
  symlinkSync('apps/a/x.yaml', join(docs, 'link.yaml'));
  expect(await read()).toMatchObject({ 'link.yaml': 'x\n' });
  writeFileSync(join(folder, 'outside.yaml'), 'secret');
  for (const target of ['../outside.yaml', join(folder, 'outside.yaml'), 'apps', 'nowhere']) {
    rmSync(join(docs, 'link.yaml'));
    symlinkSync(target, join(docs, 'link.yaml'));
    await expect(read()).rejects.toThrow(join(docs, 'link.yaml'));
  }
});

it('what is saved is told at once: changed, new, moved into a new folder, gone', async () => {
  let changes = 0;
  const watching = await git.watch(source({ path: 'apps' }), () => changes++);
  try {
    const told = async (what: string, save: () => void) => {
      const before = changes;
      save();
      await eventually(what, () => changes > before);
    };
    await told('a change', () => put('apps/a/x.yaml', 'y\n'));
    await told('a new folder', () => mkdirSync(join(docs, 'apps', 'new')));
    await told('a file in it', () => put('apps/new/n.yaml', 'n\n'));
    await told('a deletion', () => rmSync(join(docs, 'apps', 'new'), { recursive: true }));
    await told('a save as editors do it', () => {
      put('apps/a/.x.yaml.tmp', 'z\n');
      renameSync(join(docs, 'apps/a/.x.yaml.tmp'), join(docs, 'apps/a/x.yaml'));
    });
    const before = changes;
    await eventually('changes of a file that is written to all the time', () => {
      put('apps/a/x.yaml', `${performance.now()}`);
      return changes > before + 2;
    });
  } finally {
    watching?.stop();
  }
});

it('a repository is polled, not watched', async () => {
  execFileSync('git', ['init', '--quiet', docs]);
  expect(await git.watch(source(), () => undefined)).toBeUndefined();
});
