import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import type { AuditEvent } from '../../src/api/audit.ts';
import { newToken } from '../../src/base/token.ts';
import type { ApiContext } from '../../src/http/context.ts';
import type { Permission } from '../../src/http/permissions.ts';
import { registerRoutes } from '../../src/http/server.ts';
import { imagesExtension } from '../../src/operator/images/route.ts';
import { masterKeyExtension } from '../../src/operator/master-key-route.ts';
import { orphansExtension } from '../../src/operator/orphans-route.ts';
import { volumesExtension } from '../../src/operator/volumes/route.ts';
import { World } from '../../src/proof/world.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, execSocket, watch } from '../support/http.ts';
import type { Endpoint, Refusal } from '../support/http.ts';
import { asKey, keyPath } from '../support/keys.ts';
import { pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

const ROOT = '/apis/miniaws.dev/v1';
const NAMESPACES = '/api/v1/namespaces';
const MERGE = { 'content-type': 'application/merge-patch+json' };
let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  for (const name of ['shop', 'prod']) {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    expect((await call(daemon, 'POST', NAMESPACES, { body })).status).toBe(201);
  }
});
afterAll(() => daemon.stop());

const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: {} });
const maps = (namespace?: string) =>
  namespace === undefined ? '/api/v1/configmaps' : `${NAMESPACES}/${namespace}/configmaps`;
const status = async (who: Endpoint, method: string, path: string, body?: unknown) =>
  (
    await call(who, method, path, {
      ...(body === undefined ? {} : { body }),
      ...(method === 'PATCH' && { headers: MERGE }),
    })
  ).status;
const list = async (who: Endpoint, path: string) =>
  (await call(who, 'GET', path)).json<{ items: Resource[]; metadata: { resourceVersion: string } }>();
const named = ({ items }: { items: readonly Resource[] }) =>
  items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
const audited = async (query: string) =>
  (await call(daemon, 'GET', `${ROOT}/auditevents?${query}`)).json<{ items: AuditEvent[] }>().items;

interface Route {
  method: string;
  url: string;
  permission: Permission;
}

/** All that are registered, as the daemon registers them. */
async function allRoutes(): Promise<{ routes: Route[]; upgrades: RegExp[] }> {
  const world = new World();
  const { runtimes } = await world.start();
  const context = { kinds: world.kinds, store: {}, compute: {}, informer: {}, manager: {}, leader: {} } as ApiContext;
  const extensions = [
    ...runtimes.values(),
    orphansExtension,
    imagesExtension,
    volumesExtension,
    masterKeyExtension(() => Promise.reject(new Error('not here'))),
  ];
  const routes: Route[] = [];
  const app = Fastify();
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const each of [method].flat())
      routes.push({ method: each, url, permission: config?.permission as Permission });
  });
  registerRoutes(app, context, extensions);
  await app.ready();
  const upgrades = extensions.flatMap((extension) =>
    'upgrades' in extension ? (extension.upgrades?.(context) ?? []) : [],
  );
  return { routes, upgrades: upgrades.map(({ path }) => path) };
}

