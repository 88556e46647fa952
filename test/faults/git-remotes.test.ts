import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findCondition } from '../../src/api/metadata.ts';
import type { GitLimits } from '../../src/drivers/git/git.ts';
import { openRealGit } from '../../src/drivers/git/real-git.ts';
import type { GitSync } from '../../src/kinds/git-sync/types.ts';
import { World } from '../../src/proof/world.ts';
import type { WorldDaemon } from '../../src/proof/world.ts';
import { serveGit } from '../support/git-http.ts';
import type { GitHttp } from '../support/git-http.ts';
import { testRepository } from '../support/git.ts';
import type { TestRepository } from '../support/git.ts';
import { eventually } from '../support/wait.ts';

const map = (name: string, value: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { value },
});
const file = (name: string, value: string): Record<string, string> => ({
  [`${name}.yaml`]: JSON.stringify(map(name, value)),
});

let folder: string;
let ours: TestRepository;
let theirs: TestRepository;
let http: GitHttp;
let world: World;
let daemon: WorldDaemon;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'miniaws-git-'));
  [ours, theirs] = [testRepository(), testRepository()];
  ours.commit({ ...file('a', 'one'), ...file('b', 'one') });
  theirs.commit(file('other', 'one'));
  http = await serveGit(ours.path);
});

/** One sync of a remote that will be unwell, and one of another that stays well. */
async function start(limits: Partial<GitLimits> = {}): Promise<void> {
  world = new World({ git: await openRealGit({ folder, limits }) });
  daemon = await world.start();
  await sync('app', http.url);
  await sync('other', theirs.url);
  await until('both to be synced', () => reason('app') === 'Synced' && reason('other') === 'Synced');
}
afterEach(async () => {
  await daemon.stop();
  await http.close();
  for (const each of [ours, theirs]) each.remove();
  rmSync(folder, { recursive: true, force: true });
});

const sync = (name: string, url: string) =>
  daemon.apply({
    kind: 'GitSync',
    metadata: { name },
    spec: { url, interval: '30s', retryInterval: '10s', prune: true, pruneGuard: '100%' },
  });
const ready = (name: string) => findCondition(daemon.get('GitSync', name) as GitSync, 'Ready');
const reason = (name: string) => ready(name)?.reason;
const value = (name: string) => {
  const data = (daemon.get('ConfigMap', name) as { data?: Record<string, string> } | undefined)?.data;
  return data?.['value'];
};
/** git takes its real time; the world's goes on beside it. */
const until = (what: string, look: () => boolean | Promise<boolean>) =>
  eventually(what, async () => {
    await world.clock.advance(1_000);
    return look();
  });

interface Fault {
  remote: string;
  begin: () => void;
  told: RegExp;
  limits?: Partial<GitLimits>;
}
const HURRIED = { resolveMs: 700 };

const answering = (answer: (response: ServerResponse) => void) => () => {
  http.instead = (_, response) => (answer(response), true);
};

const FAULTS: Fault[] = [
  {
    remote: 'hangs',
    begin: answering(() => undefined),
    told: /: not done within 0\.7 s: it is tried again/,
    limits: HURRIED,
  },
  {
    remote: 'sends a byte now and then',
    begin: answering((response) => {
      response.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-advertisement' });
      const drip = setInterval(() => response.write('0'), 50);
      response.once('close', () => clearInterval(drip));
    }),
    told: /: not done within 0\.7 s: it is tried again/,
    limits: HURRIED,
  },
  {
    remote: 'sends half of a commit',
    begin() {
      http.passing = (chunk, response) => {
        if (chunk.length < 10_000) return chunk;
        setImmediate(() => response.destroy());
        return chunk.subarray(0, 5_000);
      };
    },
    told: /broke/,
  },
  {
    remote: 'asks for a password',
    begin: () => void (http.login = { username: 'git', password: 'planted-s3cret' }),
    told: /there are no credentials/,
  },
  {
    remote: 'redirects elsewhere',
    begin: answering((response) => response.writeHead(301, { Location: 'http://127.0.0.1:1/elsewhere.git' }).end()),
    told: /it leads to http:\/\/127\.0\.0\.1:1\/elsewhere\.git/,
  },
  {
    remote: 'fails',
    begin: answering((response) => response.writeHead(503).end()),
    told: /the server fails: it is tried again/,
  },
];

it.each(FAULTS)('a remote that $remote: it is told, nothing is lost, others go on, and it recovers', async (fault) => {
  await start(fault.limits);
  const before = (daemon.get('GitSync', 'app') as GitSync).status?.applied?.commit ?? '';
  fault.begin();
  const large = randomBytes(100_000).toString('base64');
  const newest = ours.commit({ ...file('a', 'two'), ...file('large', large), 'b.yaml': undefined });
  theirs.commit(file('other', 'two'));
  await until('the fault to be told', () => reason('app') === 'FetchFailed');
  expect(ready('app')?.message).toMatch(fault.told);
  expect(ready('app')?.message).toContain(http.url);
  expect(ready('app')?.message).toContain(`commit ${before.slice(0, 10)} stays, and is kept so`);
  expect(ready('app')?.message).not.toContain('planted');
  await until('the other one to go on', () => value('other') === 'two' && reason('other') === 'Synced');

  await daemon.apply(map('a', 'by hand'), 'kubectl-edit', true);
  await until('what was changed by hand to be put back', () => value('a') === 'one');
  await daemon.delete('ConfigMap/default/a');
  await until('what was removed by hand to be put back', () => value('a') === 'one');
  expect([value('b'), reason('app')]).toEqual(['one', 'FetchFailed']);

  http.instead = () => false;
  http.passing = (chunk) => chunk;
  http.login = undefined;
  await until('it to recover', () => reason('app') === 'Synced' && value('a') === 'two');
  expect([value('large'), value('b')]).toEqual([large, undefined]);
  expect((daemon.get('GitSync', 'app') as GitSync).status?.applied?.commit).toBe(newest);
});

it('the cache of a url that no sync has any more is removed, and the others are of use as before', async () => {
  await start();
  const caches = () => readdirSync(join(folder, 'repositories'));
  expect(caches()).toHaveLength(2);
  await daemon.delete('GitSync/default/app');
  await until('it to be gone', () => daemon.get('GitSync', 'app') === undefined);
  await daemon.runtimes
    .get('GitSync')
    ?.chores?.find(({ name }) => name === 'git caches')
    ?.run();
  expect(caches()).toHaveLength(1);
  theirs.commit(file('other', 'two'));
  await until('the other one to go on', () => value('other') === 'two' && reason('other') === 'Synced');
});
