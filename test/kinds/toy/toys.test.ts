import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../../src/api/metadata.ts';
import { readConfig } from '../../../src/base/config.ts';
import { silentLog } from '../../../src/base/log.ts';
import { connectionOf } from '../../../src/cli/kubeconfig.ts';
import { startDaemon } from '../../../src/daemon/daemon.ts';
import type { Daemon } from '../../../src/daemon/daemon.ts';
import { openDataFolder } from '../../../src/host/data-folder.ts';
import { kindsOf } from '../../../src/kinds/index.ts';
import { filesOf, run } from '../../cli/support.ts';
import { freshDatabase } from '../../support/database.ts';
import type { TestDatabase } from '../../support/database.ts';
import { call } from '../../support/http.ts';
import type { Endpoint, Refusal } from '../../support/http.ts';
import { eventually } from '../../support/wait.ts';
import { TOYS } from './modules.ts';
import { grown } from './zone.ts';

/** A whole daemon in this process, over PostgreSQL, for which no Engine is there. */
let database: TestDatabase;
let dataDir: string;
let daemon: Daemon;
let api: Endpoint;

async function start(): Promise<void> {
  const nowhere = `unix://${join(dataDir, 'no-engine.sock')}`;
  const env = { MINIAWS_DATA_DIR: dataDir, MINIAWS_LISTEN: '127.0.0.1:0', DOCKER_HOST: nowhere };
  daemon = await startDaemon({
    config: readConfig({}, env),
    folder: await openDataFolder(dataDir),
    database: { url: database.url, source: 'configured' },
    log: silentLog,
    version: '0.0.0-test',
    modules: TOYS,
  });
  const { ca = '', token = '' } = connectionOf({ kubeconfig: join(dataDir, 'admin.kubeconfig') }, {}, '');
  api = { url: daemon.url, ca, token };
}

beforeAll(async () => {
  database = await freshDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'miniaws-toys-'));
  await start();
});
afterAll(async () => {
  await daemon?.stop();
  await database?.drop();
  await rm(dataDir, { recursive: true, force: true });
});

const NOTES = '/api/v1/namespaces/default/notes';
const ZONES = '/apis/toys.example/v1beta1/zones';
const noteNamed = (name: string, data: object) => ({ apiVersion: 'v1', kind: 'Note', metadata: { name }, data });
const zoneNamed = (name: string, size: number) => ({
  apiVersion: 'toys.example/v1beta1',
  kind: 'Zone',
  metadata: { name },
  spec: { size },
});
const get = async (path: string): Promise<Resource> =>
  (await call(api, 'GET', path)).json<Resource & Record<string, unknown>>();
const command = (...args: string[]) =>
  run(args, { kubeconfig: join(dataDir, 'admin.kubeconfig'), kinds: kindsOf(TOYS) });

