import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import type { RawRequest, Refusal } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('net', { cidrBlock: '10.215.0.0/24' }) });
  await ready(pathOf('vpcs', 'net'));
  await makeNamespaces(daemon, 'other');
});
afterAll(() => daemon.stop());

const send = (method: string, path: string, options?: RawRequest) => call(daemon, method, path, options);
const spec = { image: 'web:1', vpc: 'net' };
/** Paused, so that no pass writes to it while a test looks at who wrote what. */
const still = { annotations: { 'miniaws.dev/paused': 'true' } };
const made = async (name: string, more: object = {}) =>
  (await send('POST', pathOf('instances'), { body: instance(name, { ...spec, ...more }, still) })).json<
    Resource<Record<string, unknown>>
  >();
/** Only then nobody but the test writes. */
const ready = (path: string) =>
  eventually(`${path} to be Ready`, async () => {
    const { status } = (await send('GET', path)).json<Resource>();
    return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
  });
const revisionNow = async () =>
  (await daemon.database.query<{ value: string }>('SELECT value FROM revisions'))[0]!.value;

describe('a name', () => {
  it('is made of generateName where there is none, and never longer than a name may be', async () => {
    const generated = async (generateName: unknown, more: object = {}) => {
      const body = { ...instance('x', spec), metadata: { generateName, ...more, ...still } };
      return send('POST', pathOf('instances'), { body });
    };
    const [a, b] = await Promise.all(['job-', 'job-'].map((base) => generated(base)));
    const names = [a, b].map((answer) => answer?.json<Resource>().metadata.name);
    expect(names).toEqual([expect.stringMatching(/^job-[a-z0-9]{5}$/), expect.stringMatching(/^job-[a-z0-9]{5}$/)]);
    expect(new Set(names).size).toBe(2);
    expect((await generated('job-', { name: 'mine' })).json<Resource>().metadata.name).toBe('mine');
    expect((await generated('long-'.repeat(40))).status).toBe(201);
    expect((await generated('Not-A-Name-')).status).toBe(422);
    expect((await generated(5)).status).toBe(400);
  });
});

