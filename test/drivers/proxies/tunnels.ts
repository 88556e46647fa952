import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { CONFIG_PATH, structureOf } from '../../../src/drivers/haproxy/configuration.ts';
import type { ProxyConfig } from '../../../src/drivers/proxies.ts';
import { eventually } from '../../support/wait.ts';
import { addressOf, config, WEB_PORT, type ProxyContext } from './context.ts';

/** A client's connection, and all that came on it. */
async function open(address: string): Promise<{ socket: Socket; heard: () => string; say: (text: string) => void }> {
  const socket = connect(WEB_PORT, address).on('error', () => undefined);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'connect');
  return { socket, heard: () => text, say: (words) => void socket.write(words) };
}

const GET = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';
const UPGRADE = 'GET / HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

/** What only real connections show of a reload. */
export function tunnelTests(t: ProxyContext): void {
  const s = (server: string) => ({ backend: 'app', server });
  const up = (id: string, server: string) =>
    eventually(`${server} to be up`, async () => (await t.server(id, s(server)))?.health === 'up');
  const reload = async (id: string, next: ProxyConfig) => {
    await t.proxies.store(id, next);
    await t.proxies.reload(id);
  };

  describe('over a reload', () => {
    it('a web socket goes on, for longer than idleTimeout, and until tunnelTimeout', async () => {
      const web = await t.web();
      const base = config({ s1: addressOf(web) }, { idleTimeoutMs: 2_000, tunnelTimeoutMs: 10_000 });
      const check = { intervalMs: 300, timeoutMs: 500, healthyThreshold: 1, unhealthyThreshold: 2 };
      const servers = [{ name: 's1', address: addressOf(web), port: 82 }];
      const wanted = { ...base, backends: base.backends.map((b) => ({ ...b, check, servers })) };
      const lb = await t.started(wanted);
      await eventually('it to be checked', async () => (await t.server(lb.id, s('s1')))?.lastCheck);
      const { heard, say, socket } = await open(addressOf(lb));
      let closedAt = 0;
      socket.on('close', () => (closedAt = Date.now()));
      say(UPGRADE);
      await eventually('the switch', () => heard().includes('101 Switching Protocols'));
      await reload(lb.id, { ...wanted, maxConnections: 400 });
      say('first ');
      await eventually('an echo', () => heard().endsWith('first '));
      await reload(lb.id, { ...wanted, maxConnections: 300 });
      const said = Date.now();
      say('second');
      await eventually('an echo', () => heard().endsWith('second'));
      expect((await t.state(lb.id)).oldWorkers?.map((worker) => worker.sessions)).toEqual([1]);
      await eventually('the end of a silent one', () => closedAt > 0);
      expect(closedAt - said).toBeGreaterThan(8_000);
    });

    it('a container of before, whose master cannot be asked, says so, and reloads as it did', async () => {
      const web = await t.web();
      const wanted = config({ s1: addressOf(web) });
      const lb = await t.started(wanted, ['haproxy', '-W', '-db', '-f', CONFIG_PATH]);
      await eventually('it to answer', () => t.state(lb.id));
      const next = { ...wanted, maxConnections: 400 };
      await reload(lb.id, next);
      expect(await t.state(lb.id)).toMatchObject({ structure: structureOf(next), servers: [s('s1')] });
      expect((await t.state(lb.id)).oldWorkers).toBeUndefined();
    });

    it('I12: the next request of a kept connection goes where targets are now, and none of before is asked', async () => {
      const [one, two] = [await t.web('one'), await t.web('two')];
      const wanted = config({ s1: addressOf(one) });
      const lb = await t.started(wanted);
      await eventually('it to be checked', async () => (await t.server(lb.id, s('s1')))?.lastCheck);
      const kept = await Promise.all(Array.from({ length: 4 }, () => open(addressOf(lb))));
      for (const { say } of kept) say(GET);
      for (const { heard } of kept) await eventually('an answer', () => heard().includes('Hello from one'));
      // A listener may have the master's port.
      const more = { name: 'p', port: 9_998, acceptProxy: false, rules: [], defaultBackend: 'app' };
      await reload(lb.id, { ...wanted, listeners: [...wanted.listeners, more] });
      await t.proxies.addServer(lb.id, s('s2'), { address: addressOf(two), port: 80 });
      await up(lb.id, 's2');
      for (const mode of ['drain', 'maint'] as const) await t.proxies.setServer(lb.id, s('s1'), mode);
      expect((await t.server(lb.id, s('s1')))?.sessions).toBe(0);
      await t.proxies.removeServer(lb.id, s('s1'));
      await t.compute.stopContainer(one.id, 0, 60_000);
      for (const { say } of kept) say(GET);
      for (const { heard, socket } of kept) {
        await eventually('another answer', () => heard().includes('Hello from two'));
        expect(heard().toLowerCase()).toContain('connection: close');
        await eventually('its end', () => socket.closed);
      }
      expect((await t.state(lb.id)).traffic).toMatchObject({ requests: 4, failed: 0 });
      await eventually('the old worker to end', async () => (await t.state(lb.id)).oldWorkers?.length === 0);
    });
  });
}
