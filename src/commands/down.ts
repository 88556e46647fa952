import type { Command } from 'commander';
import { readConfig } from '../base/config.ts';
import { openDataFolder } from '../host/data-folder.ts';
import { findEmbeddedPostgres, stopEmbeddedPostgres } from '../host/embedded-postgres.ts';
import { say, stopDaemon } from './machine.ts';
import { purge } from './purge.ts';
import { withSettings } from './serve.ts';

type DownFlags = Partial<Record<string, string>> & { purge?: boolean; yes?: boolean };

/** Stops the daemon and its own database; instances keep running. With `--purge`, removes what is this folder's, and nothing else. */
export function downCommand(program: Command): void {
  withSettings(
    program
      .command('down')
      .option(
        '--purge',
        'remove everything of this data folder’s installation: containers, networks, volumes with their data, images, database, data folder. Lists it and asks first',
      )
      .option('-y, --yes', 'purge without asking')
      .description('stop the daemon; instances keep running'),
  ).action(async (flags: DownFlags) => {
    const { purge: isPurge, yes, ...settings } = flags;
    const config = readConfig(settings, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    if (isPurge) return purge(config, folder, yes === true);
    await stopDaemon(folder);
    if ((await findEmbeddedPostgres(folder))?.running) await stopEmbeddedPostgres(folder);
    say('  instances keep running; miniaws up takes them over again');
  });
}
