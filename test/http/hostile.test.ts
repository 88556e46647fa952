import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';
import { instance, pathOf } from '../support/manifests.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  await post(instance('kept', { image: 'a', vpc: 'none' }));
});
afterAll(() => daemon.stop());

const post = (body: unknown, contentType = 'application/json', path = pathOf('instances')) =>
  call(daemon, 'POST', path, { body, headers: { 'content-type': contentType } });
const stored = async () => (await daemon.database.query<{ n: string }>('SELECT count(*) AS n FROM resources'))[0]!.n;
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const withLabels = (labels: unknown) => ({ ...instance('x', { image: 'a' }), metadata: { name: 'x', labels } });

describe('input that nobody means (I13)', () => {
  it.each<[string, () => Promise<{ status: number; json: <T>() => T }>, number]>([
    ['a body over 1 MiB', () => post(JSON.stringify({ a: 'x'.repeat(1 << 20) })), 413],
    ['broken JSON', () => post('{"a":'), 400],
    ['broken YAML', () => post('a: [b', 'application/yaml'), 400],
    ['YAML with two documents', () => post('a: 1\n---\nb: 2\n', 'application/yaml'), 400],
    ['a YAML bomb', () => post(bomb(), 'application/yaml'), 400],
    ['no body', () => post(''), 400],
    ['a list', () => post('[]'), 400],
    ['a text', () => post('"text"'), 400],
    ['a null', () => post('null'), 400],
    ['metadata that is a text', () => post('{"metadata":"x"}'), 400],
    ['__proto__', () => post('{"__proto__":{"polluted":true},"metadata":{"name":"x"}}'), 400],
    [
      '__proto__ in an escape',
      () => post('{"\\u005f_proto__":{"a":1},"metadata":{"name":"x"},"spec":{"image":"a"}}'),
      422,
    ],
    [
      'constructor.prototype',
      () => post({ ...instance('x', { image: 'a' }), constructor: { prototype: { a: 1 } } }),
      422,
    ],
    ['deep nesting', () => post(`{"metadata":{"name":"x"},"spec":${nested(50_000)}}`), 422],
    ['deep nesting in YAML', () => post(`spec: ${'['.repeat(5_000)}`, 'application/yaml'), 400],
    ['labels that are a list', () => post(withLabels(['a'])), 422],
    ['labels of the wrong form', () => post(withLabels({ 'not a key!': 'v' })), 422],
    ['a name with a slash', () => post(instance('a/b', { image: 'a' })), 422],
    ['a name that is a number', () => post({ ...instance('x', {}), metadata: { name: 5 } }), 422],
    ['NUL in a text', () => post(instance('x', { image: 'a', env: { A: 'a\u0000b' } })), 422],
    [
      'a lone surrogate in a text',
      () => post(`{"metadata":{"name":"x"},"spec":{"image":"a","env":{"A":"\\ud800"}}}`),
      422,
    ],
    ['another kind than the path', () => post({ ...instance('x', { image: 'a' }), kind: 'VPC' }), 422],
    ['another apiVersion', () => post({ ...instance('x', { image: 'a' }), apiVersion: 'v1' }), 422],
    ['protobuf', () => post(Buffer.from('k8s\0\n'), 'application/vnd.kubernetes.protobuf'), 415],
    ['an unknown plural', () => post({}, 'application/json', pathOf('instancez')), 404],
    ['a plural of Object.prototype', () => post({}, 'application/json', pathOf('constructor')), 404],
    ['an unknown path', () => call(daemon, 'GET', '/apis/other.dev/v9/things'), 404],
    ['a broken escape in the path', () => call(daemon, 'GET', '/apis/%zz'), 400],
    ['an endless name', () => call(daemon, 'GET', pathOf('instances', 'a'.repeat(5_000))), 400],
    ['a verb on the wrong path', () => call(daemon, 'PUT', pathOf('instances')), 404],
    [
      'a field manager with NUL',
      () => post(instance('x', { image: 'a' }), 'application/json', `${pathOf('instances')}?fieldManager=a%00`),
      400,
    ],
    [
      'DeleteOptions of the wrong form',
      () => call(daemon, 'DELETE', pathOf('instances', 'x'), { body: { dryRun: 5 } }),
      400,
    ],
    [
      'a status with NUL',
      () => call(daemon, 'PUT', `${pathOf('instances', 'kept')}/status`, { body: { status: { phase: 'a\u0000' } } }),
      422,
    ],
    [
      'a status of great depth',
      () => call(daemon, 'PUT', `${pathOf('instances', 'kept')}/status`, { body: `{"status":${nested(50_000)}}` }),
      422,
    ],
  ])('%s is refused with a Status', async (_, send, code) => {
    const before = await stored();
    const answer = await send();
    expect(answer.json<Refusal>()).toMatchObject({ kind: 'Status', status: 'Failure', message: expect.any(String) });
    expect(answer.status).toBe(code);
    expect(answer.json<Refusal>().code).toBe(answer.status);
    expect(await stored()).toBe(before);
  });

  it.each<[string, unknown]>([
    ['a number', 5],
    ['conditions that are a number', { conditions: 5 }],
    ['a condition that is null', { conditions: [null] }],
    ['a port without parts', { ports: [{}] }],
    ['an address that is a number', { privateIp: 7 }],
  ])('a status with %s is refused: whoever lists would stumble over it', async (_, status) => {
    const answer = await call(daemon, 'PUT', `${pathOf('instances', 'kept')}/status`, { body: { status } });
    expect([answer.status, answer.json<Refusal>().reason]).toEqual([422, 'Invalid']);
  });

  it.each([
    'involvedObject.uid=not-a-uid',
    `involvedObject.uid=${'x'.repeat(36)}`,
    'involvedObject.name=a%00b',
    'involvedObject.kind=%F0%9F',
  ])('records are asked for by %s, and there are none', async (selector) => {
    for (const path of ['/api/v1/events', '/apis/miniaws.dev/v1/reconcilelogs']) {
      const answer = await call(daemon, 'GET', `${path}?fieldSelector=${selector}`);
      expect([answer.status, answer.json<{ items: unknown[] }>().items]).toEqual([200, []]);
    }
  });

  it('a head without an end is cut off, and others are served meanwhile', async () => {
    const { hostname, port } = new URL(daemon.url);
    const socket = connect({ host: hostname, port: Number(port), ca: daemon.ca });
    socket.on('error', () => undefined);
    socket.write('GET /apis HTTP/1.1\r\nHost: x\r\nX-Endless: ');
    const ended = new Promise((resolve) => socket.once('close', resolve));
    const flood = setInterval(() => socket.write('y'.repeat(64 * 1024)), 1);
    expect((await call(daemon, 'GET', '/healthz')).status).toBe(200);
    await ended;
    clearInterval(flood);
    expect((await call(daemon, 'GET', '/healthz')).status).toBe(200);
  });
});

/** Each step of it doubles. */
function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  return lines.join('\n');
}
