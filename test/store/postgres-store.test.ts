import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { databaseForTest, freshDatabase } from '../support/database.ts';
import { eventually } from '../support/wait.ts';
import { storeContract } from './contract.ts';
import { storedVpc } from '../support/stored.ts';

const open = (url: string): Promise<Store> =>
  openPostgresStore({ url, kinds: KINDS, clock: systemClock, log: silentLog });

storeContract('the store in PostgreSQL', async () => {
  const database = await freshDatabase();
  const stores: Store[] = [];
  return {
    async open() {
      const store = await open(database.url);
      stores.push(store);
      return store;
    },
    async close() {
      for (const store of stores) await store.close();
      await database.drop();
    },
  };
});

describe('PostgreSQL as it fails', () => {
  const withStore = async (
    test: (store: Store, database: Awaited<ReturnType<typeof databaseForTest>>) => Promise<void>,
  ) => {
    const database = await databaseForTest();
    const store = await open(database.url);
    try {
      await test(store, database);
    } finally {
      await store.close();
    }
  };
  const killAll =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'miniaws%' AND datname = current_database()";

  it('F8: connections that are killed are an outage, then forgotten; nothing acknowledged is lost (I11)', () =>
    withStore(async (store, database) => {
      const acknowledged = new Set<string>();
      const writer = (async () => {
        for (let i = 0; i < 150; i++) {
          const name = `n${i}`;
          await store
            .commit({
              decide: (view) =>
                view.get({ kind: 'VPC', namespace: 'default', name }) ? {} : { put: [storedVpc(name)] },
            })
            .then(
              () => acknowledged.add(name),
              () => undefined,
            );
          if (i % 25 === 10) await database.query(killAll);
        }
      })();
      await writer;
      await store.commit({ decide: () => ({ put: [storedVpc('last')] }) });
      const stored = new Set((await database.query<{ name: string }>('SELECT name FROM resources')).map((r) => r.name));
      expect([...acknowledged].filter((name) => !stored.has(name))).toEqual([]);
      expect(new Set([...(await store.current()).list('VPC')].map((r) => r.metadata.name))).toEqual(stored);
      expect(store.outage()).toBeUndefined();
    }));

  it('F8: a stranger who holds the revision back makes writes wait or fail, never skip (I7)', () =>
    withStore(async (store, database) => {
      const { default: pg } = await import('pg');
      const stranger = new pg.Client({ connectionString: database.url });
      await stranger.connect();
      await stranger.query('BEGIN; SELECT 1 FROM revisions FOR UPDATE');
      const before = (await store.current()).revision;
      const write = store.commit({ decide: () => ({ put: [storedVpc('behind')] }) });
      await eventually(
        'the write to wait for the lock',
        async () =>
          (
            await database.query<{ n: number }>(
              "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
            )
          )[0]?.n === 1,
      );
      expect((await store.current()).revision).toBe(before);
      await stranger.query('ROLLBACK');
      await stranger.end();
      expect((await write).revision).toBe(before + 1);
    }));

  it('a database that went back in time ends its watches with 410 and is read anew', () =>
    withStore(async (store, database) => {
      await store.commit({ decide: () => ({ put: [storedVpc('a')] }) });
      const { revision } = await store.commit({ decide: () => ({ put: [storedVpc('b')] }) });
      const watching = (async () => {
        for await (const _ of store.watchResources(revision, new AbortController().signal)) return 'changes';
        return 'end';
      })().catch((error: { reason: string }) => error.reason);
      await database.query("DELETE FROM resources WHERE name = 'b'");
      await database.query(`DELETE FROM changes WHERE revision = ${revision}`);
      await database.query(`UPDATE revisions SET value = ${revision - 1}`);
      expect(await watching).toBe('Expired');
      expect([...(await store.current()).list('VPC')].map((r) => r.metadata.name)).toEqual(['a']);
    }));
});