describe('permissions', () => {
  it('every route and upgrade refuses a key that may nothing, but for those that tell nothing', async () => {
    const nobody = await asKey(daemon, 'nobody', { rules: [{ verbs: ['get'], resources: ['nothing'] }] });
    const { routes, upgrades } = await allRoutes();
    expect(routes.length).toBeGreaterThan(60);
    const wrong: string[] = [];
    for (const { method, url, permission } of routes) {
      if (permission === 'authenticated' || permission === 'anonymous' || method === 'HEAD') continue;
      const plural = url.startsWith('/api/v1') ? 'configmaps' : 'instances';
      // Collections over all namespaces are read, and not written, but for what is in none.
      const isWhole =
        !url.includes(':namespace') && url.includes(':plural') && (url.includes(':name') || method !== 'GET');
      if (isWhole && url.startsWith('/api/v1')) continue;
      const path = url
        .replace(':plural', isWhole ? 'apikeys' : plural)
        .replaceAll(/:(\w+)/g, (_, name: string) => ({ namespace: 'shop', version: 'v1' })[name] ?? 'x');
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
    expect(await status(anna, 'POST', maps('shop'), configMap('a'))).toBe(201);
    expect(await status(anna, 'PATCH', `${maps('shop')}/a`, { data: { x: 'y' } })).toBe(200);
    expect(await status(anna, 'POST', maps('prod'), configMap('a'))).toBe(403);
    expect(await status(anna, 'GET', `${maps('prod')}/a`)).toBe(403);
    expect(await status(anna, 'GET', `${maps('prod')}/none`)).toBe(403);
    expect(await status(anna, 'GET', `${NAMESPACES}/shop`)).toBe(200);
    expect(await status(anna, 'DELETE', `${NAMESPACES}/shop`)).toBe(403);
    expect(await status(anna, 'DELETE', maps())).not.toBe(200);
    expect(await status(anna, 'GET', `${ROOT}/apikeys`)).toBe(403);
    expect(await status(anna, 'GET', `${ROOT}/auditevents`)).toBe(403);
    const refused = (await call(anna, 'GET', maps('prod'))).json<Refusal>();
    expect(refused.message).toMatch(
      /^configmaps is forbidden: User "anna" cannot list resource "configmaps" in API group "" in the namespace "prod"/,
    );
    expect(await status(anna, 'DELETE', `${maps('shop')}/a`)).toBe(200);
  });

  it('a machine that may roll one group patches that one, makes none, and lists it alone', async () => {
    const groups = (namespace = 'shop') => `${ROOT}/namespaces/${namespace}/scalinggroups`;
    const group = (name: string) => ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'ScalingGroup',
      metadata: { name },
      spec: { vpc: 'net', minInstances: 0, maxInstances: 2, desiredCount: 0, template: { spec: { image: 'app:1' } } },
    });
    expect(await status(daemon, 'POST', pathOf('vpcs', undefined, 'shop'), vpc('net', {}))).toBe(201);
    for (const name of ['web', 'api']) expect(await status(daemon, 'POST', groups(), group(name))).toBe(201);
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
    expect(await status(ci, 'PATCH', `${groups()}/web`, roll)).toBe(200);
    expect(await status(ci, 'PATCH', `${groups()}/api`, roll)).toBe(403);
    expect(await status(ci, 'PATCH', `${groups()}/web/scale`, { spec: { replicas: 1 } })).toBe(403);
    expect(await status(ci, 'DELETE', `${groups()}/web`)).toBe(403);
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
      rules: [{ verbs: ['*'], resources: ['apikeys', 'apikeys/token', 'apikeys/status'] }],
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
    expect(await status(keeper, 'PATCH', keyPath('fine'), { spec: { role: 'admin', namespaces: null } })).toBe(403);
    expect(await status(keeper, 'POST', `${keyPath('admin')}/token`, {})).toBe(403);
    expect(await status(keeper, 'POST', `${keyPath('fine')}/token`, {})).toBe(201);
    expect(await status(daemon, 'PATCH', `${keyPath('fine')}/status`, { status: { tokens: [] } })).toBe(403);
    const sync = (name: string, spec: object) => ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'GitSync',
      metadata: { name },
      spec: { url: 'https://git.invalid/a.git', ...spec },
    });
    const syncs = pathOf('gitsyncs', undefined, 'shop');
    expect(await status(keeper, 'POST', syncs, sync('all', {}))).toBe(403);
    expect(await status(keeper, 'POST', syncs, sync('prod', { targetNamespace: 'prod' }))).toBe(403);
    expect(await status(keeper, 'POST', syncs, sync('shop', { targetNamespace: 'shop' }))).toBe(201);
  });

  it('the last key that may do everything stays, one by one and in a collection', async () => {
    expect(await status(daemon, 'DELETE', keyPath('admin'))).toBe(403);
    expect(await status(daemon, 'PATCH', keyPath('admin'), { spec: { role: 'view' } })).toBe(422);
    const second = await asKey(daemon, 'second', { role: 'admin' });
    const both = '?labelSelector=' + encodeURIComponent('of=us');
    for (const name of ['admin', 'second'])
      expect(await status(daemon, 'PATCH', keyPath(name), { metadata: { labels: { of: 'us' } } })).toBe(200);
    expect(await status(daemon, 'DELETE', `${ROOT}/apikeys${both}`)).toBe(403);
    expect(await status(second, 'DELETE', keyPath('second'))).toBe(200);
    expect(await status(second, 'GET', `${ROOT}/apikeys`)).toBe(401);
  });
});

