import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../../src/drivers/proxies.ts';
import { engine } from '../../support/engine.ts';
import { eventually } from '../../support/wait.ts';
import { collect } from '../contract/context.ts';
import { addressOf, config, HOLD_PORT, WEB_PORT, type ProxyContext } from './context.ts';

interface Answer {
  status: number;
  /** Of the server's page: its name. */
  from: string;
  cookie: string | undefined;
}

interface Ask {
  port?: number;
  path?: string;
  host?: string;
  cookie?: string;
  agent?: Agent;
}

function ask(address: string, { port = WEB_PORT, path = '/', host, cookie, agent }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { ...(host && { host }), ...(cookie && { cookie }) };
    const sent = request({ host: address, port, path, headers, agent: agent ?? false }, (response) => {
      let page = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (page += chunk));
      response.on('end', () => {
        const cookies = response.headers['set-cookie']?.[0]?.split(';')[0];
        resolve({
          status: response.statusCode ?? 0,
          from: /Hello from ([^<\s]+)/.exec(page)?.[1] ?? '',
          cookie: cookies,
        });
      });
      response.on('error', reject);
    });
    sent.on('error', reject).end();
  });
}

/** Clients that ask again and again on kept-alive connections until they are told to stop. */
function clients(address: string, count: number): { stop(): Promise<{ answered: number; failures: string[] }> } {
  const failures: string[] = [];
  let [answered, stopped] = [0, false];
  const run = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!stopped) {
      const failure = await ask(address, { agent }).then(
        ({ status }) => (status === 200 ? undefined : `answered ${status}`),
        (error: Error) => error.message,
      );
      if (failure === undefined) answered++;
      else failures.push(failure);
    }
    agent.destroy();
  };
  const all = Array.from({ length: count }, run);
  return { stop: async () => ((stopped = true), await Promise.all(all), { answered, failures }) };
}

