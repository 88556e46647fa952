import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { pathOf } from '../support/manifests.ts';
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
      [expect.any(String), expect.stringMatching(/^20.*Z$/), 'miniaws', '<none>', 'spec.env, spec.image'],
      [expect.any(String), expect.stringMatching(/^20.*Z$/), 'miniaws', '<none>', 'created'],
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
