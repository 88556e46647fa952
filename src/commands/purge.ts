import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Config } from '../base/config.ts';
import { silentLog } from '../base/log.ts';
import { printable } from '../cli/io.ts';
import { unlinkCommand } from '../host/command-link.ts';
import { acquireLock } from '../host/daemon-lock.ts';
import type { DataFolder } from '../host/data-folder.ts';
import type { Database } from '../host/database.ts';
import { placeOf, redactUrl } from '../host/database.ts';
import { removeEmbeddedPostgres, stopEmbeddedPostgres } from '../host/embedded-postgres.ts';
import { readInstallation } from '../host/installation-record.ts';
import type { InstallationRecord } from '../host/installation-record.ts';
import { migrateDown, readMigrations } from '../store/migrate.ts';
import { withSoleUse } from '../store/sole-use.ts';
import { TABLES } from '../store/tables.ts';
import { COMMAND, existingDatabase, say, stopDaemon, withClient } from './machine.ts';
import { contentsOf, countsOf, listOfMarked, removeContents } from './purge-engine.ts';
import type { Marked } from './purge-engine.ts';

/** What the database says of itself; nothing where it has no tables of ours. */
interface Contents {
  installation?: string;
  engineId?: string;
  /** Rows by table, where there are any. */
  rows: ReadonlyMap<string, number>;
}

/**
 * Removes what this data folder has recorded as its own, and nothing else. Whatever speaks against it is
 * found before anything is touched, and what will go is listed and confirmed. What cannot be removed is named, and then
 * the database and the folder stay, so that the purge can be repeated.
 */
export async function purge(config: Config, folder: DataFolder, isConfirmed: boolean): Promise<void> {
  const record = await readInstallation(folder);
  const list = await look(config, folder, record);
  if (record) {
    say(`Of installation ${record.installation} this goes for good:`);
    for (const line of list) say(`  ${printable(line)}`);
    if (!isConfirmed) await confirm(record.installation);
  }
  await stopDaemon(folder);
  // No daemon of this folder starts meanwhile.
  const lock = await acquireLock(folder.daemonLock);
  try {
    await removeAll(config, folder, record);
  } finally {
    // As `down` leaves it, whatever came in between.
    await stopEmbeddedPostgres(folder);
    await lock.release();
  }
}

/** What a purge would remove, a line each. Throws when it may not, having changed nothing. */
async function look(config: Config, folder: DataFolder, record: InstallationRecord | undefined): Promise<string[]> {
  const database = await databaseOf(config, folder, record);
  // Watching over the server is its daemon's.
  database?.embedded?.detach();
  try {
    const contents = database ? await contentsIn(database.url) : { rows: new Map<string, number>() };
    const why = refusal(config, folder, record, database, contents);
    if (why !== undefined) throw new Error(`nothing was purged: ${why}`);
    const marked = record?.engine === 'docker' ? await ownOn(config, record, contents) : [];
    return listOf(folder, database, contents, marked);
  } finally {
    if (database?.embedded?.adopted === false) await database.embedded.stop();
  }
}

/** Never one that was merely found at the default. */
async function databaseOf(
  config: Config,
  folder: DataFolder,
  record: InstallationRecord | undefined,
): Promise<Database | undefined> {
  if (record?.database === 'default') return undefined;
  const database = await existingDatabase(config, folder);
  return database?.source === 'default' ? undefined : database;
}

/** Why nothing may be removed; undefined when all of it is this folder's. */
function refusal(
  config: Config,
  folder: DataFolder,
  record: InstallationRecord | undefined,
  database: Database | undefined,
  contents: Contents,
): string | undefined {
  const found = contents.installation;
  if (!record) {
    return (
      found &&
      `the database holds installation "${found}", and ${folder.path} has no record of it: no daemon of this folder has worked on it. If it is this folder's, start the daemon once (miniaws up --no-quickstart), which records it`
    );
  }
  if (config.installation && config.installation !== record.installation)
    return `${folder.path} is of installation "${record.installation}", not "${config.installation}"`;
  if (record.database === 'default')
    return 'its database was found at the default, not given, and may be used by others. Start the daemon once with DATABASE_URL set to it, to say that it is this folder’s';
  if (!database || placeOf(database) !== record.database)
    return `the database of ${folder.path} is ${record.database}, not ${database ? placeOf(database) : 'one that is there'}: set DATABASE_URL as it was for the daemon`;
  if (found !== undefined && found !== record.installation)
    return `the database holds installation "${found}", and ${folder.path} is of "${record.installation}"`;
  if (config.engine !== record.engine)
    return `its containers are on the engine "${record.engine}", and this says "${config.engine}" (--engine)`;
  return undefined;
}

