import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from 'node:tls';
import fc from 'fast-check';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, execPath } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { runs } from '../support/prove.ts';
import { eventually } from '../support/wait.ts';

/** Beyond what the daemon uses when it starts to be asked: what is asked leaves nothing behind. */
const MOST_GROWTH = 200 * 2 ** 20;
/** Of one answer that goes on, milliseconds: watches are asked for, too. */
const PATIENCE_MS = 3_000;
/** A namespace that no path names by chance: what is deleted by chance is not in it. */
const KEPT = 'kept-apart';
const SESSION = execPath('x', ['cat'], true, KEPT);
let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: KEPT } };
  const made = [
    ['/api/v1/namespaces', namespace],
    [pathOf('vpcs', undefined, KEPT), vpc('net', {})],
    [pathOf('instances', undefined, KEPT), instance('x', { image: 'a', vpc: 'net' })],
  ] as const;
  for (const [where, body] of made) expect((await call(daemon, 'POST', where, { body })).status).toBe(201);
  await eventually('it to run', async () => {
    const { status } = (await call(daemon, 'GET', pathOf('instances', 'x', KEPT))).json<{
      status?: { phase?: string };
    }>();
    return status?.phase === 'Running';
  });
});
afterAll(() => daemon.stop());

const word = fc.constantFrom(
  'apis',
  'api',
  'v1',
  'miniaws.dev',
  'namespaces',
  'default',
  'instances',
  'vpcs',
  'events',
  'reconcilelogs',
  'x',
  'status',
  'log',
  'exec',
  'plan',
  'orphans',
  'container',
  'openapi',
  'v3',
  'v2',
  'version',
  'metrics',
  'apikeys',
  'auditevents',
  'instancemetrics',
  'namespaces',
  'configmaps',
  'secrets',
  'token',
  'history',
  'scale',
  'pods',
  'nodes',
  '%00',
  '..',
  '%2e%2e',
  '%F0%9F%92%A9',
);
const known = fc.constantFrom(
  pathOf('instances'),
  pathOf('vpcs'),
  pathOf('instances', 'x'),
  `${pathOf('instances', 'x')}/status`,
  `${pathOf('instances', 'x')}/plan`,
  `${pathOf('instances', 'x')}/log`,
  '/api/v1/events',
  '/apis/miniaws.dev/v1/reconcilelogs',
  '/apis/miniaws.dev/v1/orphans',
  '/apis/miniaws.dev/v1/orphans/container/x',
  '/apis/miniaws.dev/v1/instances',
  `${pathOf('instances', 'x')}/history`,
  `${pathOf('instances', 'x')}/metrics`,
  pathOf('scalinggroups', 'x'),
  `${pathOf('scalinggroups', 'x')}/scale`,
  pathOf('gitsyncs'),
  `${pathOf('gitsyncs', 'x')}/operations`,
  '/apis/miniaws.dev/v1/apikeys',
  '/apis/miniaws.dev/v1/apikeys/x',
  '/apis/miniaws.dev/v1/apikeys/x/token',
  '/apis/miniaws.dev/v1/auditevents',
  '/apis/miniaws.dev/v1/instancemetrics',
  '/api/v1/namespaces',
  '/api/v1/namespaces/y',
  '/api/v1/namespaces/default/configmaps/x',
  '/api/v1/namespaces/default/secrets',
  '/api/v1/pods',
  '/api/v1/namespaces/default/pods/x/log',
  '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
  '/hooks/git/default/x',
);
const path = fc.oneof(
  known,
  fc.array(word, { maxLength: 7 }).map((words) => `/${words.join('/')}`),
);
const value = fc.oneof(
  fc.constantFrom(
    '',
    'true',
    '0',
    '-1',
    '1e309',
    'NaN',
    '99999999999999999999',
    'All',
    'Strict',
    'metadata.name=x',
    encodeURIComponent('a in (b'),
    '!',
    ',',
    '%00',
  ),
  fc.string({ maxLength: 20 }).map((text) => encodeURIComponent(text)),
);
const parameter = fc.constantFrom(
  'limit',
  'continue',
  'labelSelector',
  'fieldSelector',
  'resourceVersion',
  'dryRun',
  'fieldValidation',
  'fieldManager',
  'force',
  'propagationPolicy',
  'includeObject',
  'tailLines',
  'watch',
  'timeoutSeconds',
  'sendInitialEvents',
  'resourceVersionMatch',
  'allowWatchBookmarks',
  'since',
  'points',
  'refused',
  'user',
  'sinceTime',
  'previous',
  'sinceSeconds',
  'limit=1&limit',
  'fieldSelector=a&fieldSelector',
);
const query = fc
  .array(fc.tuple(parameter, value), { maxLength: 3 })
  .map((pairs) => pairs.map(([k, v]) => `${k}=${v}`).join('&'));
