import { rm } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isReady } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, watch } from '../support/http.ts';
import type { RawAnswer, Refusal } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { cloneDatabase, startPostgres } from '../support/postgres.ts';
import type { TestDatabase, TestPostgres } from '../support/postgres.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated', env: { MINIAWS_RESYNC: '1' } });
  await daemon.database.query(FAULTS);
  expect((await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('net', { cidrBlock: '10.0.0.0/24' }) })).status).toBe(
    201,
  );
});
afterAll(() => daemon.stop());

/**
 * Every third commit of a revision fails with the armed SQLSTATE, in its statement or at the COMMIT itself. Counted by a
 * sequence, which a rollback does not take back.
 */
const FAULTS = `
  CREATE TABLE fault (code text NOT NULL, place text NOT NULL);
  CREATE SEQUENCE fault_count;
  CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE armed fault;
  BEGIN
    SELECT * INTO armed FROM fault WHERE place = TG_ARGV[0];
    IF FOUND AND nextval('fault_count') % 3 = 1 THEN
      RAISE EXCEPTION 'the disk of row % is blue', NEW.id USING ERRCODE = armed.code;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER fail_at_once AFTER UPDATE OF value ON revisions FOR EACH ROW EXECUTE FUNCTION fail('statement');
  CREATE CONSTRAINT TRIGGER fail_late AFTER UPDATE OF value ON revisions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fail('commit');`;

const CODES = {
  '40001': 'serialization_failure',
  '40P01': 'deadlock_detected',
  '53100': 'disk_full',
  '53200': 'out_of_memory',
  '53300': 'too_many_connections',
  '55P03': 'lock_not_available',
  '57014': 'query_canceled',
  '57P01': 'admin_shutdown',
  '57P03': 'cannot_connect_now',
  '25006': 'read_only_sql_transaction',
  '08006': 'connection_failure',
  XX000: 'internal_error',
  '23505': 'unique_violation',
};

const spec = (more: object = {}) => ({ image: 'web:1', vpc: 'net', ...more });
const revision = async () =>
  (await daemon.database.query<{ value: string }>('SELECT value FROM revisions'))[0]?.value ?? '';
const faults = async () =>
  Number((await daemon.database.query<{ n: string }>('SELECT last_value AS n FROM fault_count'))[0]?.n);

/** As a client that believes the refusals: tries again. Answers what it was refused with. */
async function insist(send: () => Promise<RawAnswer>): Promise<RawAnswer[]> {
  const refused: RawAnswer[] = [];
  await eventually('the database to take the write', async () => {
    const answer = await send();
    if (answer.status < 300) return true;
    refused.push(answer);
    return false;
  });
  return refused;
}

async function find(name: string): Promise<Resource | undefined> {
  const answer = await call(daemon, 'GET', pathOf('instances', name));
  expect([200, 404], answer.text).toContain(answer.status);
  return answer.status === 200 ? answer.json<Resource>() : undefined;
}

/** Ready for what is asked for now, and nothing is written any more. */
async function ready(name: string): Promise<void> {
  await eventually(`${name} to be Ready`, async () => {
    const found = await find(name);
    return found && isReady(found) && found.status?.observedGeneration === found.metadata.generation;
  });
}

const passes = async (): Promise<number> =>
  [...(await call(daemon, 'GET', '/metrics')).text.matchAll(/^miniaws_passes_total\{.*\} (\d+)$/gm)].reduce(
    (sum, m) => sum + Number(m[1]),
    0,
  );

async function quiet(): Promise<void> {
  await eventually('two looks at everything in which nothing is written', async () => {
    const [before, from] = [await revision(), await passes()];
    const documents = await daemon.database.query('SELECT 1 FROM resources');
    await eventually('two looks', async () => (await passes()) >= from + 2 * documents.length);
    return (await revision()) === before;
  });
}