/** Everything of this installation on its Engine; throws when this is another Engine. */
async function ownOn(config: Config, record: InstallationRecord, contents: Contents): Promise<readonly Marked[]> {
  const { engineId, marked } = await contentsOf(config, record.installation).catch((cause: Error) => {
    throw new Error(`nothing was purged: ${cause.message}`, { cause });
  });
  if (contents.engineId === undefined || contents.engineId === engineId) return marked;
  throw new Error(
    `nothing was purged: this Engine is not the one of this database: point DOCKER_HOST to that one (id ${contents.engineId})`,
  );
}

function listOf(
  folder: DataFolder,
  database: Database | undefined,
  contents: Contents,
  marked: readonly Marked[],
): string[] {
  const rows = [...contents.rows].map(([table, n]) => `${table} ${n}`).join(', ') || 'none';
  const where = database?.embedded ? 'the embedded database' : `the tables in ${redactUrl(database?.url ?? '')}`;
  return [...listOfMarked(marked), `${where}, with rows of: ${rows}`, `the daemon's files in ${folder.path}`];
}

async function confirm(installation: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new Error('nothing was purged: there is no terminal to ask on. Add --yes if all of this may go');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D end the question without an answer.
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([lines.question(`Type the installation's id to remove it: `), ended]);
    if (answer.trim() !== installation) throw new Error('nothing was purged: that is not its id');
  } finally {
    lines.close();
  }
}

async function removeAll(config: Config, folder: DataFolder, record: InstallationRecord | undefined): Promise<void> {
  const database = record && (await databaseOf(config, folder, record));
  try {
    if (record && database) await removeContent(config, record, database);
  } finally {
    database?.embedded?.detach();
  }
  await removeEmbeddedPostgres(folder);
  const { adminKubeconfig, daemonLog, tls, git, masterKey, objects, installation } = folder;
  const others = [adminKubeconfig, daemonLog, tls, git, objects, masterKey, join(folder.path, 'service.env')];
  for (const path of [...others, installation]) await rm(path, { recursive: true, force: true });
  const link = await unlinkCommand(folder, COMMAND);
  if (link) say(`✓ ${link} removed`);
  say(record ? `✓ database and ${folder.path} removed` : `✓ no daemon has ever worked from ${folder.path}`);
}

async function removeContent(config: Config, record: InstallationRecord, database: Database): Promise<void> {
  const { installation } = await contentsIn(database.url);
  const all = async () => {
    if (record.engine === 'docker') await removeFromEngine(config, record.installation);
    if (!database.embedded && installation !== undefined) await purgeSchema(database.url);
  };
  await (installation === undefined ? all() : withSoleUse(database.url, 'purge', all));
}

async function removeFromEngine(config: Config, installation: string): Promise<void> {
  const { removed, left } = await removeContents(config, installation);
  say(`✓ removed ${countsOf(removed)}`);
  if (left.length === 0) return;
  const lines = left.map(({ type, name, why }) => `\n  ${type} ${printable(name)}: ${printable(why)}`);
  throw new Error(
    `left behind:${lines.join('')}\nThe database and the data folder stay: remove what is in the way, and purge again`,
  );
}

function contentsIn(url: string): Promise<Contents> {
  return withClient(url, async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(
      'SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL',
      [TABLES],
    );
    if (!tables.some(({ name }) => name === 'settings')) return { rows: new Map() };
    const { rows: settings } = await client.query<{ name: string; value: string }>('SELECT name, value FROM settings');
    const setting = (name: string) => settings.find((s) => s.name === name)?.value;
    const [installation, engineId] = [setting('installation'), setting('engine-id')];
    const rows = new Map<string, number>();
    for (const { name } of tables) {
      const { rows: counted } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${name}`);
      if (Number(counted[0]?.n) > 0) rows.set(name, Number(counted[0]?.n));
    }
    return { ...(installation && { installation }), ...(engineId && { engineId }), rows };
  });
}

/** A database of the user's own loses our tables and nothing else. */
async function purgeSchema(url: string): Promise<void> {
  await migrateDown(url, (await readMigrations()).length, silentLog);
  await withClient(url, (client) => client.query('DROP TABLE schema_migrations'));
}