describe('a kind of Kubernetes’ own group, with data in place of a spec, and nothing behind it', () => {
  it('may be as large as it says, and those of other kinds may not', async () => {
    const texts = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'x'.repeat(1_000)]));
    const size = { sizeless: 'x'.repeat(1_500_000) };
    expect((await call(api, 'POST', NOTES, { body: noteNamed('large', texts(1_500)) })).status).toBe(201);
    const other = await call(api, 'POST', ZONES, { body: { ...zoneNamed('large.zone', 1), ...size } });
    expect([other.status, other.json<Refusal>().message]).toEqual([
      413,
      expect.stringMatching(/^the document has \d+ bytes; one of kind Zone has at most 1048576: split it$/),
    ]);
    expect((await call(api, 'POST', NOTES, { body: noteNamed('larger', texts(2_200)) })).status).toBe(413);
    expect((await call(api, 'DELETE', `${NOTES}/large`)).status).toBe(200);
  });

  it('is made, changed with a new generation, and gone at its deletion', async () => {
    const made = await call(api, 'POST', NOTES, { body: noteNamed('first.note', { a: '1' }) });
    expect(made.status).toBe(201);
    const first = made.json<Resource & { data: object }>();
    expect(first).toMatchObject({
      apiVersion: 'v1',
      data: { a: '1' },
      metadata: { namespace: 'default', generation: 1 },
    });
    expect(first.metadata.finalizers).toBeUndefined();
    const headers = { 'content-type': 'application/merge-patch+json' };
    const patched = await call(api, 'PATCH', `${NOTES}/first.note`, { body: { data: { a: '2' } }, headers });
    expect(patched.json()).toMatchObject({ data: { a: '2' }, metadata: { generation: 2 } });
    expect((await call(api, 'DELETE', `${NOTES}/first.note`)).status).toBe(200);
    expect((await call(api, 'GET', `${NOTES}/first.note`)).status).toBe(404);
  });

  it('has an owner for each of its texts, and what one says is never repeated in a refusal', async () => {
    const apply = (manager: string, data: object) =>
      call(api, 'PATCH', `${NOTES}/owned?fieldManager=${manager}`, {
        body: noteNamed('owned', data),
        headers: { 'content-type': 'application/apply-patch+yaml' },
      });
    await apply('one', { a: '1' });
    await apply('two', { b: '2' });
    const conflict = await apply('two', { a: 'other' });
    expect(conflict.json<Refusal>()).toMatchObject({ reason: 'Conflict', details: { causes: [{ field: '.data.a' }] } });
    const refused = await call(api, 'POST', NOTES, { body: noteNamed('refused', { pin: 1234 }) });
    expect(refused.json<Refusal>().message).toBe(
      'Note "refused" is invalid: data.pin: expected a string (put it in quotes), found a number',
    );
  });
});

describe('a kind of the cluster, with dots in its names, whose controller needs no Engine', () => {
  it('is acted on while the Engine is away, which its own check says', async () => {
    expect((await call(api, 'POST', ZONES, { body: zoneNamed('eu.west', 3) })).status).toBe(201);
    const ready = await eventually('the zone', async () => {
      const found = await get(`${ZONES}/eu.west`);
      return (found.status as { phase?: string } | undefined)?.phase === 'Grown' ? found : undefined;
    });
    expect(ready.metadata.namespace).toBeUndefined();
    expect([...grown.values()]).toEqual([3]);
    expect((await call(api, 'GET', '/readyz')).status).toBe(200);
    expect((await call(api, 'GET', '/readyz/engine')).status).toBe(503);
  });

  it('is at no path with a namespace, and one in namespaces is at none without', async () => {
    const wrong = ['/apis/toys.example/v1beta1/namespaces/default/zones', '/api/v1/notes/first'];
    for (const path of wrong) expect((await call(api, 'GET', path)).status, path).toBe(404);
    const named = { ...zoneNamed('placed', 1), metadata: { name: 'placed', namespace: 'default' } };
    expect((await call(api, 'POST', ZONES, { body: named })).status).toBe(400);
  });

  it('is listed page by page, watched, and deleted when its controller says so', async () => {
    for (const name of ['a', 'b.c', 'd']) await call(api, 'POST', ZONES, { body: zoneNamed(name, 1) });
    const names: string[] = [];
    for (let token: string | undefined = ''; token !== undefined;) {
      const answer = await call(api, 'GET', `${ZONES}?limit=2&continue=${token}`);
      const page = answer.json<{ items: Resource[]; metadata: { continue?: string } }>();
      names.push(...page.items.map((item) => item.metadata.name));
      token = page.metadata.continue;
    }
    expect(names).toEqual(['a', 'b.c', 'd', 'eu.west']);
    for (const name of ['a', 'b.c', 'd']) await call(api, 'DELETE', `${ZONES}/${name}`);
    await eventually('their end', async () => (await call(api, 'GET', `${ZONES}/b.c`)).status === 404);
    expect([...grown.values()]).toEqual([3]);
  });
});

