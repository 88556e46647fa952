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
      { type: 'MODIFIED', manager: 'miniaws', changed: ['spec.image', 'spec.env'] },
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
