import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { GitSync } from '../../src/kinds/git-sync/types.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { testRepository } from '../support/git.ts';
import type { TestRepository } from '../support/git.ts';
import { call } from '../support/http.ts';
import { pathOf } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';
import { run } from './support.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated', env: { MINIAWS_METRICS_INTERVAL: '0' } });
});
afterAll(() => daemon?.stop());

const miniaws = (args: readonly string[], stdin = '') => run(args, { kubeconfig: daemon.kubeconfigPath, stdin });
const instance = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'miniaws.dev/v1', kind: 'Instance', metadata: { name }, spec });
const apply = async (manifest: string) =>
  expect(await miniaws(['apply', '-f', '-'], manifest)).toMatchObject({ code: 0 });

interface Item {
  revision: number;
  time: string;
  type: string;
  manager?: string;
  source?: string;
  changed?: string[];
  object: { metadata: object; spec?: { image: string }; data?: object; status?: object };
}
const historyOf = async (path: string) =>
  (await call(daemon, 'GET', `${path}/history`)).json<{ items: Item[] }>().items;

describe('GET …/history', () => {
  const path = pathOf('instances', 'told');

  it('has who changed what, when and from which commit; no status, and the limit', async () => {
    await apply(instance('told', { image: 'app:1' }));
    expect((await miniaws(['wait', 'instance/told', '--for', 'condition=Ready'])).code).toBe(0);
    await apply(instance('told', { image: 'app:2', env: { COLOUR: 'red' } }));
    const body = { metadata: { annotations: { 'miniaws.dev/source': 'abcdef012345 web.yaml' }, labels: { a: 'b' } } };
    const headers = { 'content-type': 'application/merge-patch+json' };
    expect((await call(daemon, 'PATCH', `${path}?fieldManager=gitsync/default/app`, { headers, body })).status).toBe(
      200,
    );
    const items = await historyOf(path);
    expect(items.map(({ type, manager, changed, source }) => ({ type, manager, changed, source }))).toEqual([
      { type: 'ADDED', manager: 'miniaws' },
      { type: 'MODIFIED', manager: 'miniaws', changed: ['spec.env', 'spec.image'] },
      {
        type: 'MODIFIED',
        manager: 'gitsync/default/app',
        changed: ['metadata.labels', 'metadata.annotations'],
        source: 'abcdef012345 web.yaml',
      },
    ]);
    expect(items.map(({ object }) => object.spec?.image)).toEqual(['app:1', 'app:2', 'app:2']);
    expect(items.every(({ object }) => !('status' in object) && !('managedFields' in object.metadata))).toBe(true);
    expect(items.map(({ time }) => time)).toEqual(items.map(({ time }) => time).toSorted());
    const one = (await call(daemon, 'GET', `${path}/history?limit=1`)).json<{ items: Item[] }>().items;
    expect(one).toEqual(items.slice(-1));
  });

  it('goes on after the deletion, and shows no value of a Secret', async () => {
    const secret = (password: string) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key' }, stringData: { password } });
    await apply(secret('first'));
    await apply(secret('second'));
    await miniaws(['delete', 'secret/key']);
    const items = await historyOf('/api/v1/namespaces/default/secrets/key');
    expect(items.map(({ type, changed }) => [type, changed])).toEqual([
      ['ADDED', undefined],
      ['MODIFIED', ['data.password']],
      ['DELETED', undefined],
    ]);
    expect(items[1]?.object.data).toEqual({ password: '***' });
    expect((await call(daemon, 'GET', `${pathOf('instances', 'never')}/history`)).status).toBe(404);
  });
});