/** What only real connections show. */
export function trafficTests(t: ProxyContext): void {
  const up = (id: string, server: string) =>
    eventually(`${server} to be checked`, async () => {
      const seen = await t.server(id, { backend: 'app', server });
      return seen?.health === 'up' && seen.lastCheck !== '';
    });
  const answering = (address: string, port = WEB_PORT) =>
    eventually('an answer', async () => (await ask(address, { port })).status === 200);

  describe('under traffic', () => {
    it('I12: no request fails while servers come, drain and go', async () => {
      const [one, two] = [await t.web('one'), await t.web('two')];
      const lb = await t.started(config({ s1: addressOf(one) }));
      await answering(addressOf(lb));
      const { requests: before } = (await t.state(lb.id)).traffic;
      const traffic = clients(addressOf(lb), 4);
      let [coming, going] = [two, one];
      let [there, next] = ['s1', 's2'];
      for (let change = 0; change < 4; change++) {
        const [leaving, joining] = [
          { backend: 'app', server: there },
          { backend: 'app', server: next },
        ];
        await t.proxies.addServer(lb.id, joining, { address: addressOf(coming), port: 80 });
        await up(lb.id, next);
        await t.proxies.setServer(lb.id, leaving, 'drain');
        await t.proxies.setServer(lb.id, leaving, 'maint');
        await eventually('its sessions to end', async () => (await t.server(lb.id, leaving))?.sessions === 0);
        await t.proxies.removeServer(lb.id, leaving);
        [coming, going, there, next] = [going, coming, next, `s${change + 3}`];
      }
      const { answered, failures } = await traffic.stop();
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(100);
      const { traffic: counted, servers } = await t.state(lb.id);
      expect(counted).toMatchObject({ requests: before + answered, failed: 0, errors5xx: 0, sessions: 0 });
      expect(counted.latencyMs).toBeLessThan(1_000);
      expect(servers).toHaveLength(1);
      expect(servers[0]?.traffic.requests).toBeGreaterThan(0);
    });

    it('no request fails while it reloads, and old connections live on in the old worker', async () => {
      const web = await t.web('web');
      const first = config({ s1: addressOf(web) });
      const lb = await t.started(first);
      await answering(addressOf(lb));
      await t.proxies.addServer(lb.id, { backend: 'hold', server: 's1' }, { address: addressOf(web), port: 81 });
      const old = connect(HOLD_PORT, addressOf(lb));
      old.write('GET / HTTP/1.1\r\nHost: hold\r\n\r\n');
      await eventually('its session', async () => (await t.server(lb.id, { backend: 'hold', server: 's1' }))?.sessions);
      let ended = false;
      old.on('close', () => (ended = true)).on('error', () => undefined);
      const traffic = clients(addressOf(lb), 4);
      for (const port of [8_090, 8_091, 8_092]) {
        const listener = { name: `p${port}`, port, acceptProxy: false, rules: [], defaultBackend: 'app' };
        await t.proxies.store(lb.id, { ...first, listeners: [...first.listeners, listener], drainMs: 3_000 });
        await t.proxies.reload(lb.id);
        expect((await ask(addressOf(lb), { port })).status).toBe(200);
      }
      const { answered, failures } = await traffic.stop();
      expect(failures).toEqual([]);
      expect(answered).toBeGreaterThan(100);
      expect(ended).toBe(false);
      old.destroy();
    });

    it('sends requests where the rules say, and counts what none of them took', async () => {
      const [api, site] = [await t.web('api'), await t.web('site')];
      const base = config({ s1: addressOf(api) });
      const [app] = base.backends;
      if (!app) throw new Error('no backend');
      const other = { ...app, name: 'site', servers: [{ name: 's1', address: addressOf(site), port: 80 }] };
      const rules = [
        { host: 'Shop.example', pathPrefix: '/api/', backend: 'app' },
        { host: 'shop.example', backend: 'site' },
        { pathPrefix: '/', host: 'all.example', backend: 'app' },
      ];
      const listeners = [{ name: 'web', port: WEB_PORT, acceptProxy: false, rules }];
      const lb = await t.started({ ...base, listeners, backends: [app, other] });
      const to = async (host: string, path: string) => {
        const { status, from } = await ask(addressOf(lb), { host, path });
        return from || status;
      };
      await eventually('an answer', async () => (await to('shop.example', '/')) === 'site');
      // The pages of the two servers have no such paths: who says so is told by the counters.
      const taken = async () => (await t.state(lb.id)).servers.map((s) => s.traffic.requests);
      const before = await taken();
      expect(await to('SHOP.example:8080', '/')).toBe('site');
      expect(await to('shop.example', '/api')).toBe(404);
      expect(await to('shop.example:80', '/api/v1?x=1')).toBe(404);
      expect(await to('shop.example', '/apis')).toBe(404);
      expect(await to('all.example', '/')).toBe('api');
      expect(await taken()).toEqual([(before[0] ?? 0) + 3, (before[1] ?? 0) + 2]);
      const { failed } = (await t.state(lb.id)).traffic;
      expect(await to('else.example', '/')).toBe(503);
      expect(await to('shop.example.evil', '/')).toBe(503);
      expect((await t.state(lb.id)).traffic.failed).toBe(failed + 2);
    });

    it('a client with the cookie gets the same server, one that was added later too', async () => {
      const [one, two] = [await t.web('one'), await t.web('two')];
      const base = config({ s1: addressOf(one) });
      const backends = base.backends.map((backend) => ({ ...backend, stickyCookie: 'MINIAWS' }));
      const lb = await t.started({ ...base, backends });
      await answering(addressOf(lb));
      await t.proxies.addServer(lb.id, { backend: 'app', server: 's2' }, { address: addressOf(two), port: 80 });
      await up(lb.id, 's2');
      const answers = [await ask(addressOf(lb)), await ask(addressOf(lb))];
      expect(answers.map((answer) => answer.from).toSorted()).toEqual(['one', 'two']);
      for (const { from, cookie = '' } of answers) {
        expect(cookie).toMatch(/^MINIAWS=\w+$/);
        for (let times = 0; times < 3; times++) expect((await ask(addressOf(lb), { cookie })).from).toBe(from);
      }
    });

    it('speaks the PROXY protocol to its servers and reads it from its clients; a TCP proxy counts sessions', async () => {
      const web = await t.web('web');
      const inner = config({ s1: addressOf(web) });
      const listeners = inner.listeners.map((listener) => ({ ...listener, acceptProxy: true }));
      const back = await t.started({ ...inner, listeners });
      const [app] = inner.backends;
      if (!app) throw new Error('no backend');
      const { http: _http, ...tcpCheck } = app.check;
      const outer: ProxyConfig = {
        ...inner,
        mode: 'tcp',
        listeners: inner.listeners.slice(0, 1),
        backends: [
          {
            ...app,
            check: tcpCheck,
            sendProxy: true,
            servers: [{ name: 's1', address: addressOf(back), port: WEB_PORT }],
          },
        ],
      };
      const front = await t.started(outer);
      await answering(addressOf(front));
      await t.proxies.addServer(
        front.id,
        { backend: 'app', server: 's2' },
        { address: addressOf(back), port: WEB_PORT },
      );
      await up(front.id, 's2');
      const { traffic } = await t.state(front.id);
      for (let times = 0; times < 4; times++) expect((await ask(addressOf(front))).from).toBe('web');
      await eventually('the sessions to be counted', async () => {
        const now = await t.state(front.id);
        return now.traffic.requests === traffic.requests + 4 && now.traffic.sessions === 0;
      });
      expect((await t.state(front.id)).servers.map((s) => s.traffic.failed)).toEqual([0, 0]);
      await expect(ask(addressOf(back))).rejects.toThrow();
    });

    it('nobody else on its network reaches its admin interface, and no command of ours stays in it', async () => {
      const web = await t.web('web');
      const { id, attachments } = await t.started(config({}));
      await eventually('it to answer', () => t.state(id));
      const nc = (port: number) => ['sh', '-c', `nc -w 2 ${attachments[0]?.address} ${port} </dev/null`];
      const run = async (port: number) => {
        const session = await t.compute.exec(web.id, { command: nc(port), tty: false, stdin: false });
        await collect(session.output);
        return session.exitCode();
      };
      expect(await run(WEB_PORT)).toBe(0);
      expect(await run(9_900)).toBe(1);
      const socket = connect(9_900, addressOf(web));
      await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
      const other = t.subject.another();
      expect(await other.state(id)).toMatchObject({ state: 'present' });
      other.close();
      const shells = async (): Promise<number> => {
        const { Processes } = (await engine.getContainer(id).top()) as { Processes: string[][] };
        return Processes.filter((columns) => /\bsh -c\b/.test(columns.at(-1) ?? '')).length;
      };
      await eventually('one shell, the other driver’s', async () => (await shells()) === 1);
    });
  });
}
