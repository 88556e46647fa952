import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import { databaseForTest } from '../support/database.ts';
import { freePort } from '../../src/host/ports.ts';
import { storedVpc } from '../support/stored.ts';

/** Between the store and PostgreSQL; cuts the connection at the next COMMIT, before it or after it was carried out. */
class CuttingProxy {
  cut: 'before' | 'after' | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(target: URL) {
    this.#server = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      let last = false;
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      near.on('data', (data) => {
        if (this.cut !== undefined && data.includes('; COMMIT')) {
          last = this.cut === 'after';
          this.cut = undefined;
          if (!last) return void near.destroy();
        }
        return void far.write(data);
      });
      far.on('data', (data) => (last ? near.destroy() : near.write(data)));
    });
  }

  async listen(): Promise<number> {
    const port = await freePort();
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

describe('F2: the answer of a COMMIT is lost', () => {
  it.each(['before', 'after'] as const)(
    'the connection is cut %s the commit was carried out: it happens exactly once, and the caller is told the truth (I11)',
    async (when) => {
      const database = await databaseForTest();
      const proxy = new CuttingProxy(new URL(database.url));
      const url = new URL(database.url);
      url.port = String(await proxy.listen());
      url.hostname = '127.0.0.1';
      const store = await openPostgresStore({ url: url.href, kinds: KINDS, clock: systemClock, log: silentLog });
      onTestFinished(async () => {
        await store.close();
        proxy.close();
      });
      await store.commit({ decide: () => ({ put: [storedVpc('first')] }) });
      proxy.cut = when;
      let decisions = 0;
      const outcome = await store
        .commit({
          decide: (view) => {
            decisions++;
            return view.get({ kind: 'VPC', namespace: 'default', name: 'second' })
              ? {}
              : { put: [storedVpc('second')] };
          },
        })
        .then(
          (committed) => committed.revision,
          () => 'refused',
        );
      const rows = await database.query('SELECT 1 FROM changes WHERE key = $1', ['VPC/default/second']);
      expect(decisions).toBe(1);
      expect([outcome, rows.length]).toEqual(when === 'after' ? [2, 1] : ['refused', 0]);
      // And whoever tries again, as a client does, finds it or makes it: once.
      await store.commit({
        decide: (view) =>
          view.get({ kind: 'VPC', namespace: 'default', name: 'second' }) ? {} : { put: [storedVpc('second')] },
      });
      expect(await database.query('SELECT 1 FROM changes WHERE key = $1', ['VPC/default/second'])).toHaveLength(1);
    },
  );
});
