import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ProxyConfig } from '../../../src/drivers/proxies.ts';
import { eventually } from '../../support/wait.ts';
import { addressOf, config, WEB_PORT, type ProxyContext } from './context.ts';

/** What a server saw of a request: its line and its headers, as they came. */
interface Seen {
  from: string;
  url: string;
  headers: readonly (readonly [name: string, value: string])[];
}

/** Sends bytes and gives all that came back until the connection's end: what no http client would send, too. */
async function send(address: string, head: string): Promise<{ status: number; seen: Seen | undefined }> {
  const socket = connect(WEB_PORT, address);
  socket.setEncoding('utf8').write(Buffer.from(head, 'latin1'));
  let answer = '';
  for await (const text of socket) answer += String(text);
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  const status = Number(/^HTTP\/1\.. (\d+)/.exec(answer)?.[1]);
  return { status, seen: status === 200 ? (JSON.parse(body) as Seen) : undefined };
}

const get = (address: string, path: string, ...headers: readonly string[]) =>
  send(address, [`GET ${path} HTTP/1.1`, 'Host: shop.example', 'Connection: close', ...headers, '', ''].join('\r\n'));

/** What becomes of a request between its client and a server. */
export function requestTests(t: ProxyContext): void {
  /** On the machine itself: says what it saw, byte for byte, of a request without a body. */
  async function mirror(from: string): Promise<number> {
    const server = createServer((socket) => {
      let head = '';
      socket
        .on('error', () => undefined)
        .on('data', (bytes) => {
          head += bytes.toString('latin1');
          if (!head.endsWith('\r\n\r\n')) return;
          const [line = '', ...rest] = head.trimEnd().split('\r\n');
          const headers = rest.map((header) => header.split(': ', 2));
          const url = Buffer.from(line.split(' ')[1] ?? '', 'latin1').toString('utf8');
          socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${JSON.stringify({ from, url, headers })}`);
        });
    });
    server.listen(0, t.network.gateway);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }

  /** A proxy whose `app` is one mirror, and its other backends one each. */
  async function mirrored(more: Partial<ProxyConfig> = {}, others: readonly string[] = []): Promise<string> {
    const { backends } = config({});
    const [app] = backends;
    if (!app) throw new Error('no backend');
    const made = ['app', ...others].map(async (name) => ({
      ...app,
      name,
      servers: [{ name: 's1', address: t.network.gateway, port: await mirror(name) }],
    }));
    const lb = await t.started(config({}, { backends: [...(await Promise.all(made)), ...backends.slice(1)], ...more }));
    await eventually('an answer', async () => (await get(addressOf(lb), '/')).status === 200);
    return addressOf(lb);
  }

  describe('requests', () => {
    const spoofed = [
      'X-Forwarded-For: 6.6.6.6',
      'x-forwarded-for: 7.7.7.7',
      'X_Forwarded_For: 8.8.8.8',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Port: 443',
    ];
    const forwarded = (seen: Seen | undefined) =>
      (seen?.headers ?? []).filter(([name]) => /^x.forwarded/.test(name)).toSorted();

    it('a server may trust X-Forwarded-…: a client’s own are replaced', async () => {
      const address = await mirrored();
      const { seen } = await get(address, '/', ...spoofed, 'X-Forwarded-Host: evil.example');
      expect(forwarded(seen)).toEqual([
        ['x-forwarded-for', t.network.gateway],
        ['x-forwarded-host', 'shop.example'],
        ['x-forwarded-port', String(WEB_PORT)],
        ['x-forwarded-proto', 'http'],
      ]);
    });

    it('a trusted proxy’s X-Forwarded-… hold, its address appended in one line', async () => {
      const address = await mirrored({ trustedProxies: ['192.0.2.0/24', `${t.network.gateway}/32`] });
      const { seen } = await get(address, '/', ...spoofed);
      expect(forwarded(seen)).toEqual([
        ['x-forwarded-for', `6.6.6.6, 7.7.7.7, ${t.network.gateway}`],
        ['x-forwarded-host', 'shop.example'],
        ['x-forwarded-port', '443'],
        ['x-forwarded-proto', 'https'],
      ]);
    });

    it('a rule’s path is met in whatever way it is written, and the request goes on as it came', async () => {
      const to = (pathPrefix: string, backend: string) => ({ pathPrefix, backend });
      const rules = [to('/api', 'api'), to('/caf%C3%A9', 'cafe')];
      const listeners = [{ name: 'web', port: WEB_PORT, acceptProxy: false, rules, defaultBackend: 'app' }];
      const address = await mirrored({ listeners }, ['api', 'cafe']);
      const raw = Buffer.from('/café/x').toString('latin1');
      const paths: Record<string, readonly string[]> = {
        api: ['/api', '//api', '/%61pi', '/%2Fapi', '/x/../api', '/x/..%2fapi', '/a/b/../.././/api/', '/../api?q=/../'],
        app: ['/apis', '/x/api', '/api/..', '/api/%2e%2e/x', '/x/a/b/../../../../c', '/a+b', '/x?q=//api&r=%'],
        cafe: [raw, '/caf%C3%A9', '/CAF/../caf%c3%a9'],
      };
      for (const [name, written] of Object.entries(paths))
        for (const path of written) {
          const url = path === raw ? '/café/x' : path;
          expect((await get(address, path)).seen, path).toMatchObject({ from: name, url });
        }
      for (const path of ['/api%', '/%zz', '/%00/api', '/a/b/c/d/e/../../../../../api'])
        expect((await get(address, path)).status, path).toBe(400);
    });

    it('what must not come along with a raw path is refused as before', async () => {
      const address = await mirrored();
      const heads = [
        'GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: h\r\nA(b: 1\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: h\r\n\u00c3\u00a9: 1\r\n\r\n',
        'GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n',
        'GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n',
        'GET a HTTP/1.1\r\nHost: h\r\n\r\n',
        'GET /\u0001 HTTP/1.1\r\nHost: h\r\n\r\n',
      ];
      for (const head of heads) expect((await send(address, head)).status, head).toBe(400);
      expect((await get(address, 'http://SHOP.example/')).status).toBe(200);
    });

    it('a head of 64 KB passes, of one line as of many, and a larger one is answered 400', async () => {
      const address = await mirrored();
      const head = (bytes: number, lines: number) =>
        Array.from({ length: lines }, () => `Cookie: ${'c'.repeat(Math.floor(bytes / lines) - 10)}`);
      const answers = [head(2 ** 16 - 100, 1), head(2 ** 16 - 100, 90), head(70_000, 1)].map((lines) =>
        get(address, '/', ...lines),
      );
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 400]);
    });
  });
}
