import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BACKED_UP, NOT_BACKED_UP } from '../../src/store/tables.ts';
import { startDaemon } from '../support/daemon.ts';
import { databaseForTest } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { call, watch } from '../support/http.ts';
import { pathOf, vpc } from '../support/manifests.ts';
import { PROGRAM } from '../support/program.ts';

async function newFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'miniaws-backup-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  return dir;
}

/** The program as people run it, to its end. */
async function miniaws(dir: string, database: TestDatabase, ...words: string[]): Promise<string> {
  const env = { ...process.env, MINIAWS_DATA_DIR: dir, DATABASE_URL: database.url };
  return (await promisify(execFile)(process.execPath, [PROGRAM, ...words], { env })).stdout;
}

/** A value for a column, in SQL: what JSON and JavaScript round, quote or shorten stands for the rest. */
function valueOf({ type, length }: { type: string; length: number | null }): string {
  switch (type) {
    case 'uuid':
      return 'gen_random_uuid()';
    case 'integer':
      return '(random() * 1e9)::integer';
    case 'bigint':
      return '9007199254740993 + (random() * 1e15)::bigint';
    case 'bytea':
      return `decode(md5(random()::text), 'hex')`;
    case 'boolean':
      return 'random() < 0.5';
    case 'double precision':
      return 'random() * 1e-7';
    case 'timestamp with time zone':
      return "now() - random() * interval '1 day'";
    case 'jsonb':
      return `jsonb_build_object('whole', 1.0, 'many', 12345678901234567890.5, 'text', E'"\\n\\\\ü\\u2028' || random(), 'none', NULL)`;
    default:
      return `left(E'"\\n\\\\ü' || md5(random()::text), ${length ?? 100})`;
  }
}

/** Ten rows of a life of its own in every table; of `revisions` there is one for ever. */
async function live(database: TestDatabase): Promise<void> {
  const columns = await database.query<{ table: string; name: string; type: string; length: number | null }>(
    `SELECT table_name AS table, column_name AS name, data_type AS type, character_maximum_length AS length
      FROM information_schema.columns WHERE table_schema = 'public'`,
  );
  for (const table of BACKED_UP.filter((name) => name !== 'revisions')) {
    const own = columns.filter((column) => column.table === table);
    const values = own.map((column) =>
      column.name === 'vpc_id' ? '(SELECT id FROM vpcs ORDER BY random() LIMIT 1)' : valueOf(column),
    );
    const names = own.map(({ name }) => name).join(', ');
    await database.query(`INSERT INTO ${table} (${names}) SELECT ${values.join(', ')} FROM generate_series(1, 10)`);
  }
}

/** Every row as PostgreSQL writes it. */
async function rowsOf(database: TestDatabase): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const table of BACKED_UP.filter((name) => name !== 'revisions')) {
    const rows = await database.query<{ row: string }>(`SELECT t::text AS row FROM ${table} t ORDER BY 1`);
    all[table] = rows.map(({ row }) => row);
  }
  return all;
}

describe('backup and restore', () => {
  it('every table is in a backup, or is excepted by name with a reason', async () => {
    const database = await databaseForTest();
    const tables = await database.query<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm')",
    );
    const known = [...BACKED_UP, ...Object.keys(NOT_BACKED_UP)];
    expect(tables.map(({ name }) => name).toSorted()).toEqual(known.toSorted());
    for (const reason of Object.values(NOT_BACKED_UP)) expect(reason).not.toBe('');
  });

  it('every row of every table comes back as it was, and no row of another life stays', async () => {
    const [dir, database] = [await newFolder(), await databaseForTest()];
    await live(database);
    const before = await rowsOf(database);
    for (const rows of Object.values(before)) expect(rows).toHaveLength(10);
    const file = join(dir, 'backup.gz');
    await miniaws(dir, database, 'backup', file);
    await live(database);
    await miniaws(dir, database, 'restore', file, '--force');
    const { audit_events: kept = [], ...after } = await rowsOf(database);
    const { audit_events: recorded = [], ...others } = before;
    expect(after).toEqual(others);
    expect(kept).toHaveLength(20);
    expect(kept).toEqual(expect.arrayContaining(recorded));
    const fresh = await databaseForTest();
    await miniaws(dir, fresh, 'restore', file);
    expect(await rowsOf(fresh)).toEqual(before);
  });

  it('the revision moves on: a watch from a revision of the life since then gets 410, of every feed', async () => {
    const [dir, database] = [await newFolder(), await databaseForTest()];
    const start = () => startDaemon({ engine: 'simulated', database, dataDir: dir });
    const versionOf = async (of: string) =>
      (await call(daemon, 'GET', of)).json<{ metadata: { resourceVersion: string } }>().metadata.resourceVersion;
    let daemon = await start();
    const file = join(dir, 'backup.gz');
    await miniaws(dir, database, 'backup', file);
    const feeds = [pathOf('vpcs'), '/api/v1/namespaces/default/events', pathOf('reconcilelogs')];
    await call(daemon, 'POST', feeds[0]!, { body: vpc('lost', {}) });
    const versions = await Promise.all(feeds.map(versionOf));
    await daemon.stop();
    await miniaws(dir, database, 'restore', file, '--force');
    daemon = await start();
    try {
      await call(daemon, 'POST', feeds[0]!, { body: vpc('new', {}) });
      for (const [i, feed] of feeds.entries()) {
        expect(Number(await versionOf(feed))).toBeGreaterThan(Number(versions[i]));
        const watching = await watch(daemon, `${feed}?watch=true&resourceVersion=${versions[i]}`);
        await watching.next(`410 of ${feed}`, (e) => e.type === 'ERROR' && e.object.code === 410);
      }
    } finally {
      await daemon.stop();
    }
  });

  it('restore is refused while the daemon of another data folder lives on the database', async () => {
    const [dir, database] = [await newFolder(), await databaseForTest()];
    const daemon = await startDaemon({ engine: 'simulated', database });
    try {
      const file = join(dir, 'backup.gz');
      await miniaws(dir, database, 'backup', file);
      await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('kept', {}) });
      await expect(miniaws(dir, database, 'restore', file, '--force')).rejects.toMatchObject({
        stderr: expect.stringContaining('another daemon works on this database') as string,
      });
      expect((await call(daemon, 'GET', pathOf('vpcs', 'kept'))).status).toBe(200);
    } finally {
      await daemon.stop();
    }
  });

  it('backup replaces no file', async () => {
    const [dir, database] = [await newFolder(), await databaseForTest()];
    const file = join(dir, 'precious');
    await writeFile(file, 'mine');
    await expect(miniaws(dir, database, 'backup', file)).rejects.toMatchObject({
      stderr: expect.stringContaining('replaces no file') as string,
    });
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});