describe('history and rollback of any kind', () => {
  const path = pathOf('instances', 'back');
  const now = async () => (await call(daemon, 'GET', path)).json<Item['object'] & { metadata: { labels?: object } }>();
  const revisions = async () => (await historyOf(path)).map(({ revision }) => revision);

  it('tells who changed what, and what differs in one of the versions', async () => {
    await apply(instance('back', { image: 'app:1' }));
    await apply(instance('back', { image: 'app:2', env: { COLOUR: 'red' } }));
    const { out } = await miniaws(['history', 'instance/back']);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['REVISION', 'WHEN', 'WHO', 'COMMIT', 'WHAT CHANGED'],
      [expect.any(String), expect.stringMatching(/^20.*Z$/), 'admin (miniaws)', '<none>', 'spec.env, spec.image'],
      [expect.any(String), expect.stringMatching(/^20.*Z$/), 'admin (miniaws)', '<none>', 'created'],
      [''],
    ]);
    const [first, second] = await revisions();
    const diff = (await miniaws(['history', 'instance', 'back', '--diff', String(second)])).out;
    expect(diff).toContain(`--- revision ${first}\n+++ revision ${second}\n`);
    expect(diff).toContain('-  image: app:1\n+  image: app:2\n');
    expect((await miniaws(['history', 'instance/back', '--revision', String(first)])).out).toContain('image: app:1\n');
    expect((await miniaws(['history', 'instance/back', '--diff', '1'])).err).toContain(
      `has no revision 1; it has ${first}, ${second}`,
    );
    expect((await miniaws(['history', 'scalinggroup/web', '--diff', '1'])).err).toContain(
      '--diff means nothing to scalinggroup.miniaws.dev/web, which takes --revision',
    );
  });

  it('brings a version back when that is confirmed, with the change and the plan told before', async () => {
    const [first] = await revisions();
    const shown = await miniaws(['rollback', 'instance/back', '--dry-run']);
    expect(shown).toMatchObject({
      code: 0,
      out: expect.stringContaining('-  image: app:2\n+  image: app:1\n') as string,
    });
    expect(shown.out).toContain('plan:');
    const unasked = await miniaws(['rollback', 'instance/back']);
    expect([unasked.code, unasked.err]).toEqual([1, expect.stringContaining('add --yes')]);
    expect((await now()).spec?.image).toBe('app:2');
    const to = ['rollback', 'instance/back', '--to-revision', String(first), '--yes'];
    expect((await miniaws([...to, '--wait'])).out).toContain(`rolled back to revision ${first}\n`);
    expect((await now()).spec).toMatchObject({ image: 'app:1' });
    expect((await now()).spec).not.toHaveProperty('env');
    expect((await historyOf(path)).at(-1)).toMatchObject({
      manager: 'miniaws-rollback',
      changed: ['spec.env', 'spec.image'],
    });
    expect((await miniaws(to)).out).toContain('nothing was changed');
    expect((await miniaws(['rollback', 'instance/back', '--to', 'abc'])).err).toContain('--to means nothing to');
  });

  it('is refused for what has secret values, and says how what is gone is made again', async () => {
    expect((await miniaws(['rollback', 'secret/key'])).err).toContain('values that its history does not show');
    const [first] = await revisions();
    await miniaws(['delete', 'instance/back']);
    const gone = await miniaws(['rollback', 'instance/back', '--to-revision', String(first), '--yes']);
    expect(gone.err).toContain('does not exist any more; to make it again: miniaws history instance.miniaws.dev/back');
    const { out } = await miniaws(['history', 'instance/back', '--revision', String(first)]);
    expect((await miniaws(['apply', '-f', '-'], out)).code).toBe(0);
    expect((await now()).spec?.image).toBe('app:1');
  });
});

