import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { ProxyConfig } from '../../../src/drivers/proxies.ts';
import { eventually } from '../../support/wait.ts';
import { addressOf, config, type ProxyContext } from './context.ts';

const ref = { backend: 'hold', server: 's1' };

/** What becomes of connections that a reload has left to an old worker; the same for every implementation. */
export function sessionContract(t: ProxyContext): void {
  describe('connections of before a reload', () => {
    /** The hold server, with one connection. */
    const held = async () => {
      const web = await t.web();
      const wanted = config({});
      const container = await t.started(wanted);
      const { id } = container;
      await eventually('it to answer', () => t.state(id));
      expect((await t.state(id)).oldWorkers).toEqual([]);
      await t.proxies.addServer(id, ref, { address: addressOf(web), port: 81 });
      await eventually('it to be up', async () => (await t.server(id, ref))?.health === 'up');
      const stored = withServer(wanted, addressOf(web));
      await t.proxies.store(id, stored);
      const hold = () => t.subject.hands.hold(container, ref);
      let changes = 0;
      const reload = async () => {
        await t.proxies.store(id, { ...stored, idleTimeoutMs: 60_000 - ++changes });
        await t.proxies.reload(id);
      };
      const sessions = (count: number) =>
        eventually(`${count} sessions`, async () => (await t.server(id, ref))?.sessions === count);
      return { id, hold, reload, sessions };
    };
    const workers = async (id: string) => (await t.state(id)).oldWorkers?.map((worker) => worker.sessions);

    it('live on in an old worker, and count as sessions of their server', async () => {
      const { id, hold, reload, sessions } = await held();
      const first = await hold();
      await sessions(1);
      await reload();
      expect(await workers(id)).toEqual([1]);
      const second = await hold();
      await sessions(2);
      await reload();
      expect(await workers(id)).toEqual([1, 1]);
      expect((await t.server(id, ref))?.sessions).toBe(2);
      first();
      await sessions(1);
      second();
      await sessions(0);
      await eventually('the old workers to end', async () => (await workers(id))?.length === 0);
    });

    it('I12: are broken off with the others of a server that must go', async () => {
      const { id, hold, reload, sessions } = await held();
      await hold();
      await sessions(1);
      await reload();
      await hold();
      await sessions(2);
      await t.proxies.setServer(id, ref, 'maint');
      expect((await t.server(id, ref))?.sessions).toBe(2);
      await t.proxies.endSessions(id, ref);
      await sessions(0);
      await t.proxies.removeServer(id, ref);
    });

    it('end with their worker, once and again', async () => {
      const { id, hold, reload, sessions } = await held();
      await hold();
      await sessions(1);
      await reload();
      await hold();
      await sessions(2);
      await reload();
      const [oldest] = (await t.state(id)).oldWorkers ?? [];
      for (let times = 0; times < 2; times++) await t.proxies.endWorker(id, oldest?.id ?? '');
      await eventually('the oldest to end', async () => isDeepStrictEqual(await workers(id), [1]));
      await sessions(1);
    });
  });
}

const withServer = (wanted: ProxyConfig, address: string): ProxyConfig => ({
  ...wanted,
  backends: wanted.backends.map((backend) =>
    backend.name === 'hold' ? { ...backend, servers: [{ name: 's1', address, port: 81 }] } : backend,
  ),
});