const document = fc.record(
  {
    apiVersion: fc.constantFrom<unknown>('miniaws.dev/v1', 'v1', 5),
    kind: fc.constantFrom<unknown>('Instance', 'VPC', 'ApiKey', 'Namespace', 'ConfigMap', 'toString', null),
    metadata: fc.record(
      {
        name: fc.constantFrom<unknown>('x', 'y', '', 5),
        labels: fc.anything(),
        annotations: fc.anything(),
        ownerReferences: fc.anything(),
        finalizers: fc.anything(),
        managedFields: fc.anything(),
        resourceVersion: fc.anything(),
      },
      { requiredKeys: ['name'] },
    ),
    spec: fc.oneof(
      fc.anything(),
      fc.record(
        {
          image: fc.constant('a'),
          ports: fc.anything(),
          volumes: fc.anything(),
          resources: fc.anything(),
          healthCheck: fc.anything(),
          env: fc.anything(),
          role: fc.constantFrom<unknown>('view', 5),
          rules: fc.anything(),
          namespaces: fc.anything(),
          quota: fc.anything(),
          gracePeriod: fc.anything(),
          replicas: fc.anything(),
        },
        { requiredKeys: ['image'] },
      ),
    ),
    status: fc.anything(),
    dryRun: fc.anything(),
    preconditions: fc.anything(),
    propagationPolicy: fc.anything(),
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  document.map((d) => asJson(d)),
  fc
    .array(
      fc.record(
        {
          op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'evil'),
          path: fc.constantFrom(
            '',
            '/',
            '/metadata/name',
            '/spec',
            '/__proto__/a',
            '/spec/-',
            '/metadata/finalizers/0',
          ),
          from: fc.constantFrom('/spec', '/metadata'),
          value: fc.anything(),
        },
        { requiredKeys: [] },
      ),
      { maxLength: 3 },
    )
    .map(asJson),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.string().map((text) => Buffer.from(text)),
);
const type = fc.constantFrom(
  'application/json',
  'application/yaml',
  'application/merge-patch+json',
  'application/json-patch+json',
  'application/apply-patch+yaml',
  'application/vnd.kubernetes.protobuf',
  'application/strategic-merge-patch+json',
  'text/plain',
  'multipart/form-data; boundary=x',
  '/',
  'a/b/c',
);
const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE');

const header = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      'accept',
      'accept-encoding',
      'if-none-match',
      'user-agent',
      'authorization',
      'expect',
      'x-forwarded-for',
    ),
    fc.oneof(
      fc.constantFrom(
        'application/json;as=Table;v=v1;g=meta.k8s.io',
        'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
        'application/vnd.kubernetes.protobuf',
        'gzip;q=0, *',
        'Bearer maws_x',
        'Bearer a.b.c',
        'Basic eDp5',
        '*/*;q=nonsense',
      ),
      fc.string({ maxLength: 40 }).map((text) => text.replaceAll(/[^\x21-\x7e]/g, '-')),
    ),
  ),
);
/** `k8s\0` and a `runtime.Unknown`, of which parts were turned to and fro. */
const protobuf = fc
  .tuple(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(80), { maxLength: 4 }), fc.nat(255))
  .map(([raw, flips, to]) => {
    const meta = Buffer.from('\n\x11\n\x02v1\x12\x0bConfigMap', 'latin1');
    const bytes = Buffer.concat([Buffer.from('k8s\0'), meta, Buffer.from([0x12, raw.length]), Buffer.from(raw)]);
    for (const at of flips) if (at < bytes.length) bytes[at] = to;
    return bytes;
  });

const isAlive = async () => {
  expect(daemon.process.exitCode, daemon.log().split('\n').slice(-5).join('\n')).toBeNull();
  expect((await call(daemon, 'GET', '/healthz')).status).toBe(200);
};
const memoryOf = async (): Promise<number> =>
  Number(/^process_resident_memory_bytes (\d+)/m.exec((await call(daemon, 'GET', '/metrics')).text)?.[1]);
const faults = () =>
  daemon
    .log()
    .split('\n')
    .filter((line) => line.includes('request failed') || /unhandled|uncaught/i.test(line));

