import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { GitSync } from '../../src/kinds/git-sync/types.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { testRepository } from '../support/git.ts';
import type { TestRepository } from '../support/git.ts';
import { serveGit } from '../support/git-http.ts';
import type { GitHttp } from '../support/git-http.ts';
import { call } from '../support/http.ts';
import { eventually } from '../support/wait.ts';

const SYNCS = '/apis/miniaws.dev/v1/namespaces/default/gitsyncs';
const WEBHOOK_SECRET = 'a webhook’s secret';
const vpc = (name: string, cidrBlock: string): string =>
  `apiVersion: miniaws.dev/v1\nkind: VPC\nmetadata: {name: ${name}}\nspec: {cidrBlock: ${cidrBlock}}\n`;

/** What a forge was told, as it came. */
interface Told {
  path: string;
  body: Record<string, unknown>;
}

let daemon: TestDaemon;
let repository: TestRepository;
let remote: GitHttp;
let forge: Server;
const told: Told[] = [];

beforeAll(async () => {
  repository = testRepository();
  repository.commit({ 'net.yaml': vpc('one', '10.215.60.0/24') }, 'the first');
  remote = await serveGit(repository.path);
  forge = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      told.push({ path: request.url ?? '', body: JSON.parse(Buffer.concat(chunks).toString('utf8')) as Told['body'] });
      response.writeHead(201).end('{}');
    });
  });
  await new Promise<void>((resolve) => forge.listen(0, '127.0.0.1', resolve));
  daemon = await startDaemon({ engine: 'simulated' });
  const at = `http://127.0.0.1:${(forge.address() as AddressInfo).port}`;
  await secret('hook', { secret: WEBHOOK_SECRET });
  await secret('login', { token: 'a-token' });
  await secret('channel', { url: `${at}/channel` });
  await create('app', {
    url: remote.url,
    // Too long for a test to wait for: what comes sooner comes by the webhook.
    interval: '1h',
    prune: true,
    credentials: 'login',
    webhook: 'hook',
    notify: { secret: 'channel', form: 'json' },
    commitStatus: { forge: 'gitea', apiUrl: `${at}/api` },
  });
});
afterAll(async () => {
  await daemon?.stop();
  await remote?.close();
  forge?.close();
  repository?.remove();
});

const secret = (name: string, stringData: object) =>
  call(daemon, 'POST', '/api/v1/namespaces/default/secrets', {
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData },
  });
const create = (name: string, spec: object) =>
  call(daemon, 'POST', SYNCS, { body: { apiVersion: 'miniaws.dev/v1', kind: 'GitSync', metadata: { name }, spec } });
const get = async (name: string) => (await call(daemon, 'GET', `${SYNCS}/${name}`)).json<GitSync>();
const find = async (path: string): Promise<Resource | undefined> => {
  const answer = await call(daemon, 'GET', `/apis/miniaws.dev/v1/namespaces/default/${path}`);
  return answer.status === 200 ? answer.json<Resource>() : undefined;
};
/** Waits for Ready's reason at the commit, and answers its message. */
const ended = (name: string, reason: string, commit: string): Promise<string> =>
  eventually(`${name} to be ${reason}`, async () => {
    const sync = await get(name);
    const condition = findCondition(sync, 'Ready');
    return condition?.reason === reason && sync.status?.observed?.commit === commit ? condition.message : undefined;
  });
/** As a forge sends it. */
const push = (sha: string, key = WEBHOOK_SECRET, ref = 'refs/heads/main') => {
  const body = JSON.stringify({ ref, after: sha });
  const signature = `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;
  const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
  return call(daemon, 'POST', '/hooks/git/default/app', { body, headers, anonymous: true });
};
const head = () => repository.git('rev-parse', 'HEAD');

describe('a repository behind a real server', () => {
  it('is applied, and the commit is marked at its forge', async () => {
    await ended('app', 'Synced', head());
    expect((await find('vpcs/one'))?.metadata.annotations?.['miniaws.dev/source']).toBe(`${head()} net.yaml`);
    const status = await eventually('the status', () => told.find(({ path }) => path.endsWith(`/statuses/${head()}`)));
    expect(status.body).toMatchObject({ state: 'success', context: 'miniaws/default/app' });
    expect(told.filter(({ path }) => path === '/channel')).toEqual([]);
  });

  it('is looked at when a push is told of by who knows the secret, and by nobody else', async () => {
    const sha = repository.commit({ 'more.yaml': vpc('two', '10.215.61.0/24') }, 'the second');
    expect((await push(sha, 'a guess')).status).toBe(401);
    const nowhere = { body: '{}', anonymous: true };
    expect((await call(daemon, 'POST', '/hooks/git/default/nothing', nowhere)).status).toBe(401);
    expect((await push(sha, WEBHOOK_SECRET, 'refs/heads/other')).status).toBe(202);
    expect((await push(sha)).status).toBe(202);
    await ended('app', 'Synced', sha);
    expect(await find('vpcs/two')).toBeDefined();
  });

  it('whose commit is bad changes nothing and is told once; so is its recovery', async () => {
    const bad = repository.commit(
      { 'more.yaml': 'apiVersion: miniaws.dev/v1\nkind: VPC\nmetadata: {name: two}\nspec: {cidr: x}\n' },
      'a bad one',
    );
    await push(bad);
    expect(await ended('app', 'InvalidRevision', bad)).toContain('more.yaml:4:8: spec.cidr: ');
    const channel = () =>
      told
        .filter(({ path }) => path === '/channel')
        .map(({ body }) => [body['severity'], body['reason'], body['revision']]);
    await eventually('the failure to be told', () => channel().length > 0);
    const good = repository.commit({ 'more.yaml': vpc('two', '10.215.61.0/24') }, 'a good one');
    await push(good);
    await ended('app', 'Synced', good);
    await eventually('the recovery to be told', () => channel().length > 1);
    expect(channel()).toEqual([
      ['error', 'InvalidRevision', bad],
      ['info', 'Synced', good],
    ]);
    await eventually('the recovery beside its commit', () =>
      told.some(({ path }) => path.endsWith(`/statuses/${good}`)),
    );
    const states = told
      .filter(({ path }) => path.includes('/statuses/'))
      .map(({ path, body }) => [path.split('/').at(-1), body['state']]);
    expect(states.filter(([sha]) => sha === bad || sha === good)).toEqual([
      [bad, 'failure'],
      [good, 'success'],
    ]);
  });

  it('goes on after the daemon was killed, without a look at what it has', async () => {
    const { url, database, dataDir } = daemon;
    await daemon.kill();
    const gone = repository.commit({ 'more.yaml': undefined, 'net.yaml': vpc('one', '10.215.60.0/24') }, 'two goes');
    daemon = await startDaemon({ engine: 'simulated', database, dataDir, listen: new URL(url).host });
    await ended('app', 'Synced', gone);
    await eventually('VPC two to be gone', async () => (await find('vpcs/two')) === undefined);
  });
});

it('a plain folder is synced on save', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'miniaws-saved-'));
  try {
    writeFileSync(join(folder, 'net.yaml'), vpc('saved', '10.215.62.0/24'));
    await create('local', { url: `file://${folder}`, interval: '1h' });
    await eventually('the VPC', () => find('vpcs/saved'));
    writeFileSync(join(folder, 'again.yaml'), vpc('again', '10.215.63.0/24'));
    await eventually('the other VPC', () => find('vpcs/again'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