describe('miniaws sync', () => {
  let repository: TestRepository;
  const file = (image: string) => instance('synced', { image });
  beforeAll(() => {
    repository = testRepository();
  });
  afterAll(() => repository?.remove());
  const sync = (...args: string[]) => miniaws(['sync', ...args]);
  const objectNow = async () => (await call(daemon, 'GET', pathOf('instances', 'synced'))).json<Resource>();
  const syncNow = async () => (await call(daemon, 'GET', pathOf('gitsyncs', 'app'))).json<GitSync>();
  const reason = async () => findCondition(await syncNow(), 'Ready')?.reason;
  const has = (image: string) =>
    eventually(`${image} to be there`, async () => ((await objectNow()).spec as { image?: string }).image === image);
  const commits: string[] = [];
  const push = (files: Record<string, string | undefined>) => commits.push(repository.commit(files));

  it('create prints the manifest, applies it and waits until all is Ready', async () => {
    push({ 'deploy/web.yaml': file('app:1'), 'deploy/other.yaml': instance('other', { image: 'app:1' }) });
    const create = ['create', 'app', '--url', repository.url, '--branch', 'main', '--path', 'deploy', '--prune'];
    const { code, out, err } = await sync(...create, '--interval', '1h');
    expect([code, err]).toEqual([0, expect.any(String)]);
    expect(out).toContain(
      `  name: app\n  namespace: default\nspec:\n  url: ${repository.url}\n  ref:\n    branch: main\n`,
    );
    expect(out).toContain('gitsync.miniaws.dev/app created');
    expect((await objectNow()).metadata.annotations).toEqual({ 'miniaws.dev/source': `${commits[0]} deploy/web.yaml` });
    expect((await sync('create', 'bad', '--url', 'nowhere')).err).toContain('sync create:7:8: spec.url: ');
    expect((await sync('list')).out).toMatch(
      new RegExp(`^app +main +${commits[0]?.slice(0, 10)} +2 +Synced +True`, 'm'),
    );
    const completed = async (...words: string[]) => (await miniaws(['__complete', '--', 'sync', ...words])).out;
    expect([await completed('allow'), await completed('now', 'a')]).toEqual(['allow-prune\nallow-rewrite\n', 'app\n']);
    const { out: got } = await sync('get', 'app');
    expect(got).toMatch(/Follows: +branch main, folder deploy\n/);
    expect(got).toMatch(/Ready: +True {2}Synced/);
  });

  it('now fetches what was pushed; the history of the object has the commit', async () => {
    push({ 'deploy/web.yaml': file('app:2') });
    expect((await sync('now', 'app')).out).toContain('gitsync.miniaws.dev/app asks the remote now');
    await has('app:2');
    const { out } = await miniaws(['history', 'instance/synced']);
    expect(out).toMatch(
      new RegExp(`gitsync/default/app +${commits[1]?.slice(0, 10)} +spec.image, metadata.annotations`),
    );
    await eventually(
      'Synced',
      async () => (await reason()) === 'Synced' && (await syncNow()).status?.healthy?.commit === commits[1],
    );
    expect((await sync('diff', 'app')).out).toBe('plan: nothing to do on the Engine\n');
  });

  it('rollback holds it at a commit for a time, and none lets it go on', async () => {
    const { out } = await sync('history', 'app');
    expect(out).toMatch(
      new RegExp(
        `^${commits[1]?.slice(0, 10)} +20\\S+ +\\+0 ~1 -0 +Synced +\\S+s +Ada +a change\n${commits[0]?.slice(0, 10)} +20\\S+ +\\+2 ~0 -0 +Synced `,
        'm',
      ),
    );
    const pinned = await sync('rollback', 'app', '--to', commits[0]?.slice(0, 8) ?? '', '--for', '2h', '--wait');
    expect(pinned.out).toMatch(new RegExp(`app pinned to commit ${commits[0]?.slice(0, 10)} until 20`));
    await has('app:1');
    expect((await sync('rollback', 'app', '--to', 'ffff')).err).toContain('app knows no commit ffff');
    expect((await miniaws(['rollback', 'gitsync/app', '--to', 'none'])).out).toContain('follows the repository again');
    await has('app:2');
    const back = await miniaws(['rollback', 'gitsync/app']);
    expect([back.err, back.out]).toEqual([
      '',
      expect.stringContaining(`pinned to commit ${commits[0]?.slice(0, 10)}\n`),
    ]);
    await has('app:1');
    // Each is an operation of its own, also one for a commit that was known before.
    const told = [0, 1, 0, 1, 0].map((n) => commits[n]?.slice(0, 10));
    await eventually('five operations', async () => {
      const [, ...operations] = (await sync('history', 'app')).out.trimEnd().split('\n');
      return isDeepStrictEqual(
        operations.map((line) => line.split(' ')[0]),
        told,
      );
    });
    expect((await sync('rollback', 'app', '--to', 'none')).code).toBe(0);
    expect((await syncNow()).spec.pin).toBeUndefined();
    await has('app:2');
  });

  it('suspend and resume; what the guard holds back goes once it is allowed', async () => {
    await sync('suspend', 'app');
    await eventually('Suspended', async () => (await reason()) === 'Suspended');
    await sync('resume', 'app');
    await eventually('Synced', async () => (await reason()) === 'Synced');
    expect((await sync('allow-prune', 'app')).err).toContain('holds no deletion back');
    push({
      'deploy/other.yaml': undefined,
      'deploy/web.yaml': undefined,
      'deploy/new.yaml': instance('new', { image: 'app:1' }),
    });
    await sync('now', 'app');
    await eventually('PruneBlocked', async () => (await reason()) === 'PruneBlocked');
    const allowed = await sync('allow-prune', 'app');
    expect(allowed.err).toMatch(/would delete 2 of \d objects/);
    expect(allowed.out).toContain(`may delete what commit ${commits[2]?.slice(0, 10)} has not`);
    await eventually(
      'the objects to be gone',
      async () => (await call(daemon, 'GET', pathOf('instances', 'synced'))).status === 404,
    );
  });

  it('a branch that was rewritten is followed once that is allowed', async () => {
    expect((await sync('allow-rewrite', 'app')).err).toContain('waits for no leave to go on');
    repository.git('checkout', '--quiet', '--orphan', 'other');
    push({ 'deploy/new.yaml': instance('new', { image: 'app:2' }) });
    repository.git('branch', '--quiet', '--force', 'main', 'HEAD');
    await sync('now', 'app');
    await eventually('HistoryRewritten', async () => (await reason()) === 'HistoryRewritten');
    const allowed = await sync('allow-rewrite', 'app');
    expect(allowed.err).toContain(`is not in the history of ${commits.at(-1)?.slice(0, 10)}`);
    expect(allowed.out).toContain(`goes on with commit ${commits.at(-1)?.slice(0, 10)}`);
    await eventually('Synced', async () => (await reason()) === 'Synced');
    expect((await syncNow()).status?.applied?.commit).toBe(commits.at(-1));
    expect((await sync('history', 'app', '--limit', '1', '-o', 'wide')).out).toContain('changed Instance default/new');
  });
});