describe('commits that PostgreSQL refuses (F8, F2)', () => {
  const cases = Object.entries(CODES).flatMap(([code, name]) =>
    ['statement', 'commit'].map((place): [string, string, string] => [code, name, place]),
  );
  it.each(cases)('%s %s in a %s: the same end, and refusals that say so', async (code, _, place) => {
    const name = `i-${code.toLowerCase()}-${place}`;
    const path = pathOf('instances', name);
    const body = instance(name, spec());
    const patch = { headers: { 'content-type': 'application/merge-patch+json' }, body: { spec: { env: { A: '1' } } } };
    const before = await faults();
    await daemon.database.query('INSERT INTO fault VALUES ($1, $2)', [code, place]);
    try {
      const refused = [
        ...(await insist(() => call(daemon, 'POST', pathOf('instances'), { body }))),
        ...(await insist(() => call(daemon, 'PATCH', path, patch))),
      ];
      expect((await find(name))?.spec).toMatchObject({ env: { A: '1' } });
      await ready(name);
      refused.push(...(await insist(() => call(daemon, 'DELETE', path))));
      await eventually('it to be gone', async () => (await find(name)) === undefined);
      expect(await faults()).toBeGreaterThan(before + 2);
      for (const answer of refused) {
        const { message, reason, details } = answer.json<Refusal & { details: { retryAfterSeconds?: number } }>();
        expect([answer.status, reason], answer.text).toEqual([503, 'ServiceUnavailable']);
        expect(message).toMatch(/^the database .*: /);
        expect(message).not.toMatch(/insert|update|select|commit_id|PL\/pgSQL|Failed query|\$1|\n/i);
        expect([answer.headers['retry-after'], details.retryAfterSeconds]).toEqual(['1', 1]);
      }
      expect(daemon.log()).not.toMatch(/"level":(50|60|"error"|"fatal")/);
    } finally {
      await daemon.database.query('DELETE FROM fault');
    }
    expect(await daemon.database.query('SELECT 1 FROM instances WHERE deleted_at IS NULL')).toEqual([]);
    expect((await call(daemon, 'GET', '/readyz')).status).toBe(200);
  });

  it('and afterwards the daemon is quiet', quiet);
});

describe('PostgreSQL that is busy with others (F8)', () => {
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: daemon.database.url });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end().catch(() => undefined));
    return client;
  };
  const made = async (name: string) => {
    await insist(() => call(daemon, 'POST', pathOf('instances'), { body: instance(name, spec()) }));
    await ready(name);
  };

  it('a slow transaction holds the revision: readers and watchers go on, writers wait, nothing is out of order', async () => {
    await made('before');
    const watching = await watch(daemon, `${pathOf('instances')}?watch=true`);
    await watching.next('what there is', (e) => e.object.metadata.name === 'before');
    const stranger = await connect();
    await stranger.query('BEGIN; SELECT 1 FROM revisions WHERE id = 1 FOR UPDATE');
    const held = await revision();
    let landed = 0;
    const writes = Array.from({ length: 20 }, async (_, i) => {
      const body = instance(`w-${i}`, spec(), { annotations: { 'miniaws.dev/paused': 'true' } });
      const answer = await call(daemon, 'POST', pathOf('instances'), { body });
      landed++;
      return answer.status;
    });
    await eventually('the writers to wait for it', async () => {
      const waiting = await daemon.database.query(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
      );
      return waiting.length > 0;
    });
    const until = performance.now() + 4_000;
    let reads = 0;
    await eventually('four seconds of reads', async () => {
      expect(await find('before')).toBeDefined();
      expect((await call(daemon, 'GET', pathOf('instances'))).status).toBe(200);
      reads++;
      return performance.now() > until;
    });
    expect([landed, await revision()]).toEqual([0, held]);
    expect(reads).toBeGreaterThan(40);
    await stranger.query('ROLLBACK');
    expect(new Set(await Promise.all(writes))).toEqual(new Set([201]));
    await eventually('the watcher to have seen them', () =>
      Array.from({ length: 20 }, (_, i) => `w-${i}`).every((name) =>
        watching.events.some((e) => e.type === 'ADDED' && e.object.metadata.name === name),
      ),
    );
    watching.close();
    const seen = watching.events.slice(1).map((e) => Number(e.object.metadata.resourceVersion));
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
  });

  it(
    'every table is locked by someone for longer than a statement may take: readers are told, and go on afterwards',
    { timeout: 60_000 },
    async () => {
      const stranger = await connect();
      await stranger.query('BEGIN; LOCK TABLE revisions IN ACCESS EXCLUSIVE MODE');
      const [read, wrote] = await Promise.all([
        call(daemon, 'GET', pathOf('instances')),
        call(daemon, 'POST', pathOf('instances'), { body: instance('locked-out', spec()) }),
      ]);
      await stranger.query('ROLLBACK');
      for (const answer of [read, wrote]) {
        expect([answer.status, answer.json<Refusal>().reason], answer.text).toEqual([503, 'ServiceUnavailable']);
        expect(answer.json<Refusal>().message).not.toMatch(/insert|update|select|Failed query/i);
      }
      await made('after-lock');
    },
  );
});

