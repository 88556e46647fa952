import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GitLimits, GitSource } from '../../../src/drivers/git/git.ts';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { textsOf } from '../../support/git.ts';
import { serveGit, type GitHttp } from '../../support/git-http.ts';
import { eventually } from '../../support/wait.ts';
import { gitFixture } from './support/fixture.ts';

const PASSWORD = 'hunter2-and-more';

const at = gitFixture();
beforeEach(() => void at.repository.commit({ 'a.yaml': 'a\n' }));

/** What processes on this machine show of themselves to root: their arguments and their environments. */
function processesWith(text: string): string[] {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'latin1').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) => [read(`/proc/${pid}/cmdline`), read(`/proc/${pid}/environ`)])
    .filter((shown) => shown.includes(text));
}

/** Files below the folder, with their modes. */
const filesOf = (path: string): { path: string; mode: number; text: string }[] =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((each) => statSync(each, { throwIfNoEntry: false })?.isFile())
    .map((each) => ({ path: each, mode: statSync(each).mode & 0o777, text: readFileSync(each, 'latin1') }));

describe('over http', () => {
  let http: GitHttp;
  const source = (more: Partial<GitSource> = {}): GitSource => ({ url: http.url, ref: { branch: 'main' }, ...more });

  beforeEach(async () => {
    http = await serveGit(at.repository.path);
  });

  afterEach(() => http.close());

  it('of a repository of 20 MB with 50 manifests under path, less than 5 % is sent', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`apps/${i}.yaml`, `kind: App\nnumber: ${i}\n`]),
    );
    for (let i = 0; i < 10; i++) files[`data/${i}.bin`] = randomBytes(1_500_000).toString('base64');
    at.repository.commit(files);
    expect(Object.keys(textsOf(await at.sync(source({ path: 'apps' }))))).toHaveLength(50);
    expect(http.sent).toBeLessThan(1_000_000);
    const first = http.sent;
    await at.sync(source({ path: 'apps' }));
    expect(http.sent - first).toBeLessThan(2_000);
  });

  it.each([
    ['sends no parts of a commit', [['uploadpack.allowFilter', 'false']]],
    [
      'sends nothing by its id',
      [
        ['protocol.version', '0'],
        ['uploadpack.allowAnySHA1InWant', 'false'],
        ['uploadpack.allowFilter', 'true'],
      ],
    ],
  ])('a server that %s is read too', async (_, settings) => {
    for (const [key = '', value = ''] of settings) at.repository.git('config', key, value);
    const old = settings.length > 1;
    // A server of before protocol 2 takes no notice of the client's wish for it.
    if (old) http.instead = (request) => (delete request.headers['git-protocol'], false);
    const first = at.repository.git('rev-parse', 'HEAD');
    at.repository.commit({ 'a.yaml': 'b\n', 'x/b.yaml': 'b\n' });
    expect(textsOf(await at.sync(source()))).toEqual({ 'a.yaml': 'b\n', 'x/b.yaml': 'b\n' });
    at.repository.commit({ 'a.yaml': 'c\n' });
    expect(textsOf(await at.sync(source({ path: 'x' })))).toEqual({ 'x/b.yaml': 'b\n' });
    expect(textsOf(await at.sync(source({ ref: { commit: first } })))).toEqual({ 'a.yaml': 'a\n' });
  });

  it('a login is asked for, refused and accepted', async () => {
    http.login = { username: 'git', password: PASSWORD };
    await expect(at.sync(source())).rejects.toMatchObject({
      reason: 'AuthenticationFailed',
      message: expect.stringContaining('there are no credentials') as string,
    });
    await expect(at.sync(source({ credentials: { password: 'wrong-one' } }))).rejects.toMatchObject({
      reason: 'AuthenticationFailed',
      message: expect.not.stringContaining('wrong-one') as string,
    });
    expect(textsOf(await at.sync(source({ credentials: { password: PASSWORD } })))).toEqual({ 'a.yaml': 'a\n' });
    // The cache opens to nobody who may not read the remote.
    const commit = at.repository.git('rev-parse', 'HEAD');
    await expect(at.git.resolve(source({ ref: { commit } }), at.signal)).rejects.toMatchObject({
      reason: 'AuthenticationFailed',
    });
  });

  it('a password is in no process list, no environment, and on disk only while a call runs, for its owner alone', async () => {
    http.login = { username: 'ada', password: PASSWORD };
    const basic = btoa(`ada:${PASSWORD}`);
    let held: ServerResponse | undefined;
    http.instead = (request, response) => {
      if (!request.url?.endsWith('git-upload-pack') || request.method !== 'POST') return false;
      held ??= response;
      return held === response;
    };
    const stop = new AbortController();
    const call = at.sync(source({ credentials: { username: 'ada', password: PASSWORD } }), at.git, stop.signal);
    const ended = call.catch((error: unknown) => error);
    await eventually('a request', () => held);
    for (const secret of [PASSWORD, basic]) expect(processesWith(secret)).toEqual([]);
    const holding = filesOf(at.folder).filter(({ text }) => text.includes(basic) || text.includes(PASSWORD));
    expect(holding.map(({ mode }) => mode)).toEqual([0o600]);
    stop.abort(new Error('enough'));
    expect(await ended).toMatchObject({ message: 'enough' });
    expect(filesOf(at.folder).filter(({ text }) => text.includes(basic) || text.includes(PASSWORD))).toEqual([]);
    expect(processesWith(http.url)).toEqual([]);
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['fails', (response) => response.writeHead(503).end(), 'RemoteUnavailable'],
    ['has no such repository', (response) => response.writeHead(404).end(), 'RepositoryNotFound'],
    ['forbids it', (response) => response.writeHead(403).end(), 'AuthenticationFailed'],
    ['closes the connection', (response) => response.destroy(), 'RemoteUnavailable'],
    [
      'sends a page',
      (response) =>
        response
          .writeHead(200, { 'Content-Type': 'text/html' })
          .end('<!doctype html>\n<html>\n<title>Welcome</title>\n</html>\n'),
      'RepositoryNotFound',
    ],
    [
      'sends nonsense',
      (response) =>
        response.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-advertisement' }).end('zzzz!!'),
      'RemoteUnavailable',
    ],
  ])('a server that %s is told so', async (_, answer, reason) => {
    http.instead = (_request, response) => (answer(response), true);
    await expect(at.sync(source())).rejects.toMatchObject({
      reason,
      message: expect.stringContaining(http.url) as string,
    });
    http.instead = () => false;
    expect(textsOf(await at.sync(source()))).toEqual({ 'a.yaml': 'a\n' });
  });

  it('a redirect is not followed, and it is said where it leads', async () => {
    const other = await serveGit(at.repository.path);
    try {
      http.login = { username: 'git', password: PASSWORD };
      http.instead = (request, response) => (
        response.writeHead(301, { Location: other.url + (request.url ?? '').replace(/^\/[^/]+/, '') }).end(),
        true
      );
      await expect(at.sync(source({ credentials: { password: PASSWORD } }))).rejects.toMatchObject({
        reason: 'Redirected',
        message: expect.stringContaining(`it leads to ${other.url}`) as string,
      });
      expect(other.requests).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('a server that hangs is given up at the deadline, one that sends half is tried again, and no process stays', async () => {
    const hurried = await openRealGit({
      folder: at.folder,
      limits: { resolveMs: 700, readMs: 1_500 } satisfies Partial<GitLimits>,
    });
    http.instead = () => true;
    await expect(at.sync(source(), hurried)).rejects.toMatchObject({ reason: 'Timeout' });
    http.instead = () => false;
    at.repository.commit({ 'big.yaml': randomBytes(200_000).toString('base64') });
    http.passing = (chunk, response) => {
      if (chunk.length < 10_000) return chunk;
      setImmediate(() => response.destroy());
      return chunk.subarray(0, 5_000);
    };
    await expect(at.sync(source())).rejects.toMatchObject({ reason: 'RemoteUnavailable' });
    http.passing = (chunk) => chunk;
    expect(Object.keys(textsOf(await at.sync(source())))).toEqual(['a.yaml', 'big.yaml']);
    await eventually('no git', () => processesWith(http.url).length === 0);
    expect(filesOf(at.folder).filter(({ path }) => /tmp_|\.lock$/.test(path))).toEqual([]);
  });

  it('what waits for its turn behind a server that hangs gives up when it is told to', async () => {
    const commit = at.repository.git('rev-parse', 'HEAD');
    const [first, second] = [new AbortController(), new AbortController()];
    http.instead = () => true;
    const read = (until: AbortSignal) =>
      at.git.read(source(), commit, until).then(textsOf, (error: Error) => error.message);
    const calls = [read(first.signal), read(second.signal)];
    await eventually('a request', () => http.requests.length > 0);
    second.abort(new Error('no longer'));
    expect(await calls[1]).toBe('no longer');
    first.abort(new Error('enough'));
    expect(await calls[0]).toBe('enough');
    http.instead = () => false;
    expect(await read(at.signal)).toEqual({ 'a.yaml': 'a\n' });
  });
});
