import type { Command } from 'commander';
import { readConfig } from '../base/config.ts';
import { openDataFolder } from '../host/data-folder.ts';
import { findEmbeddedPostgres } from '../host/embedded-postgres.ts';
import { existingDatabase, noDatabase } from './machine.ts';
import { withSettings } from './serve.ts';

/** Says how to connect to the daemon's database. Starts nothing and changes nothing. */
export function databaseUrlCommand(program: Command): void {
  withSettings(
    program
      .command('database-url')
      .option('--with-password', 'with the password in the URL, for clients that do not read libpq’s password file')
      .description('print how to connect to the database: psql "$(miniaws database-url)"'),
  ).action(async (flags: Partial<Record<string, string>> & { withPassword?: boolean }) => {
    const { withPassword, ...settings } = flags;
    const config = readConfig(settings, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    const embedded = config.databaseUrl === '' ? await findEmbeddedPostgres(folder) : undefined;
    if (embedded?.running === false) process.stderr.write('it does not run now: miniaws up starts it\n');
    const url = embedded?.url ?? (await existingDatabase(config, folder))?.url;
    if (url === undefined) throw noDatabase(folder);
    process.stdout.write(`${withPassword ? url : withoutPassword(url, embedded?.passFile)}\n`);
  });
}

/** The password does not belong into the command line of the client, where everybody on the machine reads it. */
function withoutPassword(text: string, passFile: string | undefined): string {
  const url = new URL(text);
  url.password = '';
  url.searchParams.delete('password');
  if (passFile !== undefined) url.search = `passfile=${encodeURIComponent(passFile)}`;
  return url.href;
}
