import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
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
  /** On the machine itself: says what it saw. */
  async function mirror(from: string): Promise<number> {
    const server = createServer({ maxHeaderSize: 2 ** 20 }, (request, response) => {
      const lines = request.rawHeaders;
      const headers = lines.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), lines[at + 1]]] : []));
      response.end(JSON.stringify({ from, url: Buffer.from(request.url ?? '', 'latin1').toString('utf8'), headers }));
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
