import { once } from 'node:events';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Command } from 'commander';
import { readConfig } from '../base/config.ts';
import { openDataFolder } from '../host/data-folder.ts';
import { syncFolder } from '../base/sync-folder.ts';
import { migrateUp, readMigrations } from '../store/migrate.ts';
import { withSoleUse } from '../store/sole-use.ts';
import { APPENDED, BACKED_UP } from '../store/tables.ts';
import { silentLog } from '../base/log.ts';
import { runningDaemon, withClient, withDatabase } from './machine.ts';
import { withSettings } from './serve.ts';
import type pg from 'pg';

const FORMAT = 'miniaws-backup/1';
/** Rows a statement, both ways. */
const ROWS = 500;
/**
 * So far the revision moves on at a restore: beyond every one that the life since the backup can have reached. Nobody
 * takes a resource version of that life for one of the new (etcd's --bump-revision, with the same number).
 */
const BUMP = 1_000_000_000;

interface Header {
  format: string;
  migration: string;
  installation: string | null;
  revision: number;
  at: string;
}

/**
 * `backup` writes everything that the database holds, as of one moment, to a private file; `restore` puts it back.
 * Containers are not in it: after a restore the daemon converges them to the documents, and what no document owns is
 * shown by `miniaws orphans`, not removed.
 */
export function backupCommands(program: Command): void {
  withSettings(
    program
      .command('backup')
      .argument('<file>', 'where to write it; must not exist')
      .description('write everything that is stored to a file, while the daemon runs or not'),
  ).action(async (file: string, flags: Partial<Record<string, string>>) => {
    const config = readConfig(flags, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    const header = await withDatabase(config, folder, (url) => withClient(url, (client) => backup(client, file)));
    process.stdout.write(`${file}: everything as of revision ${header.revision}\n`);
  });
  withSettings(
    program
      .command('restore')
      .argument('<file>', 'a file that backup wrote')
      .option('--force', 'replace what the database holds now')
      .description('put a backup into the database; the daemon must be stopped'),
  ).action(async (file: string, flags: Partial<Record<string, string>> & { force?: boolean }) => {
    const config = readConfig({ ...flags, force: undefined }, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    if (await runningDaemon(folder)) throw new Error('the daemon runs: stop it first with miniaws down');
    const header = await withDatabase(config, folder, async (url) => {
      await migrateUp(url, silentLog);
      // One of another data folder would go on with documents that are no more.
      return withSoleUse(url, 'restore', () =>
        withClient(url, (client) => restore(client, file, flags.force === true)),
      );
    });
    process.stdout.write(
      `restored revision ${header.revision} of ${header.at}. Start the daemon with miniaws up, then look at miniaws orphans\n`,
    );
  });
}

async function backup(client: pg.Client, file: string): Promise<Header> {
  if (existsSync(file)) throw new Error(`${file} exists: a backup replaces no file`);
  const draft = `${file}.part`;
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const header = await headerOf(client);
  // `flush` is an fsync before the close: a backup that was acknowledged survives a power cut (I11).
  const output = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true });
  await once(output, 'open');
  try {
    await pipeline(Readable.from(dump(client, header)), createGzip(), output);
    await client.query('COMMIT');
    // Unlike a rename it replaces nothing that came meanwhile.
    await link(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  await syncFolder(dirname(resolve(file)));
  return header;
}

async function* dump(client: pg.Client, header: Header): AsyncGenerator<string> {
  yield `${JSON.stringify(header)}\n`;
  for (const table of BACKED_UP) yield* dumpTable(client, table);
}

async function headerOf(client: pg.Client): Promise<Header> {
  const migration = await client.query<{ name: string }>(
    'SELECT name FROM schema_migrations ORDER BY number DESC LIMIT 1',
  );
  const installation = await client.query<{ value: string }>("SELECT value FROM settings WHERE name = 'installation'");
  return {
    format: FORMAT,
    migration: migration.rows[0]?.name ?? '',
    installation: installation.rows[0]?.value ?? null,
    revision: await revisionOf(client),
    at: new Date().toISOString(),
  };
}

async function* dumpTable(client: pg.Client, table: string): AsyncGenerator<string> {
  await client.query(`DECLARE dump NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS row FROM ${table} t`);
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`FETCH ${ROWS} FROM dump`);
    if (rows.length === 0) break;
    yield rows.map(({ row }) => `{"table":"${table}","row":${row}}\n`).join('');
  }
  await client.query('CLOSE dump');
}

