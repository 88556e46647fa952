import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { sha256 } from '../base/hash.ts';
import type { Log } from '../base/log.ts';

const FOLDER = fileURLToPath(new URL('../../drizzle/', import.meta.url));
/** Any number that is ours alone: 'mini' in ASCII. Starters wait for each other on it. */
const ADVISORY_LOCK = 0x6d696e69;
const TABLE = `CREATE TABLE IF NOT EXISTS schema_migrations (
  number INT PRIMARY KEY, name VARCHAR(255) NOT NULL, checksum VARCHAR(64) NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT NOW())`;

export interface Migration {
  number: number;
  name: string;
  up: string;
  down: string;
  /** Of the up script: an applied migration that was edited afterwards is refused. */
  checksum: string;
}

/** Reads `NNNN_name.up.sql` and its pair. Throws when a pair is incomplete or a number is missing or doubled. */
export async function readMigrations(folder = FOLDER): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((f) => f.endsWith('.sql')).sort();
  const names = [...new Set(files.map((f) => f.replace(/\.(up|down)\.sql$/, '')))];
  const migrations = await Promise.all(names.map((name) => readPair(folder, name, files)));
  migrations.forEach((m, i) => {
    if (m.number !== i + 1) throw new Error(`drizzle/: expected migration ${i + 1}, found ${m.name}`);
  });
  return migrations;
}

async function readPair(folder: string, name: string, files: readonly string[]): Promise<Migration> {
  for (const way of ['up', 'down']) {
    if (!files.includes(`${name}.${way}.sql`))
      throw new Error(`drizzle/${name}.${way}.sql is missing: migrations come in pairs`);
  }
  const [up, down] = await Promise.all(['up', 'down'].map((way) => readFile(`${folder}/${name}.${way}.sql`, 'utf8')));
  return { number: Number(name.slice(0, 4)), name, up: up ?? '', down: down ?? '', checksum: sha256(up ?? '') };
}

/** Applies what is missing, each in its own transaction, one starter at a time. @returns the names applied. */
export async function migrateUp(url: string, log: Log, folder?: string): Promise<string[]> {
  const migrations = await readMigrations(folder);
  return locked(url, async (client) => {
    const applied = await appliedTo(client, migrations);
    const missing = migrations.slice(applied.length);
    for (const m of missing) {
      await inTransaction(client, m.up, 'INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)', [
        m.number,
        m.name,
        m.checksum,
      ]);
      log.info({ migration: m.name }, 'migration applied');
    }
    return missing.map((m) => m.name);
  });
}

/** Takes back the newest `count` migrations. @returns their names, newest first. */
export async function migrateDown(url: string, count: number, log: Log, folder?: string): Promise<string[]> {
  const migrations = await readMigrations(folder);
  return locked(url, async (client) => {
    const applied = await appliedTo(client, migrations);
    const undone = migrations.slice(0, applied.length).reverse().slice(0, count);
    for (const m of undone) {
      await inTransaction(client, m.down, 'DELETE FROM schema_migrations WHERE number = $1', [m.number]);
      log.info({ migration: m.name }, 'migration taken back');
    }
    return undone.map((m) => m.name);
  });
}

/** What the database has; throws when it is newer than this program, or was made by other scripts. */
async function appliedTo(client: pg.Client, known: readonly Migration[]): Promise<readonly { number: number }[]> {
  await client.query(TABLE);
  const { rows } = await client.query<{ number: number; name: string; checksum: string }>(
    'SELECT number, name, checksum FROM schema_migrations ORDER BY number',
  );
  for (const row of rows) {
    const ours = known[row.number - 1];
    if (!ours)
      throw new Error(
        `the database has migration ${row.name}, which this version does not know: it was used by a newer Mini AWS. Run that version, or restore a backup.`,
      );
    if (ours.checksum !== row.checksum)
      throw new Error(
        `migration ${row.name} in the database is not the one in drizzle/: an applied migration must never be edited`,
      );
  }
  return rows;
}

async function inTransaction(client: pg.Client, script: string, record: string, values: unknown[]): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(script);
    await client.query(record, values);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function locked<T>(url: string, fn: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'miniaws-migrate',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK]);
    return await fn(client);
  } finally {
    await client.end();
  }
}
