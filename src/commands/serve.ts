import type { Command } from 'commander';
import { readConfig, SETTINGS } from '../base/config.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import type { Log } from '../base/log.ts';
import { startDaemon } from '../daemon/daemon.ts';
import { acquireLock } from '../host/daemon-lock.ts';
import { openDataFolder } from '../host/data-folder.ts';
import { removeDrafts } from '../host/private-file.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { locateDatabase, redactUrl } from '../host/database.ts';
import { MODULES } from '../kinds/index.ts';
import { migrateDown, migrateUp } from '../store/migrate.ts';

/** Milliseconds that a stopped daemon's process may take to end by itself. */
const LINGER_MS = 500;

/** Adds every setting of the daemon as a flag. */
export function withSettings(command: Command): Command {
  for (const { flag, value, env, fallback, description } of Object.values(SETTINGS)) {
    command.option(`--${flag} <${value}>`, `${description}${fallback ? ` (default ${fallback})` : ''} [${env}]`);
  }
  return command;
}

interface ServeFlags extends Partial<Record<string, string>> {
  migrateDown?: string;
}

export const serveCommand = (program: Command, version: string): void => {
  withSettings(program.command('serve').description('run the daemon in the foreground'))
    .option('--migrate-only', 'bring the database to this version, then exit')
    .option('--migrate-down <N>', 'take back the newest N migrations, then exit')
    .action(async (flags: ServeFlags & { migrateOnly?: boolean }) => {
      const config = readConfig(flags, process.env);
      const folder = await openDataFolder(config.dataDir || undefined);
      const log = createLog({ level: config.logLevel, ...(config.logFile ? { file: config.logFile } : {}) });
      if (flags.migrateOnly || flags.migrateDown !== undefined) return migrate(config, folder, log, flags.migrateDown);
      await serve(config, folder, log, version);
    });
};

async function migrate(config: Config, folder: DataFolder, log: Log, down: string | undefined): Promise<void> {
  if (down !== undefined && !/^\d+$/.test(down)) throw new Error(`--migrate-down: expected a number, found "${down}"`);
  const { databaseUrl: url, installation } = config;
  const database = await locateDatabase({ url, installation, dataFolder: folder, log });
  try {
    const names =
      down === undefined ? await migrateUp(database.url, log) : await migrateDown(database.url, Number(down), log);
    process.stdout.write(
      names.length === 0
        ? 'nothing to migrate\n'
        : names.map((name) => `${down === undefined ? 'applied' : 'taken back'} ${name}\n`).join(''),
    );
  } finally {
    if (database.embedded?.adopted === false) await database.embedded.stop();
    else database.embedded?.detach();
  }
}

async function serve(config: Config, folder: DataFolder, log: Log, version: string): Promise<void> {
  const lock = await acquireLock(folder.daemonLock);
  try {
    for (const dir of [folder.path, folder.tls, folder.postgres]) await removeDrafts(dir);
    const { databaseUrl: url, databasePassword: password, installation } = config;
    const database = await locateDatabase({ url, password, installation, dataFolder: folder, log });
    log.info({ database: redactUrl(database.url), source: database.source }, 'database');
    try {
      await migrateUp(database.url, log);
      const daemon = await startDaemon({ config, folder, database, log, version, modules: MODULES });
      // Before anything else: whoever reads that it serves may stop it at once, and then too it stops in order.
      const stopping = stopSignal();
      await lock.setListen(new URL(daemon.url).host);
      const signal = await stopping;
      log.info({ signal }, 'stopping');
      await daemon.stop();
    } finally {
      await database.embedded?.stop();
    }
  } catch (error) {
    log.fatal({ err: messageOf(error) }, 'the daemon cannot run');
    throw error;
  } finally {
    await lock.release();
  }
  log.info('stopped');
  // What still hangs has no more to say.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

/** The first signal stops in order; a second one is Node's own and ends at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    // Pending promises alone do not keep a process alive once its server is closed; this does until a signal comes.
    const alive = setInterval(() => undefined, 3_600_000);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve(signal);
      });
    }
  });
}