describe('a PostgreSQL without a free connection (F8)', () => {
  let server: TestPostgres;
  let database: TestDatabase;
  let stormed: TestDaemon;
  // A server of its own: others' tests need their connections.
  beforeAll(async () => {
    server = await startPostgres();
    database = await cloneDatabase(server.url);
    stormed = await startDaemon({ engine: 'simulated', database, env: { MINIAWS_RESYNC: '1' } });
  });
  afterAll(async () => {
    await stormed?.kill();
    if (stormed) await rm(stormed.dataDir, { recursive: true, force: true });
    await database?.drop();
    await server?.stop();
  });

  it('others take every connection, and let go: the daemon recovers, and hears of others’ commits', async () => {
    // A key that was good once is good while the database is away.
    expect((await call(stormed, 'GET', '/readyz')).status).toBe(200);
    const taken: pg.Client[] = [];
    /** Until there is no more to be had. */
    const flood = async (): Promise<unknown> => {
      for (;;) {
        const client = new pg.Client({ connectionString: database.url, application_name: 'storm' });
        client.on('error', () => undefined);
        try {
          await client.connect();
        } catch (error) {
          await client.end().catch(() => undefined);
          return (error as { code?: unknown }).code;
        }
        taken.push(client);
      }
    };
    const post = (name: string) =>
      call(stormed, 'POST', pathOf('instances'), { body: instance(name, { image: 'web:1' }) });
    try {
      await flood();
      // Whoever is thrown out has no way back in.
      const throwOut = async () => {
        await taken[0]?.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'miniaws%' AND datname = current_database()",
        );
        return flood();
      };
      expect(await throwOut()).toBe('53300');
      const refused = await eventually('a refusal', async () => {
        await throwOut();
        const answer = await post('stormed');
        return answer.status < 300 || answer.status === 409 ? undefined : answer;
      });
      expect([refused.status, refused.json<Refusal>().reason], refused.text).toEqual([503, 'ServiceUnavailable']);
      expect((await call(stormed, 'GET', '/readyz')).status).toBe(503);
      expect((await call(stormed, 'GET', '/healthz')).status).toBe(200);
    } finally {
      await Promise.all(taken.map((client) => client.end().catch(() => undefined)));
    }
    await insist(() => post('after'));
    await eventually('it to be Ready', async () => {
      const { text, status } = await call(stormed, 'GET', pathOf('instances', 'after'));
      return status === 200 && isReady(JSON.parse(text) as Resource);
    });
    expect((await call(stormed, 'GET', '/readyz')).status).toBe(200);
    await eventually('it to listen again', async () => {
      const listening = await database.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'miniaws-listen' AND datname = current_database()",
      );
      return listening.length === 1;
    });
  });
});
