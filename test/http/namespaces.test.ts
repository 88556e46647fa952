import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

const NAMESPACES = '/api/v1/namespaces';
let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
});
afterAll(() => daemon.stop());

const namespace = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
  spec,
});
const read = async (name: string) => (await call(daemon, 'GET', `${NAMESPACES}/${name}`)).json<Resource>();

describe('namespaces over the API', () => {
  it('default is there, and is not deleted', async () => {
    expect(await read('default')).toMatchObject({ kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'default' } });
    const refused = await call(daemon, 'DELETE', `${NAMESPACES}/default`);
    expect([refused.status, refused.json<Refusal>().reason]).toEqual([403, 'Forbidden']);
  });

  it('are made, listed, changed and have a status; paths of what is in them are others', async () => {
    expect((await call(daemon, 'POST', NAMESPACES, { body: namespace('team') })).status).toBe(201);
    const list = (await call(daemon, 'GET', NAMESPACES)).json<{ items: Resource[] }>();
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['default', 'team']);
    const labels = { metadata: { labels: { of: 'us' } } };
    const headers = { 'content-type': 'application/merge-patch+json' };
    expect((await call(daemon, 'PATCH', `${NAMESPACES}/team`, { headers, body: labels })).status).toBe(200);
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' };
    expect((await call(daemon, 'PATCH', `${NAMESPACES}/team`, { headers: strategic, body: labels })).status).toBe(200);
    expect((await call(daemon, 'GET', `${NAMESPACES}/team/status`)).json<Resource>().metadata.labels).toEqual({
      of: 'us',
    });
    expect((await call(daemon, 'GET', `${NAMESPACES}/team/history`)).status).toBe(200);
    expect((await call(daemon, 'GET', `${NAMESPACES}/team/configmaps`)).json<{ items: [] }>().items).toEqual([]);
    expect((await call(daemon, 'GET', `${NAMESPACES}/nobody`)).status).toBe(404);
    const discovered = (await call(daemon, 'GET', '/api/v1')).json<{
      resources: { name: string; namespaced: boolean }[];
    }>();
    expect(discovered.resources).toContainEqual(expect.objectContaining({ name: 'namespaces', namespaced: false }));
  });

  it('refuse what is in none that exists, count what is in them, and take it with them', async () => {
    const orphan = { body: vpc('net', { cidrBlock: '10.3.0.0/24' }) };
    const refused = await call(daemon, 'POST', pathOf('vpcs', undefined, 'nobody'), orphan);
    expect([refused.status, refused.json<Refusal>().message]).toEqual([
      404,
      'namespaces "nobody" not found: create it first (kind: Namespace)',
    ]);
    const headers = { 'content-type': 'application/merge-patch+json' };
    await call(daemon, 'PATCH', `${NAMESPACES}/team`, { headers, body: { spec: { quota: { instances: 1 } } } });
    const made = async (path: string, body: object) => (await call(daemon, 'POST', path, { body })).status;
    expect(await made(pathOf('vpcs', undefined, 'team'), vpc('net', { cidrBlock: '10.3.0.0/24' }))).toBe(201);
    const instances = pathOf('instances', undefined, 'team');
    const web = (name: string) => instance(name, { image: 'app:1', vpc: 'net' });
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => made(instances, web(name))));
    expect(answers.toSorted()).toEqual([201, 403, 403]);
    expect((await read('team')).status).toMatchObject({ quota: { hard: { instances: 1 }, used: { instances: 1 } } });
    expect((await call(daemon, 'DELETE', `${NAMESPACES}/team`)).status).toBe(200);
    await eventually(
      'the namespace to be gone',
      async () => (await call(daemon, 'GET', `${NAMESPACES}/team`)).status === 404,
    );
    expect((await call(daemon, 'GET', instances)).json<{ items: [] }>().items).toEqual([]);
  });
});