describe('tokens', () => {
  it('are answered once, told from mistyped ones, and rotated with a grace period', async () => {
    const who = await asKey(daemon, 'rotated', { role: 'view' });
    const read = (await call(daemon, 'GET', keyPath('rotated'))).text;
    expect(read).not.toContain(who.token);
    expect(who.token).toMatch(/^maws_[0-9A-Za-z]{49}$/);
    const mistyped = { ...who, token: `${who.token.slice(0, -1)}${who.token.endsWith('0') ? '1' : '0'}` };
    expect((await call(mistyped, 'GET', maps())).json<Refusal>().message).toMatch(/copied wrongly/);
    expect((await call({ ...who, token: newToken() }, 'GET', maps())).json<Refusal>().message).toMatch(
      /not known here/,
    );
    const rotate = async (gracePeriod: string) =>
      (await call(daemon, 'POST', `${keyPath('rotated')}/token`, { body: { spec: { gracePeriod } } })).json<{
        status: { token: string };
      }>().status.token;
    const next = { ...who, token: await rotate('1h') };
    expect([await status(who, 'GET', maps()), await status(next, 'GET', maps())]).toEqual([200, 200]);
    const last = { ...who, token: await rotate('0s') };
    expect(await Promise.all([who, next, last].map((each) => status(each, 'GET', maps())))).toEqual([401, 401, 200]);
  });

  it('work until they expire, and from where they may be used', async () => {
    const far = await asKey(daemon, 'far', { role: 'view', allowedFrom: ['10.0.0.0/8'] });
    expect((await call(far, 'GET', maps())).json<Refusal>().message).toMatch(/may not be used from 127.0.0.1/);
    const near = await asKey(daemon, 'near', { role: 'view', allowedFrom: ['127.0.0.0/8'] });
    expect(await status(near, 'GET', maps())).toBe(200);
    const soon = new Date(Date.now() + 1_500).toISOString();
    const brief = await asKey(daemon, 'brief', { role: 'view', expiresAt: soon });
    const open = await watch(brief, `${maps()}?watch=true`);
    await open.ended;
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(soon));
    expect((await call(brief, 'GET', maps())).json<Refusal>().message).toMatch(/^the key brief expired at/);
  });

  it('end what is open when what they may do is changed', async () => {
    const who = await asKey(daemon, 'narrowed', { role: 'view' });
    const open = await watch(who, `${maps('prod')}?watch=true`);
    expect(await status(daemon, 'PATCH', keyPath('narrowed'), { spec: { namespaces: ['shop'] } })).toBe(200);
    await open.ended;
    expect(await status(who, 'GET', maps('prod'))).toBe(403);
  });

  it('that are wrong are slowed down, and nobody else is', async () => {
    const wrong = { ...daemon, token: newToken() };
    const answers = await Promise.all(Array.from({ length: 40 }, () => call(wrong, 'GET', maps())));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([401, 429]));
    const slowed = answers.find((answer) => answer.status === 429);
    expect(Number(slowed?.headers['retry-after'])).toBeGreaterThan(0);
    expect(await status(daemon, 'GET', maps())).toBe(200);
  });
});

