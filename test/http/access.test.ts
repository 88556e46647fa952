import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { READ_VERBS } from '../../src/api/access.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { Permission } from '../../src/http/permissions.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, execSocket, watch } from '../support/http.ts';
import type { Endpoint, Refusal } from '../support/http.ts';
import { asKey, keyPath, statusOf } from '../support/keys.ts';
import { pathOf, vpc } from '../support/manifests.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { allRoutes, pathIn } from '../support/routes.ts';

const ROOT = '/apis/miniaws.dev/v1';
const NAMESPACES = '/api/v1/namespaces';
let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  await makeNamespaces(daemon, 'shop', 'prod');
});
afterAll(() => daemon.stop());

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: {} });
const maps = (namespace?: string) =>
  namespace === undefined ? '/api/v1/configmaps' : `${NAMESPACES}/${namespace}/configmaps`;
const list = async (who: Endpoint, path: string) =>
  (await call(who, 'GET', path)).json<{ items: Resource[]; metadata: { resourceVersion: string } }>();
const named = ({ items }: { items: readonly Resource[] }) =>
  items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
describe('permissions', () => {
  it('every route and upgrade refuses a key that may nothing, but for those that tell nothing', async () => {
    const nobody = await asKey(daemon, 'nobody', { rules: [{ verbs: ['get'], resources: ['nothing'] }] });
    const { routes, upgrades } = await allRoutes();
    expect(routes.length).toBeGreaterThan(60);
    const wrong: string[] = [];
    for (const route of routes) {
      const { method, permission } = route;
      const path = pathIn(route, 'shop');
      if (path === undefined || permission === 'authenticated' || permission === 'anonymous' || method === 'HEAD')
        continue;
      const answer = await call(nobody, method, path, method === 'GET' ? {} : { body: {} });
      if (answer.status !== 403) wrong.push(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 100)}`);
    }
    expect(wrong).toEqual([]);
    expect(upgrades.length).toBeGreaterThan(0);
    for (const pattern of upgrades) {
      const path = pattern.source
        .replaceAll('\\/', '/')
        .replaceAll('\\.', '.')
        .replaceAll(/\(\?<\w+>\[\^\/\]\+\)/g, 'x')
        .replaceAll(/[\^$]/g, '');
      const socket = execSocket(nobody, `${path}?command=ls`);
      const answer = await new Promise((resolve) => {
        socket.on('unexpected-response', (_request, response) => resolve(response.statusCode));
        socket.on('open', () => resolve('open'));
        socket.on('error', () => undefined);
      });
      expect(answer, path).toBe(403);
      socket.terminate();
    }
  });

  it('a key that reads changes nothing, runs nothing, and sees no secret and no key by any way', async () => {
    const viewer = await asKey(daemon, 'viewer', { role: 'view' });
    const { routes } = await allRoutes();
    const wrong: string[] = [];
    for (const route of routes) {
      const { method, permission } = route;
      const path = pathIn(route, 'shop');
      if (path === undefined || typeof permission !== 'object' || READ_VERBS.some((verb) => verb === permission.verb))
        continue;
      const answer = await call(viewer, method, path, { body: {} });
      if (answer.status !== 403) wrong.push(`${method} ${path}: ${answer.status}`);
    }
    expect(wrong).toEqual([]);
    const secrets = `${NAMESPACES}/shop/secrets`;
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'pw' },
      stringData: { password: 'hidden-word' },
    };
    expect(await statusOf(daemon, 'POST', secrets, secret)).toBe(201);
    const hidden = [
      secrets,
      `${secrets}/pw`,
      `${secrets}/pw/status`,
      `${secrets}/pw/history`,
      `${secrets}?watch=true`,
      '/api/v1/secrets',
    ];
    for (const path of [...hidden, `${ROOT}/apikeys`, keyPath('admin'), `${ROOT}/apikeyuses`, `${ROOT}/auditevents`])
      expect(await statusOf(viewer, 'GET', path), path).toBe(403);
    const reads = [`${secrets}/pw/plan`, `${pathOf('instances', 'none', 'shop')}/plan`];
    for (const path of reads)
      expect((await call(viewer, 'POST', path, { body: {} })).text, path).not.toContain('hidden-word');
    const readable = [
      '/api/v1/events',
      `${ROOT}/reconcilelogs`,
      '/metrics',
      '/openapi/v3',
      `${ROOT}/images`,
      `${ROOT}/volumes`,
    ];
    for (const path of readable) {
      const answer = await call(viewer, 'GET', path);
      expect([path, answer.status, answer.text.includes('hidden-word')]).toEqual([path, 200, false]);
    }
    const told = (await call(viewer, 'GET', `${ROOT}/reconcilelogs`)).text;
    expect([told.includes('"kind":"ApiKey"'), told.includes('"kind":"ReconcileLogList"')]).toEqual([false, true]);
    for (const header of ['x-remote-user', 'impersonate-user', 'x-forwarded-user'])
      expect((await call(viewer, 'GET', secrets, { headers: { [header]: 'admin' } })).status).toBe(403);
    for (const path of [
      '//api/v1/secrets',
      '/api/v1/./secrets',
      '/API/v1/secrets',
      '/api/v1/namespaces/shop%2fsecrets',
      '/api/v1/namespaces/../secrets',
    ])
      expect([403, 404], path).toContain(await statusOf(viewer, 'GET', path));
    expect(
      (await call(viewer, 'POST', secrets, { headers: { 'x-http-method-override': 'GET' }, body: secret })).status,
    ).toBe(403);
  });

  it('an open route tells nothing of any object, and an anonymous one looks by itself', async () => {
    const { routes } = await allRoutes();
    const open = (permission: Permission) =>
      [...new Set(routes.filter((route) => route.permission === permission).map(({ url }) => url))].toSorted();
    expect(open('anonymous')).toEqual(['/hooks/git/:namespace/:name']);
    const known =
      /^\/(version|healthz|livez|readyz(\/:check)?|api|apis|openapi\/.*|apis?\/[^:]*v\d[a-z0-9]*|apis\/[^/]+|apis\/(authentication|authorization)\.k8s\.io\/v1\/self[a-z]+)$/;
    expect(open('authenticated').filter((url) => !known.test(url))).toEqual([]);
  });

  it('a developer of one namespace works in it, and nowhere else', async () => {
    const anna = await asKey(daemon, 'anna', { userId: 'anna', role: 'edit', namespaces: ['shop'] });
    expect(await statusOf(anna, 'POST', maps('shop'), configMap('a'))).toBe(201);
    expect(await statusOf(anna, 'PATCH', `${maps('shop')}/a`, { data: { x: 'y' } })).toBe(200);
    expect(await statusOf(anna, 'POST', maps('prod'), configMap('a'))).toBe(403);
    expect(await statusOf(anna, 'GET', `${maps('prod')}/a`)).toBe(403);
    expect(await statusOf(anna, 'GET', `${maps('prod')}/none`)).toBe(403);
    expect(await statusOf(anna, 'GET', `${NAMESPACES}/shop`)).toBe(200);
    expect(await statusOf(anna, 'DELETE', `${NAMESPACES}/shop`)).toBe(403);
    expect(await statusOf(anna, 'DELETE', maps())).not.toBe(200);
    expect(await statusOf(anna, 'GET', `${ROOT}/apikeys`)).toBe(403);
    expect(await statusOf(anna, 'GET', `${ROOT}/auditevents`)).toBe(403);
    const refused = (await call(anna, 'GET', maps('prod'))).json<Refusal>();
    expect(refused.message).toMatch(
      /^configmaps is forbidden: User "anna" cannot list resource "configmaps" in API group "" in the namespace "prod"/,
    );
    expect(await statusOf(anna, 'DELETE', `${maps('shop')}/a`)).toBe(200);
  });

  it('a machine that may roll one group patches that one, makes none, and lists it alone', async () => {
    const groups = (namespace = 'shop') => `${ROOT}/namespaces/${namespace}/scalinggroups`;
    const group = (name: string) => ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'ScalingGroup',
      metadata: { name },
      spec: { vpc: 'net', minInstances: 0, maxInstances: 2, desiredCount: 0, template: { spec: { image: 'app:1' } } },
    });
    expect(await statusOf(daemon, 'POST', pathOf('vpcs', undefined, 'shop'), vpc('net', {}))).toBe(201);
    for (const name of ['web', 'api']) expect(await statusOf(daemon, 'POST', groups(), group(name))).toBe(201);
    const ci = await asKey(daemon, 'ci', {
      rules: [
        {
          verbs: ['get', 'list', 'patch'],
          resources: ['scalinggroups'],
          namespaces: ['shop'],
          resourceNames: ['web', 'new'],
        },
      ],
    });
    const roll = { spec: { template: { spec: { image: 'app:2' } } } };
    expect(await statusOf(ci, 'PATCH', `${groups()}/web`, roll)).toBe(200);
    expect(await statusOf(ci, 'PATCH', `${groups()}/api`, roll)).toBe(403);
    expect(await statusOf(ci, 'PATCH', `${groups()}/web/scale`, { spec: { replicas: 1 } })).toBe(403);
    expect(await statusOf(ci, 'DELETE', `${groups()}/web`)).toBe(403);
    expect(named(await list(ci, groups()))).toEqual(['shop/web']);
    expect(named(await list(ci, `${ROOT}/scalinggroups`))).toEqual(['shop/web']);
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const made = await call(ci, 'PATCH', `${groups()}/new?fieldManager=ci`, { headers, body: group('new') });
    expect([made.status, made.json<Refusal>().message]).toEqual([
      403,
      expect.stringMatching(/cannot create resource "scalinggroups"/),
    ]);
  });

  it('nobody grants more than they have, by a key, another token of it, or a sync', async () => {
    const keeper = await asKey(daemon, 'keeper', {
      role: 'edit',
      namespaces: ['shop'],
      rules: [
        { verbs: ['*'], resources: ['apikeys', 'apikeys/token', 'apikeys/status'] },
        { verbs: ['impersonate'], resources: ['users'], resourceNames: ['fine', 'more'] },
      ],
    });
    const key = (name: string, spec: object) => ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'ApiKey',
      metadata: { name },
      spec,
    });
    const post = (body: object) => call(keeper, 'POST', `${ROOT}/apikeys`, { body });
    expect((await post(key('fine', { role: 'view', namespaces: ['shop'] }))).status).toBe(201);
    const refused = await post(key('more', { role: 'view' }));
    expect([refused.status, refused.json<Refusal>().message]).toEqual([
      403,
      expect.stringMatching(/apikeys.miniaws.dev "more" is forbidden: User "keeper" may not grant .* get namespaces/),
    ]);
    expect(await statusOf(keeper, 'PATCH', keyPath('fine'), { spec: { role: 'admin', namespaces: null } })).toBe(403);
    expect(await statusOf(keeper, 'POST', `${keyPath('admin')}/token`, {})).toBe(403);
    expect(await statusOf(keeper, 'POST', `${keyPath('fine')}/token`, {})).toBe(201);
    expect(await statusOf(daemon, 'PATCH', `${keyPath('fine')}/status`, { status: { tokens: [] } })).toBe(403);
    const sync = (name: string, spec: object) => ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'GitSync',
      metadata: { name },
      spec: { url: 'https://git.invalid/a.git', ...spec },
    });
    const syncs = pathOf('gitsyncs', undefined, 'shop');
    expect(await statusOf(keeper, 'POST', syncs, sync('all', {}))).toBe(403);
    expect(await statusOf(keeper, 'POST', syncs, sync('prod', { targetNamespace: 'prod' }))).toBe(403);
    expect(await statusOf(keeper, 'POST', syncs, sync('shop', { targetNamespace: 'shop' }))).toBe(201);
  });

  it('a sync is made, told its status, and deleted by who may do what it does, and reads what its maker reads', async () => {
    const syncs = pathOf('gitsyncs', undefined, 'shop');
    const sync = (name: string, spec: object) => ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'GitSync',
      metadata: { name },
      spec: { url: 'https://git.invalid/a.git', ...spec },
    });
    expect(await statusOf(daemon, 'POST', syncs, sync('adm', {}))).toBe(201);
    const editor = await asKey(daemon, 'editor', { role: 'edit', namespaces: ['shop'] });
    const owner = await asKey(daemon, 'owner', {
      role: 'admin',
      namespaces: ['shop'],
      rules: [{ verbs: ['*'], resources: ['gitsyncs/*'] }],
    });
    expect(await statusOf(editor, 'DELETE', `${syncs}/adm`)).toBe(403);
    expect(await statusOf(editor, 'PATCH', `${syncs}/adm`, { spec: { suspend: true } })).toBe(403);
    for (const who of [owner, daemon])
      expect(
        await statusOf(who, 'PATCH', `${syncs}/adm/status`, { status: { applied: { commit: 'a'.repeat(40) } } }),
      ).toBe(403);
    const blind = await asKey(daemon, 'blind', {
      role: 'edit',
      namespaces: ['prod'],
      rules: [{ verbs: ['create'], resources: ['gitsyncs'], namespaces: ['shop'] }],
    });
    const reading = sync('reads', { targetNamespace: 'prod', substitute: { from: [{ secret: 'pw' }] } });
    expect(await statusOf(blind, 'POST', syncs, reading)).toBe(403);
    expect(await statusOf(blind, 'POST', syncs, sync('plain', { targetNamespace: 'prod' }))).toBe(201);
    expect(await statusOf(daemon, 'DELETE', `${syncs}/adm`)).toBe(200);
  });

  it('a name in a selector is believed where the answer has that object alone', async () => {
    const resources = ['events', 'reconcilelogs', 'apikeys', 'auditevents', 'instances', 'instances/metrics'];
    const named = await asKey(daemon, 'named', {
      rules: [{ verbs: ['get', 'list', 'watch'], resources, resourceNames: ['web'] }],
    });
    const selector = 'fieldSelector=metadata.name%3Dweb';
    for (const path of ['/api/v1/events', `${ROOT}/reconcilelogs`]) {
      const { items } = await list(named, `${path}?${selector}`);
      const names = items.map((item) => item as { involvedObject?: { name: string }; entry?: { name: string } });
      expect(names.filter(({ involvedObject, entry }) => (involvedObject ?? entry)?.name !== 'web')).toEqual([]);
    }
    for (const path of [`${ROOT}/apikeyuses`, `${ROOT}/auditevents`])
      expect(await statusOf(named, 'GET', `${path}?${selector}`)).toBe(403);
    expect((await list(named, `${ROOT}/instancemetrics?${selector}`)).items).toEqual([]);
  });

  it('a key in the name of another is made by who may impersonate that one', async () => {
    const maker = await asKey(daemon, 'maker', {
      role: 'view',
      rules: [{ verbs: ['create'], resources: ['apikeys'] }],
    });
    const body = {
      apiVersion: 'miniaws.dev/v1',
      kind: 'ApiKey',
      metadata: { name: 'other' },
      spec: { userId: 'admin', role: 'view' },
    };
    const refused = await call(maker, 'POST', `${ROOT}/apikeys`, { body });
    expect([refused.status, refused.json<Refusal>().message]).toEqual([
      403,
      expect.stringMatching(/impersonate users named admin/),
    ]);
  });

  it('the last key that may do everything stays, one by one and in a collection', async () => {
    expect(await statusOf(daemon, 'DELETE', keyPath('admin'))).toBe(403);
    expect(await statusOf(daemon, 'PATCH', keyPath('admin'), { spec: { role: 'view' } })).toBe(422);
    const second = await asKey(daemon, 'second', { role: 'admin' });
    const both = '?labelSelector=' + encodeURIComponent('of=us');
    for (const name of ['admin', 'second'])
      expect(await statusOf(daemon, 'PATCH', keyPath(name), { metadata: { labels: { of: 'us' } } })).toBe(200);
    expect(await statusOf(daemon, 'DELETE', `${ROOT}/apikeys${both}`)).toBe(403);
    expect(await statusOf(second, 'DELETE', keyPath('second'))).toBe(200);
    expect(await statusOf(second, 'GET', `${ROOT}/apikeys`)).toBe(401);
  });
});

describe('a key that sees a part of all namespaces', () => {
  it('hears of that part alone: no count, no revision and no name of the rest', async () => {
    const shop = await asKey(daemon, 'part', { role: 'view', namespaces: ['shop'] });
    expect(await statusOf(daemon, 'POST', maps('shop'), configMap('mine'))).toBe(201);
    const before = await list(shop, maps());
    const open = await watch(
      shop,
      `${maps()}?watch=true&allowWatchBookmarks=true&resourceVersion=${before.metadata.resourceVersion}`,
    );
    for (const name of ['x', 'y', 'z']) expect(await statusOf(daemon, 'POST', maps('prod'), configMap(name))).toBe(201);
    expect(named(before)).toEqual(['shop/mine']);
    expect(await list(shop, maps())).toEqual(before);
    expect((await list(shop, `${maps()}?limit=1`)).metadata).toEqual(before.metadata);
    expect(await statusOf(daemon, 'DELETE', `${maps('prod')}/x`)).toBe(200);
    expect(await list(shop, maps())).toEqual(before);
    expect(await statusOf(daemon, 'DELETE', `${maps('shop')}/mine`)).toBe(200);
    await open.next('its own deletion', ({ type }) => type === 'DELETED');
    expect(open.events.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual(['DELETED mine']);
    const after = await list(shop, maps());
    expect(after.items).toEqual([]);
    expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
    open.close();
    const events = await list(shop, '/api/v1/events');
    expect(new Set(events.items.map(({ metadata }) => metadata.namespace))).toEqual(new Set(['shop']));
  });

  it('is not told the names of others that its own objects clash with', async () => {
    expect(
      await statusOf(
        daemon,
        'POST',
        pathOf('vpcs', undefined, 'prod'),
        vpc('secret-net', { cidrBlock: '10.77.0.0/24' }),
      ),
    ).toBe(201);
    const shop = await asKey(daemon, 'clash', { role: 'edit', namespaces: ['shop'] });
    const refused = await call(shop, 'POST', pathOf('vpcs', undefined, 'shop'), {
      body: vpc('net2', { cidrBlock: '10.77.0.0/24' }),
    });
    expect(refused.status).toBe(422);
    expect(refused.text).not.toContain('secret-net');
    expect(refused.json<Refusal>().message).toContain('an object of another namespace');
  });
});
