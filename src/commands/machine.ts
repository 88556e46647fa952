import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { pause } from '../cli/pause.ts';
import { readLock } from '../host/daemon-lock.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { findDatabase } from '../host/database.ts';
import type { Database } from '../host/database.ts';
import { THREADS } from '../host/threads.ts';

/** What the commands for the machine itself share: the daemon's process and its database. */

const MAIN = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));

/** What people run: the same program, made to start quickly. */
export const COMMAND = fileURLToPath(new URL('../../dist/miniaws.js', import.meta.url));

/** The daemon ends its passes and its database; an Engine that is slow to stop a container gets its time. */
const STOP_MS = 120_000;

export const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** How the daemon is started from this very program, compiled or not. */
const daemonCommand = (): string[] => [...process.execArgv, MAIN, 'serve'];

export const runningDaemon = (folder: DataFolder) => readLock(folder.daemonLock);

/** Starts the daemon in its own session, with its output in the data folder. @returns its process id. */
export async function startInBackground(folder: DataFolder, env: NodeJS.ProcessEnv): Promise<number> {
  const out = await open(folder.daemonLog, 'a', 0o600);
  try {
    const child = spawn(process.execPath, daemonCommand(), {
      detached: true,
      stdio: ['ignore', out.fd, out.fd],
      env: { ...THREADS, ...env },
    });
    child.unref();
    if (child.pid === undefined) throw new Error(`the daemon could not be started: see ${folder.daemonLog}`);
    return child.pid;
  } finally {
    await out.close();
  }
}

/** Stops the daemon of this folder, if one runs, and resolves when it is gone. */
export async function stopDaemon(folder: DataFolder): Promise<void> {
  const running = await runningDaemon(folder);
  if (!running) return say('✓ no daemon runs');
  process.kill(running.pid, 'SIGTERM');
  const until = systemClock.monotonic() + STOP_MS;
  while ((await runningDaemon(folder))?.pid === running.pid) {
    if (systemClock.monotonic() > until)
      throw new Error(
        `the daemon (process ${running.pid}) has not stopped within ${STOP_MS / 1000} s; its log is ${folder.daemonLog}`,
      );
    await pause(50);
  }
  say(`✓ daemon stopped (process ${running.pid})`);
}

/** The end of the daemon's log, for a person whose daemon did not start. */
export async function lastLog(folder: DataFolder, lines = 5): Promise<string> {
  const text = await readFile(folder.daemonLog, 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-lines).join('\n');
}

/** The daemon's database when there is one already; never makes one. */
export const existingDatabase = (config: Config, folder: DataFolder): Promise<Database | undefined> =>
  findDatabase({
    url: config.databaseUrl,
    installation: config.installation,
    dataFolder: folder,
    log: createLog({ level: 'warn' }),
  });

export const noDatabase = (folder: DataFolder): Error =>
  new Error(`there is no database yet: nothing was ever started with the data folder ${folder.path}`);

/** Runs `fn` on a database that exists, and stops an embedded server that had to be started for it. */
export async function withDatabase<T>(config: Config, folder: DataFolder, fn: (url: string) => Promise<T>): Promise<T> {
  const database = await existingDatabase(config, folder);
  if (!database) throw noDatabase(folder);
  try {
    return await fn(database.url);
  } finally {
    if (database.embedded?.adopted === false) await database.embedded.stop();
    else database.embedded?.detach();
  }
}

export async function withClient<T>(url: string, fn: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'miniaws-command',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new Error(`the database does not answer: ${messageOf(error)}`, { cause: error });
  }
  try {
    return await fn(client);
  } finally {
    await client.end();
  }
}