describe('a key that sees a part of all namespaces', () => {
  it('hears of that part alone: no count, no revision and no name of the rest', async () => {
    const shop = await asKey(daemon, 'part', { role: 'view', namespaces: ['shop'] });
    expect(await status(daemon, 'POST', maps('shop'), configMap('mine'))).toBe(201);
    const before = await list(shop, maps());
    const open = await watch(
      shop,
      `${maps()}?watch=true&allowWatchBookmarks=true&resourceVersion=${before.metadata.resourceVersion}`,
    );
    for (const name of ['x', 'y', 'z']) expect(await status(daemon, 'POST', maps('prod'), configMap(name))).toBe(201);
    expect(named(before)).toEqual(['shop/mine']);
    expect(await list(shop, maps())).toEqual(before);
    expect((await list(shop, `${maps()}?limit=1`)).metadata).toEqual(before.metadata);
    expect(await status(daemon, 'DELETE', `${maps('prod')}/x`)).toBe(200);
    expect(await list(shop, maps())).toEqual(before);
    expect(await status(daemon, 'DELETE', `${maps('shop')}/mine`)).toBe(200);
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
      await status(daemon, 'POST', pathOf('vpcs', undefined, 'prod'), vpc('secret-net', { cidrBlock: '10.77.0.0/24' })),
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

describe('who a key is, and what it may do', () => {
  it('is told as kubectl asks', async () => {
    const who = await asKey(daemon, 'asks', { userId: 'anna', role: 'edit', namespaces: ['shop'] });
    const post = async (path: string, spec?: object) => {
      const answer = await call(who, 'POST', path, { body: spec ? { spec } : {} });
      expect(answer.status).toBe(201);
      return answer.json<{ status: Record<string, unknown> }>().status;
    };
    expect(await post('/apis/authentication.k8s.io/v1/selfsubjectreviews')).toMatchObject({
      userInfo: { username: 'anna', groups: ['miniaws:edit'], extra: { 'miniaws.dev/key': ['asks'] } },
    });
    const may = async (namespace: string) =>
      (
        await post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
          resourceAttributes: { verb: 'create', group: 'miniaws.dev', resource: 'instances', namespace },
        })
      )['allowed'];
    expect([await may('shop'), await may('prod')]).toEqual([true, false]);
    const rules = await post('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { namespace: 'prod' });
    expect(rules['resourceRules']).toEqual([]);
  });
});

describe('the record', () => {
  it('has writes with their commit, refusals, secrets that are read, commands and logs, by whom and from where', async () => {
    const anna = await asKey(daemon, 'recorded', { userId: 'anna@example.com', role: 'edit', namespaces: ['shop'] });
    const secrets = `${NAMESPACES}/shop/secrets`;
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'db' },
      stringData: { password: 'hidden-word' },
    };
    expect(await status(anna, 'POST', `${secrets}?fieldManager=test`, secret)).toBe(201);
    expect(await status(anna, 'POST', `${secrets}?dryRun=All`, { ...secret, metadata: { name: 'dry' } })).toBe(201);
    expect(await status(anna, 'GET', `${secrets}/db`)).toBe(200);
    expect(await status(anna, 'GET', maps('shop'))).toBe(200);
    expect(await status(anna, 'DELETE', `${maps('prod')}/y`)).toBe(403);
    const found = await eventually('all of it', async () => {
      const items = await audited('user=anna@example.com');
      return items.length >= 4 && items;
    });
    expect(
      found
        .map((e) => `${e.verb} ${e.resource} ${e.namespace}/${e.name} ${e.code} ${e.dryRun ? 'dry' : ''}${e.reason}`)
        .toSorted(),
    ).toEqual([
      'create secrets shop/db 201 ',
      'create secrets shop/dry 201 dry',
      'delete configmaps prod/y 403 Forbidden',
      'get secrets shop/db 200 ',
    ]);
    expect(found.find(({ manager }) => manager === 'test')).toMatchObject({ key: 'recorded', address: '127.0.0.1' });
    expect(JSON.stringify(await audited('limit=5000'))).not.toContain('hidden-word');
    expect((await audited('refused=true&user=anna@example.com')).length).toBe(1);
    const anonymous = await eventually('the unknown key', async () =>
      (await audited('refused=true&limit=5000')).find(({ code }) => code === 401),
    );
    expect(anonymous).toMatchObject({ user: '', address: '127.0.0.1' });
  });

  it('is append only', async () => {
    const { database } = daemon;
    for (const statement of [
      'DELETE FROM audit_events',
      "UPDATE audit_events SET user_name = 'x'",
      'TRUNCATE audit_events',
    ])
      await expect(database.query(statement)).rejects.toThrow(/append only/);
    await expect(database.query("SET miniaws.audit_retention = 'on'; DELETE FROM audit_events")).rejects.toThrow(
      /append only/,
    );
  });

  it('names who changed an object in its history and in the reconcile log', async () => {
    const anna = await asKey(daemon, 'why', { userId: 'anna', role: 'edit' });
    expect(await status(anna, 'POST', pathOf('vpcs', undefined, 'shop'), vpc('whose', {}))).toBe(201);
    const { items } = (await call(daemon, 'GET', `${pathOf('vpcs', 'whose', 'shop')}/history`)).json<{
      items: { user?: string }[];
    }>();
    expect(items.map(({ user }) => user)).toEqual(['anna']);
    const entry = await eventually('the entry', async () =>
      (await call(daemon, 'GET', `${ROOT}/namespaces/shop/reconcilelogs?fieldSelector=involvedObject.name=whose`))
        .json<{ items: { entry: { trigger: { detail: string } } }[] }>()
        .items.at(0),
    );
    expect(entry.entry.trigger.detail).toMatch(/^created by anna \(.*\)$/);
  });
});