describe('whatever is sent', () => {
  it('is answered, and never with a fault of the server', { timeout: 3_600_000 }, async () => {
    const before = await memoryOf();
    await fc.assert(
      fc.asyncProperty(
        method,
        path,
        query,
        type,
        fc.oneof(body, protobuf),
        fc.array(header, { maxLength: 2 }),
        async (verb, where, how, contentType, data, headers) => {
          const mayHaveBody = verb !== 'GET' && verb !== 'HEAD';
          const asked = call(daemon, verb, `${where}?timeoutSeconds=1&${how}`, {
            headers: { 'content-type': contentType, ...Object.fromEntries(headers) },
            ...(mayHaveBody ? { body: data } : {}),
          });
          const answer = await withPatience(asked);
          if (!answer) return;
          expect(answer.status, `${answer.text}\n${faults().slice(-3).join('\n')}`).toBeLessThan(500);
          if (answer.status >= 400 && verb !== 'HEAD' && answer.status !== 417 && !answer.headers['content-encoding'])
            expect(answer.json<Refusal>()).toMatchObject({ kind: 'Status', code: answer.status });
        },
      ),
      { numRuns: runs(1_000, 30_000) },
    );
    await isAlive();
    expect(faults()).toEqual([]);
    expect((await memoryOf()) - before).toBeLessThan(MOST_GROWTH);
  });

  it('to become another protocol ends, and nobody else notices', { timeout: 3_600_000 }, async () => {
    const upgrade = fc.record({
      where: fc.oneof(fc.constantFrom(SESSION, execPath('none', ['cat']), pathOf('instances', 'x')), path),
      to: fc.constantFrom('websocket', 'SPDY/3.1', 'h2c', 'x'),
      version: fc.constantFrom('13', '8', '', 'x'),
      key: fc.constantFrom('dGhlIHNhbXBsZSBub25jZQ==', 'x', ''),
      protocol: fc.constantFrom('v5.channel.k8s.io', 'v4.channel.k8s.io, x', 'SPDY/3.1+portforward.k8s.io', ''),
      rest: fc.uint8Array({ maxLength: 300 }),
    });
    const { hostname, port } = new URL(daemon.url);
    await fc.assert(
      fc.asyncProperty(upgrade, async ({ where, to, version, key, protocol, rest }) => {
        const head = [
          `GET ${where} HTTP/1.1`,
          'host: x',
          `authorization: Bearer ${daemon.token}`,
          'connection: Upgrade',
          `upgrade: ${to}`,
          ...[
            `sec-websocket-version: ${version}`,
            `sec-websocket-key: ${key}`,
            `sec-websocket-protocol: ${protocol}`,
          ].filter((line) => !line.endsWith(': ')),
        ];
        const socket = connect({ host: hostname, port: Number(port), ca: daemon.ca });
        socket.on('error', () => undefined);
        const answered = new Promise<string>((resolve) => {
          let text = '';
          socket.on('data', (chunk: Buffer) => resolve((text += chunk.toString('latin1'))));
          socket.on('close', () => resolve(text));
        });
        socket.write(`${head.join('\r\n')}\r\n\r\n`);
        socket.write(rest);
        const status = Number(/^HTTP\/1\.1 (\d+)/.exec(await answered)?.[1] ?? 0);
        socket.destroy();
        expect(status).not.toBe(500);
      }),
      { numRuns: runs(200, 5_000) },
    );
    await isAlive();
    expect(faults()).toEqual([]);
  });

  it('into an open session ends that session at most', { timeout: 3_600_000 }, async () => {
    const frames = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        fc.string({ maxLength: 20 }),
        fc.constantFrom('\x04{"Width":-1}', '\xff\0'),
      ),
      {
        minLength: 1,
        maxLength: 10,
      },
    );
    await fc.assert(
      fc.asyncProperty(frames, fc.boolean(), async (all, isCut) => {
        const socket = new WebSocket(`${daemon.url.replace('https', 'wss')}${SESSION}`, 'v5.channel.k8s.io', {
          ca: daemon.ca,
          headers: { authorization: `Bearer ${daemon.token}` },
        });
        socket.on('error', () => undefined);
        await once(socket, 'open');
        for (const frame of all) socket.send(frame);
        const closed = once(socket, 'close');
        if (isCut) socket.terminate();
        else socket.close();
        await closed;
      }),
      { numRuns: runs(50, 1_000) },
    );
    await isAlive();
    expect(faults()).toEqual([]);
  });
});

/** `undefined` for an answer that goes on. */
async function withPatience<T>(asked: Promise<T>): Promise<T | undefined> {
  const answered = new AbortController();
  const over = pause(PATIENCE_MS, undefined, { signal: answered.signal }).catch(() => undefined);
  const answer = await Promise.race([asked, over]);
  answered.abort();
  return answer;
}

/** Whatever fast-check made, as JSON; what JSON cannot say is left out. */
function asJson(value: unknown): Buffer {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)) ?? 'null';
  return Buffer.from(text);
}
