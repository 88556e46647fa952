import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditEvent } from '../../src/api/audit.ts';
import { newToken } from '../../src/base/token.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, watch } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';
import { asKey, keyPath, statusOf } from '../support/keys.ts';
import { pathOf, vpc } from '../support/manifests.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { eventually } from '../support/wait.ts';

const ROOT = '/apis/miniaws.dev/v1';
const NAMESPACES = '/api/v1/namespaces';
let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  await makeNamespaces(daemon, 'shop', 'prod');
});
afterAll(() => daemon.stop());

const maps = (namespace?: string) =>
  namespace === undefined ? '/api/v1/configmaps' : `${NAMESPACES}/${namespace}/configmaps`;
const audited = async (query: string) =>
  (await call(daemon, 'GET', `${ROOT}/auditevents?${query}`)).json<{ items: AuditEvent[] }>().items;

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
    expect([await statusOf(who, 'GET', maps()), await statusOf(next, 'GET', maps())]).toEqual([200, 200]);
    const last = { ...who, token: await rotate('0s') };
    expect(await Promise.all([who, next, last].map((each) => statusOf(each, 'GET', maps())))).toEqual([401, 401, 200]);
  });

  it('work until they expire, and from where they may be used', async () => {
    const far = await asKey(daemon, 'far', { role: 'view', allowedFrom: ['10.0.0.0/8'] });
    expect((await call(far, 'GET', maps())).json<Refusal>().message).toMatch(/may not be used from 127.0.0.1/);
    const near = await asKey(daemon, 'near', { role: 'view', allowedFrom: ['127.0.0.0/8'] });
    expect(await statusOf(near, 'GET', maps())).toBe(200);
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
    expect(await statusOf(daemon, 'PATCH', keyPath('narrowed'), { spec: { namespaces: ['shop'] } })).toBe(200);
    await open.ended;
    expect(await statusOf(who, 'GET', maps('prod'))).toBe(403);
  });

  it('that are wrong are slowed down, and nobody else is', async () => {
    const wrong = { ...daemon, token: newToken() };
    const answers = await Promise.all(Array.from({ length: 40 }, () => call(wrong, 'GET', maps())));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([401, 429]));
    const slowed = answers.find((answer) => answer.status === 429);
    expect(Number(slowed?.headers['retry-after'])).toBeGreaterThan(0);
    expect(await statusOf(daemon, 'GET', maps())).toBe(200);
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
    expect(await statusOf(anna, 'POST', `${secrets}?fieldManager=test`, secret)).toBe(201);
    expect(await statusOf(anna, 'POST', `${secrets}?dryRun=All`, { ...secret, metadata: { name: 'dry' } })).toBe(201);
    expect(await statusOf(anna, 'GET', `${secrets}/db`)).toBe(200);
    expect(await statusOf(anna, 'GET', maps('shop'))).toBe(200);
    expect(await statusOf(anna, 'DELETE', `${maps('prod')}/y`)).toBe(403);
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

  it('takes names of any characters, cut as they may be, and goes on', async () => {
    const viewer = await asKey(daemon, 'odd', { userId: 'odd', role: 'view' });
    const names = ['a' + '\u{1F600}'.repeat(60), '\u{1F600}'.repeat(100), 'plain'];
    for (const name of names)
      expect(await statusOf(viewer, 'DELETE', `${maps('prod')}/${encodeURIComponent(name)}`)).not.toBe(200);
    await eventually('the last of them', async () => (await audited('user=odd')).some(({ name }) => name === 'plain'));
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
    expect(await statusOf(anna, 'POST', pathOf('vpcs', undefined, 'shop'), vpc('whose', {}))).toBe(201);
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