/** All or nothing: one transaction. */
async function restore(client: pg.Client, file: string, force: boolean): Promise<Header> {
  let header: Header | undefined;
  let batch: { table: string; rows: string[] } = { table: '', rows: [] };
  await client.query('BEGIN');
  try {
    // Taken before the tables go: what they held may be further on than the backup.
    const before = await revisionOf(client);
    for await (const text of linesOf(file)) {
      if (!header) {
        header = await checkHeader(client, JSON.parse(text) as Header, force);
        continue;
      }
      const { table, row } = rowOf(text, file);
      if (table !== batch.table || batch.rows.length >= ROWS) batch = await insert(client, batch, table);
      batch.rows.push(row);
    }
    await insert(client, batch, '');
    if (!header) throw new Error(`${file} is empty`);
    await moveOn(client, Math.max(before, header.revision) + BUMP);
    await client.query('COMMIT');
    return header;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** A row stays the text that PostgreSQL wrote: JSON.parse would round its numbers. */
function rowOf(line: string, file: string): { table: string; row: string } {
  const [, table = '', row = ''] = /^\{"table":"(\w+)","row":(\{.*\})\}$/s.exec(line) ?? [];
  if (BACKED_UP.includes(table)) return { table, row };
  throw new Error(`${file} has a line that is no row of a table of ours: ${line.slice(0, 60)}`);
}

async function revisionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ value: string }>('SELECT value FROM revisions');
  return Number(rows[0]?.value ?? 0);
}

/** Every watch from before gets 410 and lists anew: also one from a revision that the new life will reach. */
const moveOn = (client: pg.Client, revision: number) =>
  client.query('UPDATE revisions SET value = $1, horizon = $1', [revision]);

/** Reads nothing before it is asked for a line, and throws what the file or its compression has wrong. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const text = createGunzip().setEncoding('utf8');
  // Its failure is the reader's, too: the pipeline destroys `text` with it.
  pipeline(createReadStream(file), text).catch(() => undefined);
  let rest = '';
  for await (const chunk of text) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') throw new Error(`${file} ends in the middle of a line: it was not written to its end`);
}

async function checkHeader(client: pg.Client, header: Header, force: boolean): Promise<Header> {
  if (header.format !== FORMAT)
    throw new Error(`this is no backup of Mini AWS: expected ${FORMAT}, found ${String(header.format)}`);
  const known = await readMigrations();
  const newest = known.at(-1)?.name;
  if (header.migration !== newest)
    throw new Error(
      `the backup was made with schema ${header.migration}, and this version has ${newest}: restore it with the version that made it, then upgrade`,
    );
  const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM resources');
  if (Number(rows[0]?.n) > 0 && !force)
    throw new Error(
      `the database holds ${rows[0]?.n} documents: restore into an empty one, or replace them with --force`,
    );
  await client.query(`TRUNCATE ${BACKED_UP.filter((table) => !APPENDED.includes(table)).join(', ')}`);
  return header;
}

async function insert(
  client: pg.Client,
  batch: { table: string; rows: string[] },
  next: string,
): Promise<{ table: string; rows: string[] }> {
  if (batch.rows.length > 0) {
    const onKnown = APPENDED.includes(batch.table) ? ' ON CONFLICT DO NOTHING' : '';
    await client.query(
      `INSERT INTO ${batch.table} SELECT * FROM json_populate_recordset(NULL::${batch.table}, $1::json)${onKnown}`,
      [`[${batch.rows.join(',')}]`],
    );
  }
  return { table: next, rows: [] };
}