it('both are found by clients: in discovery, legacy and aggregated, and in OpenAPI', async () => {
  const core = (await call(api, 'GET', '/api/v1')).json<{ resources: { name: string; namespaced: boolean }[] }>();
  const views = /^(pods|nodes)(\/|$)/;
  const kinds = core.resources.filter(({ name }) => !views.test(name));
  expect(kinds.map(({ name, namespaced }) => [name, namespaced])).toEqual([
    ['events', true],
    ['namespaces', false],
    ['namespaces/status', false],
    ['configmaps', true],
    ['configmaps/status', true],
    ['secrets', true],
    ['secrets/status', true],
    ['notes', true],
    ['notes/status', true],
  ]);
  const toys = (await call(api, 'GET', '/apis/toys.example/v1beta1')).json<typeof core>();
  expect(toys.resources[0]).toMatchObject({ name: 'zones', namespaced: false });
  const groups = (await call(api, 'GET', '/apis')).json<{ groups: { name: string }[] }>();
  const ours = groups.groups.map(({ name }) => name).filter((name) => name !== 'metrics.k8s.io');
  expect(ours).toEqual(['miniaws.dev', 'toys.example']);
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const found = (await call(api, 'GET', '/apis', { headers: { accept } })).json<{
    items: { versions: { version: string; resources: { resource: string; scope: string }[] }[] }[];
  }>();
  expect(found.items[1]?.versions[0]).toMatchObject({
    version: 'v1beta1',
    resources: [{ resource: 'zones', scope: 'Cluster' }],
  });
  const documents = (await call(api, 'GET', '/openapi/v3')).json<{ paths: object }>();
  expect(Object.keys(documents.paths).toSorted()).toEqual([
    'api/v1',
    'apis/miniaws.dev/v1',
    'apis/toys.example/v1beta1',
  ]);
  const openapi = (await call(api, 'GET', '/openapi/v3/api/v1')).json<{
    components: { schemas: Record<string, object> };
  }>();
  expect(openapi.components.schemas['io.k8s.api.core.v1.Note']).toMatchObject({
    properties: { data: { type: 'object' } },
  });
});

it('both are worked with by the command as any other', async () => {
  const folder = await filesOf({
    'all.yaml': `apiVersion: toys.example/v1beta1
kind: Zone
metadata: {name: by.hand}
spec: {size: 2}
---
apiVersion: v1
kind: Note
metadata: {name: by.hand}
data: {hello: world}
`,
  });
  const applied = await command('apply', '-f', join(folder, 'all.yaml'), '--wait', '--timeout', '30s');
  expect(applied).toMatchObject({
    code: 0,
    out: expect.stringMatching(/note\/by\.hand created[^]*zone\.toys\.example\/by\.hand created/),
  });
  expect((await command('get', 'zones', '-o', 'name')).out).toBe(
    'zone.toys.example/by.hand\nzone.toys.example/eu.west\n',
  );
  expect((await command('get', 'note/by.hand', '-o', 'yaml')).out).toMatch(/\ndata:\n {2}hello: world\n/);
  expect((await command('describe', 'zone/by.hand')).out).not.toContain('Namespace:');
  expect((await command('why', 'zone/by.hand')).out).toMatch(/^Zone by\.hand is Ready/);
  const again = await command('apply', '-f', join(folder, 'all.yaml'));
  expect(again.out).toMatch(/unchanged[^]*unchanged/);
  expect((await command('delete', '-f', join(folder, 'all.yaml'))).code).toBe(0);
});

it('a daemon that is started anew over the same database has them as they were', async () => {
  await call(api, 'POST', NOTES, { body: noteNamed('kept', { a: '1' }) });
  const before = [await get(`${NOTES}/kept`), await get(`${ZONES}/eu.west`)];
  await daemon.stop();
  await start();
  expect([await get(`${NOTES}/kept`), await get(`${ZONES}/eu.west`)]).toEqual(before);
});
