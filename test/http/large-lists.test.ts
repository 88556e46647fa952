import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { connect } from 'node:tls';
import type { IncomingMessage } from 'node:http';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PAUSED } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

const MANY = 1_500;
/** Large lists that are answered at once (http/list-body.ts). */
const AT_ONCE = 16;
/** Makes an answer that no buffer between the daemon and a client that does not read can hold. */
const PADDING = 'x'.repeat(10_000);

interface List {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: { metadata: { name: string } }[];
}

let daemon: TestDaemon;
const open = async (more: Record<string, string> = {}, query = ''): Promise<IncomingMessage> => {
  const { hostname, port } = new URL(daemon.url);
  const headers = { authorization: `Bearer ${daemon.token}`, ...more };
  const path = `${pathOf('instances')}${query}`;
  const request = httpsRequest({ hostname, port, path, ca: daemon.ca, headers, agent: false });
  request.on('error', () => undefined).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response.on('error', () => undefined);
};

beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  const make = (n: number) =>
    call(daemon, 'POST', pathOf('instances'), {
      body: instance(`i-${n}`, { image: 'app:1', env: { PADDING } }, { annotations: { [PAUSED]: 'true' } }),
    });
  await pLimit(32).map(
    Array.from({ length: MANY }, (_, n) => n),
    make,
  );
});
afterAll(async () => daemon?.stop());

describe('compression', () => {
  const read = async (query: string, encoding?: string) => {
    const response = await open(encoding === undefined ? {} : { 'accept-encoding': encoding }, query);
    const body = await buffer(response);
    return { encoding: response.headers['content-encoding'], vary: response.headers.vary, body };
  };

  it.each([
    ['a streamed list', ''],
    ['a page', '?limit=200'],
  ])('of %s: for whom asks for it, and the same when it is unpacked', async (_, query) => {
    const plain = await read(query);
    expect([plain.encoding, plain.vary]).toEqual([undefined, 'Accept-Encoding']);
    expect((await read(query, 'gzip;q=0, br')).encoding).toBeUndefined();
    const packed = await read(query, 'deflate, gzip;q=1.0');
    expect(packed.encoding).toBe('gzip');
    expect(packed.body.length).toBeLessThan(plain.body.length / 5);
    expect(gunzipSync(packed.body).equals(plain.body)).toBe(true);
  });

  it('of nothing small', async () => {
    expect((await read('?limit=2', 'gzip')).encoding).toBeUndefined();
  });

  it('a client that goes away in the middle leaves nothing behind', async () => {
    for (let i = 0; i < AT_ONCE + 4; i++) (await open({ 'accept-encoding': 'gzip' })).destroy();
    await eventually('another large list', async () => (await read('', 'gzip')).encoding === 'gzip');
  });
});

describe('a list of many objects', () => {
  it('without a limit has all of them, in order, as pages have', async () => {
    const whole = (await call(daemon, 'GET', pathOf('instances'))).json<List>();
    const names = whole.items.map((item) => item.metadata.name);
    expect(names).toHaveLength(MANY);
    expect(names).toEqual(names.toSorted());
    expect(whole.metadata).toEqual({ resourceVersion: expect.any(String) as string });
    const paged: string[] = [];
    for (let token = ''; ;) {
      const page = (await call(daemon, 'GET', `${pathOf('instances')}?limit=400&continue=${token}`)).json<List>();
      paged.push(...page.items.map((item) => item.metadata.name));
      if (page.metadata.continue === undefined) break;
      expect(page.metadata.remainingItemCount).toBe(MANY - paged.length);
      token = page.metadata.continue;
    }
    expect(paged).toEqual(names);
  });

  it('with a selector and a limit goes on behind the last that matched', async () => {
    const selector = encodeURIComponent('metadata.name!=i-0');
    const path = `${pathOf('instances')}?limit=1000&fieldSelector=${selector}`;
    const first = (await call(daemon, 'GET', path)).json<List>();
    const second = (await call(daemon, 'GET', `${path}&continue=${first.metadata.continue}`)).json<List>();
    expect([first.items.length, second.items.length]).toEqual([1_000, MANY - 1 - 1_000]);
    expect(second.metadata.continue).toBeUndefined();
  });

  it('that waits for its turn on a connection counts no more when that connection ends', async () => {
    const { hostname, port } = new URL(daemon.url);
    const socket = connect({ host: hostname, port: Number(port), ca: daemon.ca });
    await once(socket, 'secureConnect');
    const request = `GET ${pathOf('instances')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${daemon.token}\r\n\r\n`;
    socket.write(request.repeat(AT_ONCE));
    // Those that are had are kept, unread: a place that is given up is taken for a moment still.
    const unread: IncomingMessage[] = [];
    const take = async () => {
      const response = await open();
      if (response.statusCode === 200) unread.push(response);
      else response.destroy();
      return response.statusCode === 200;
    };
    await eventually('all places to be taken', async () => !(await take()));
    expect(unread.length).toBeLessThan(AT_ONCE);
    socket.destroy();
    await eventually('all places to be free', async () => (await take()) && unread.length >= AT_ONCE);
    for (const response of unread) response.destroy();
  });

  it('is one of a few at once: more are asked to come again, and may when those have ended', async () => {
    const unread = await Promise.all(Array.from({ length: AT_ONCE }, () => open()));
    const refused = await call(daemon, 'GET', pathOf('instances'));
    expect(refused.status).toBe(429);
    expect(refused.headers['retry-after']).toBe('1');
    expect((await call(daemon, 'GET', `${pathOf('instances')}?limit=10`)).status).toBe(200);
    for (const response of unread) response.destroy();
    await eventually('a place', async () => (await call(daemon, 'GET', pathOf('instances'))).status === 200);
  });
});