describe('without a key', () => {
  it.each([
    '/healthz',
    '/readyz',
    '/livez',
    '/metrics',
    '/version',
    '/apis',
    '/openapi/v3',
    pathOf('vpcs'),
    '/nothing',
  ])('%s answers a 401 Status', async (path) => {
    const none = await send('GET', path, { anonymous: true });
    expect([none.status, none.json()]).toMatchObject([401, { kind: 'Status', reason: 'Unauthorized', code: 401 }]);
    const wrong = await send('GET', path, { headers: { authorization: `Bearer ${'0'.repeat(64)}` } });
    expect(wrong.status).toBe(401);
    expect(wrong.text).not.toContain('0000000000');
  });

  it('nothing is written (I10, I13): the key is stored as its SHA-256 and is in no log', async () => {
    const before = await revisionNow();
    const refused = await send('POST', pathOf('vpcs'), { anonymous: true, body: vpc('x', {}) });
    expect([refused.status, await revisionNow()]).toEqual([401, before]);
    const keys = await daemon.database.query<{ key: string }>('SELECT key FROM api_keys');
    expect(keys.map(({ key }) => key)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(keys[0]?.key).not.toBe(daemon.token);
    expect(daemon.log()).not.toContain(daemon.token);
  });
});

describe('create and get', () => {
  it('fill defaults in, number the document, and set our finalizer', async () => {
    const created = await made('first');
    expect(created).toMatchObject({
      apiVersion: 'miniaws.dev/v1',
      kind: 'Instance',
      metadata: { namespace: 'default', generation: 1, finalizers: ['miniaws.dev/teardown'] },
      spec: { ...spec, restartPolicy: 'Always', powerState: 'Running', ports: [], stopGracePeriod: '10s' },
    });
    const read = await send('GET', pathOf('instances', 'first'));
    expect([read.status, read.json()]).toEqual([200, created]);
  });

  it('refuse a second one of the name, by 409 AlreadyExists', async () => {
    const again = await send('POST', pathOf('vpcs'), { body: vpc('net', {}) });
    expect([again.status, again.json<Refusal>()]).toMatchObject([
      409,
      { reason: 'AlreadyExists', details: { name: 'net', kind: 'vpcs', group: 'miniaws.dev' } },
    ]);
  });

  it('say what does not exist, by 404 NotFound', async () => {
    const none = await send('GET', pathOf('instances', 'none'));
    expect([none.status, none.json<Refusal>().message]).toEqual([404, 'instances.miniaws.dev "none" not found']);
    const plural = await send('GET', pathOf('instancez'));
    expect([plural.status, plural.json<Refusal>().reason]).toEqual([404, 'NotFound']);
  });

  it('refuse what the schema and the rules do not allow, with the field of each cause, and change nothing (I13)', async () => {
    const before = await revisionNow();
    const bad = await send('POST', pathOf('instances'), {
      body: instance('bad', { image: 5, ports: ['80', 'eighty'], restartPolicy: 'Sometimes' }),
    });
    expect([bad.status, bad.json<Refusal>().reason]).toEqual([422, 'Invalid']);
    expect(bad.json<Refusal>().details.causes?.map((c) => c.field)).toEqual(
      expect.arrayContaining(['spec.image', 'spec.restartPolicy']),
    );
    const overlap = await send('POST', pathOf('vpcs'), { body: vpc('other', { cidrBlock: '10.215.0.128/25' }) });
    expect([overlap.status, overlap.json<Refusal>().message]).toEqual([422, expect.stringContaining('default/net')]);
    expect(await revisionNow()).toBe(before);
  });

  it('hold the namespace of the path against the one of the document', async () => {
    const body = instance('elsewhere', spec, { ...still, namespace: 'other' });
    expect((await send('POST', pathOf('instances'), { body })).status).toBe(400);
    expect((await send('POST', pathOf('instances', undefined, 'other'), { body })).status).toBe(201);
  });
});

describe('replace', () => {
  it('counts the generation for the spec only, and writes nothing when nothing changes', async () => {
    const created = await made('put');
    const changed = await send('PUT', pathOf('instances', 'put'), {
      body: { ...created, spec: { ...created.spec, env: { A: '1' } } },
    });
    expect(changed.json<Resource>()).toMatchObject({ metadata: { generation: 2 }, spec: { env: { A: '1' } } });
    const before = await revisionNow();
    const same = await send('PUT', pathOf('instances', 'put'), { body: changed.json() });
    expect([same.status, same.json()]).toEqual([200, changed.json()]);
    expect(await revisionNow()).toBe(before);
  });

  it('refuses a stale resourceVersion by 409 Conflict', async () => {
    const created = await made('stale');
    await send('PUT', pathOf('instances', 'stale'), {
      body: { ...created, spec: { ...created.spec, env: { A: '1' } } },
    });
    const late = await send('PUT', pathOf('instances', 'stale'), {
      body: { ...created, spec: { ...created.spec, env: { A: '2' } } },
    });
    expect([late.status, late.json<Refusal>().reason]).toEqual([409, 'Conflict']);
    expect((await send('GET', pathOf('instances', 'stale'))).json<{ spec: object }>().spec).toMatchObject({
      env: { A: '1' },
    });
  });

  it('refuses to change what is immutable, and says what to do instead', async () => {
    const { spec: had, ...net } = (await send('GET', pathOf('vpcs', 'net'))).json<Resource>();
    const changed = await send('PUT', pathOf('vpcs', 'net'), {
      body: { ...net, spec: { ...had, cidrBlock: '10.215.9.0/24' } },
    });
    expect([changed.status, changed.json<Refusal>().details.causes]).toMatchObject([
      422,
      [{ field: 'spec.cidrBlock', message: expect.stringContaining('make a VPC with another name') }],
    ]);
  });

  it('refuses another name than the path says', async () => {
    const created = await made('named');
    const body = { ...created, metadata: { ...created.metadata, name: 'renamed' } };
    expect((await send('PUT', pathOf('instances', 'named'), { body })).status).toBe(400);
  });
});

describe('patch', () => {
  const patch = (name: string, type: string, body: unknown, query = '') =>
    send('PATCH', `${pathOf('instances', name)}${query}`, { headers: { 'content-type': `application/${type}` }, body });

  it('merges: null takes a field away', async () => {
    await made('merge', { env: { A: '1', B: '2' } });
    const merged = await patch('merge', 'merge-patch+json', { spec: { env: { A: null, C: '3' } } });
    expect([merged.status, merged.json<{ spec: { env: object } }>().spec.env]).toEqual([200, { B: '2', C: '3' }]);
  });

  it('follows a JSON patch, and refuses one whose test fails', async () => {
    await made('json');
    const ops = [
      { op: 'test', path: '/spec/image', value: 'web:1' },
      { op: 'add', path: '/spec/env', value: { A: '1' } },
    ];
    expect((await patch('json', 'json-patch+json', ops)).json()).toMatchObject({ spec: { env: { A: '1' } } });
    const failing = await patch('json', 'json-patch+json', [{ op: 'test', path: '/spec/image', value: 'web:2' }]);
    expect(failing.status).toBe(422);
    expect((await patch('json', 'json-patch+json', [{ op: 'remove', path: '/spec/nowhere' }])).status).toBe(422);
    expect((await patch('json', 'json-patch+json', { not: 'a list' })).status).toBe(422);
  });

  it('answers a strategic merge patch with 415, so that kubectl falls back', async () => {
    await made('strategic');
    const refused = await patch('strategic', 'strategic-merge-patch+json', {});
    expect([refused.status, refused.json<Refusal>().reason]).toEqual([415, 'UnsupportedMediaType']);
  });

  it('applies on the server: a field that is no longer sent goes, a foreign one is a conflict that names its owner (I6)', async () => {
    const applied = (who: string, env: object, force = false) =>
      patch(
        'applied',
        'apply-patch+yaml',
        instance('applied', { ...spec, env }, still),
        `?fieldManager=${who}&force=${force}`,
      );
    const created = await applied('alice', { A: '1', B: '2' });
    expect(created.status).toBe(201);
    expect((await applied('alice', { A: '1' })).json<{ spec: { env: object } }>().spec.env).toEqual({ A: '1' });
    const conflict = await applied('bob', { A: '9' });
    expect([conflict.status, conflict.json<Refusal>().reason]).toEqual([409, 'Conflict']);
    expect(conflict.json<Refusal>().message).toContain('"alice"');
    expect(conflict.json<Refusal>().details.causes).toEqual([
      expect.objectContaining({ reason: 'FieldManagerConflict', field: '.spec.env.A' }),
    ]);
    expect((await applied('bob', { A: '9' }, true)).json<{ spec: { env: object } }>().spec.env).toEqual({ A: '9' });
    const nobody = await patch('applied', 'apply-patch+yaml', instance('applied', spec));
    expect(nobody.json<Refusal>().message).toContain('fieldManager is required');
  });

  it('reads YAML, with line and column of a fault', async () => {
    const yaml =
      'apiVersion: miniaws.dev/v1\nkind: Instance\nmetadata: {name: yaml, annotations: {miniaws.dev/paused: "true"}}\nspec: {image: "web:1", vpc: net}\n';
    const query = '?fieldManager=me';
    expect((await patch('yaml', 'apply-patch+yaml', yaml, query)).status).toBe(201);
    const broken = await patch('yaml', 'apply-patch+yaml', 'spec:\n  image: [web\n', query);
    expect([broken.status, broken.json<Refusal>().message]).toEqual([
      400,
      expect.stringMatching(/line \d+, column \d+/),
    ]);
  });
});

describe('/status', () => {
  it('writes only the status, and the resource writes none (I6)', async () => {
    const created = await made('status');
    const written = await send('PUT', `${pathOf('instances', 'status')}/status`, {
      body: { ...created, spec: { ...created.spec, image: 'evil:1' }, status: { phase: 'Stopped' } },
    });
    expect(written.json()).toMatchObject({
      spec: { image: 'web:1' },
      status: { phase: 'Stopped' },
      metadata: { generation: 1 },
    });
    const patched = await send('PATCH', `${pathOf('instances', 'status')}/status`, {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { spec: { image: 'evil:1' }, metadata: { labels: { a: 'b' } }, status: { restarts: 3 } },
    });
    expect(patched.json()).toMatchObject({ spec: { image: 'web:1' }, status: { phase: 'Stopped', restarts: 3 } });
    expect(patched.json<Resource>().metadata.labels).toBeUndefined();
    const spoken = await send('PATCH', pathOf('instances', 'status'), {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { status: { phase: 'Running' } },
    });
    expect(spoken.json()).toMatchObject({ status: { phase: 'Stopped', restarts: 3 } });
  });
});

describe('fieldValidation', () => {
  const body = instance('misspelt', { ...spec, imagge: 'x' });
  const create = (mode: string) => send('POST', `${pathOf('instances')}?dryRun=All&fieldValidation=${mode}`, { body });

  it('Strict refuses an unknown field and names the nearest', async () => {
    const refused = await create('Strict');
    expect([400, 422]).toContain(refused.status);
    expect(refused.json<Refusal>().message).toMatch(/imagge.*did you mean "?image/);
  });

  it('Warn takes it away and says so in a header; Ignore says nothing', async () => {
    const warned = await create('Warn');
    expect([warned.status, warned.headers.warning]).toEqual([201, expect.stringMatching(/^299 - ".*imagge/)]);
    expect(warned.json<Resource>().spec).not.toHaveProperty('imagge');
    const ignored = await create('Ignore');
    expect([ignored.status, ignored.headers.warning]).toEqual([201, undefined]);
  });
});

describe('dryRun=All', () => {
  it('answers as if it were done, and changes nothing', async () => {
    const created = await made('dry');
    const before = await revisionNow();
    const merge = { headers: { 'content-type': 'application/merge-patch+json' }, body: { spec: { env: { A: '1' } } } };
    const apply = { headers: { 'content-type': 'application/apply-patch+yaml' }, body: instance('dry-new', spec) };
    const answers = [
      await send('POST', `${pathOf('instances')}?dryRun=All`, { body: instance('dry-new', spec) }),
      await send('PUT', `${pathOf('instances', 'dry')}?dryRun=All`, {
        body: { ...created, spec: { ...created.spec, env: {} } },
      }),
      await send('PATCH', `${pathOf('instances', 'dry')}?dryRun=All`, merge),
      await send('PATCH', `${pathOf('instances', 'dry-new')}?dryRun=All&fieldManager=me`, apply),
      await send('DELETE', `${pathOf('instances', 'dry')}?dryRun=All`),
      // As kubectl sends it.
      await send('DELETE', pathOf('instances', 'dry'), { body: { dryRun: ['All'], propagationPolicy: 'Background' } }),
    ];
    expect(answers.map((a) => a.status)).toEqual([201, 200, 200, 201, 200, 200]);
    expect(answers[2]?.json()).toMatchObject({ spec: { env: { A: '1' } } });
    expect((await send('GET', pathOf('instances', 'dry'))).json()).toEqual(created);
    expect((await send('GET', pathOf('instances', 'dry-new'))).status).toBe(404);
    expect(await revisionNow()).toBe(before);
  });

  it('refuses another value', async () => {
    expect((await send('POST', `${pathOf('instances')}?dryRun=Some`, { body: instance('x', spec) })).status).toBe(400);
  });
});

it('the documents become Ready, and the metrics tell of passes, Engine calls and the leader', async () => {
  await send('POST', pathOf('instances'), { body: instance('ready', spec) });
  await ready(pathOf('instances', 'ready'));
  const { text, headers } = await send('GET', '/metrics');
  expect(headers['content-type']).toContain('text/plain');
  expect(text).toMatch(/^miniaws_passes_total\{kind="Instance",outcome="reconciled"\} [1-9]/m);
  expect(text).toMatch(/^miniaws_engine_calls_total\{call="createContainer"\} [1-9]/m);
  expect(text).toMatch(/^miniaws_leader 1$/m);
  expect(text).toMatch(/^miniaws_resources\{kind="VPC",ready="True"\} 1$/m);
  const looked = await send('GET', '/readyz');
  expect([looked.status, looked.text]).toEqual([200, expect.stringContaining('[+]database ok\n[+]engine ok\nleading')]);
  expect((await send('GET', '/healthz')).text).toBe('ok');
});
