import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { silentLog } from '../../src/base/log.ts';
import { openDataFolder } from '../../src/host/data-folder.ts';
import { startEmbeddedPostgres } from '../../src/host/embedded-postgres.ts';
import { migrateUp } from '../../src/store/migrate.ts';
import { freePort } from '../../src/host/ports.ts';

/** One real PostgreSQL for a run, of the same binaries that users get, in a temporary folder. */
export interface TestPostgres {
  /** Of its first database; that named `template` is migrated and is cloned by `cloneDatabase`. */
  url: string;
  /** Stops it and removes its folder. */
  stop: () => Promise<void>;
}

export async function startPostgres(): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'miniaws-test-'));
  await chmod(dir, 0o711);
  const folder = await openDataFolder(join(dir, 'data'));
  // On 127.0.0.1, as a person's own server is: some tests stand between it and the daemon.
  const [seedPort, password] = [await freePort(), randomUUID()];
  const server = await startEmbeddedPostgres({ dataFolder: folder, log: silentLog, seedPort, password });
  const url = `postgres://cloud:${password}@127.0.0.1:${new URL(server.url).port}/miniaws`;
  await execute(url, 'CREATE DATABASE template');
  await migrateUp(urlOf(url, 'template'), silentLog);
  const stop = async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  return { url, stop };
}

export interface TestDatabase {
  url: string;
  name: string;
  /** A statement of the test's own, as someone beside the daemon would send it. */
  query: <Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>;
  drop: () => Promise<void>;
}

/** A database cloned from the migrated template: a few milliseconds. Call `drop` afterwards. */
export async function cloneDatabase(server: string, template = 'template'): Promise<TestDatabase> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await execute(server, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
  const url = urlOf(server, name);
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  pool.on('error', () => undefined);
  return {
    url,
    name,
    query: async (sql, values) => (await pool.query(sql, values)).rows,
    async drop() {
      await pool.end();
      await execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
