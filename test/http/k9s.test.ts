import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, watch } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

/** As k9s asks for what it prints (internal/dao/table.go). */
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io, application/json' };
let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated', env: { MINIAWS_METRICS_INTERVAL: '1' } });
  for (const body of [vpc('net', {}), instance('web', { image: 'app:1', vpc: 'net' })])
    expect((await call(daemon, 'POST', pathOf(`${body.kind.toLowerCase()}s`), { body })).status).toBe(201);
  await eventually('it to run', async () => {
    const { status } = (await call(daemon, 'GET', pathOf('instances', 'web'))).json<{ status?: { phase?: string } }>();
    return status?.phase === 'Running';
  });
});
afterAll(() => daemon.stop());

const get = async <T>(path: string, headers: Record<string, string> = {}): Promise<T> => {
  const answer = await call(daemon, 'GET', path, { headers });
  expect(answer.status, `${path}: ${answer.text}`).toBe(200);
  return answer.json<T>();
};

interface Discovered {
  name: string;
  namespaced: boolean;
  verbs: readonly string[];
}

/** Every resource that can be listed, as the client's discovery finds them: `[group path, resource]`. */
async function resources(): Promise<[string, Discovered][]> {
  const { groups } = await get<{ groups: { preferredVersion: { groupVersion: string } }[] }>('/apis');
  const roots = ['/api/v1', ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const lists = await Promise.all(
    roots.map(async (root) => {
      const found = await get<{ resources: Discovered[] }>(root);
      return found.resources.filter(({ name }) => !name.includes('/')).map((one): [string, Discovered] => [root, one]);
    }),
  );
  return lists.flat().filter(([, { verbs }]) => verbs.includes('list'));
}

describe("k9s' own calls", () => {
  it('the connection, the version and the groups, metrics among them', async () => {
    expect(await get<object>('/version')).toMatchObject({ major: '1', gitVersion: expect.stringMatching(/^v1\./) });
    const { groups } = await get<{ groups: { name: string; versions: { version: string }[] }[] }>('/apis');
    expect(groups.find(({ name }) => name === 'metrics.k8s.io')?.versions.map(({ version }) => version)).toContain(
      'v1beta1',
    );
  });

  it('whether it may list and watch each of them', async () => {
    for (const [root, { name }] of await resources()) {
      const group = root.startsWith('/apis/') ? root.split('/')[2] : '';
      for (const verb of ['list', 'watch']) {
        const body = { spec: { resourceAttributes: { namespace: '', group, resource: name, verb } } };
        const answer = await call(daemon, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body });
        expect([name, answer.json<{ status: { allowed: boolean } }>().status.allowed]).toEqual([name, true]);
      }
    }
  });

  it('a Table of everything, in all namespaces and in one', async () => {
    const all = await resources();
    expect(all.map(([, { name }]) => name)).toEqual(
      expect.arrayContaining(['instances', 'pods', 'nodes', 'namespaces', 'events']),
    );
    for (const [root, { name, namespaced }] of all) {
      const paths = [`${root}/${name}`, ...(namespaced ? [`${root}/namespaces/default/${name}`] : [])];
      for (const path of paths) {
        const table = await get<{ kind: string; columnDefinitions?: object[]; rows: { object: Resource }[] }>(
          path,
          TABLE,
        );
        // What has no Table is answered as a list, which is what the header asks for then.
        if (root.includes('metrics.k8s.io')) continue;
        expect([path, table.kind]).toEqual([path, 'Table']);
        expect(table.columnDefinitions?.length).toBeGreaterThan(0);
        for (const row of table.rows) expect(row.object.metadata.name).toBeTruthy();
      }
    }
  });

  it('an informer of everything: a list from the cache, then a watch with bookmarks', async () => {
    for (const [root, { name, verbs }] of await resources()) {
      if (!verbs.includes('watch')) continue;
      const list = await get<{ metadata: { resourceVersion: string }; items: unknown[] }>(
        `${root}/${name}?limit=500&resourceVersion=0`,
      );
      expect(Array.isArray(list.items), name).toBe(true);
      const from = list.metadata.resourceVersion;
      const open = await watch(
        daemon,
        `${root}/${name}?allowWatchBookmarks=true&resourceVersion=${from}&timeout=6m44s&timeoutSeconds=404&watch=true`,
      );
      expect([name, open.response.statusCode]).toEqual([name, 200]);
      open.close();
    }
  });

  it('what instances and the machine use', async () => {
    const pods = await eventually('a sample', async () => {
      const { items } = await get<{ items: { metadata: { name: string }; containers: { usage: object }[] }[] }>(
        '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods',
      );
      return items.length > 0 && items;
    });
    expect(pods[0]).toMatchObject({
      metadata: { name: 'web' },
      containers: [{ usage: { memory: expect.any(String) } }],
    });
    await get('/apis/metrics.k8s.io/v1beta1/nodes');
    await get('/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web');
  });

  it('definitions of other kinds, of which there are none here', async () => {
    const answer = await call(daemon, 'GET', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions');
    expect([answer.status, answer.json<{ reason: string }>().reason]).toEqual([404, 'NotFound']);
  });
});
