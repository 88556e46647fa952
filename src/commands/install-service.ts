import { fileURLToPath } from 'node:url';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { readConfig, SETTINGS } from '../base/config.ts';
import type { Config } from '../base/config.ts';
import { openDataFolder } from '../host/data-folder.ts';
import { installService } from '../host/systemd.ts';
import { withSettings } from './serve.ts';

/** A systemd unit that starts the daemon at boot, after the Engine. */
export function installServiceCommand(program: Command): void {
  withSettings(
    program
      .command('install-service')
      .option('--user <USER>', 'who runs the daemon: root, or someone of the group docker')
      .description('start the daemon at boot (systemd)'),
  ).action(async (flags: Partial<Record<string, string>> & { user?: string }) => {
    const { user = userInfo().username, ...settings } = flags;
    const config = readConfig(settings, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    const given = Object.entries(SETTINGS).filter(
      ([name, { fallback }]) => name !== 'dataDir' && config[name as keyof Config] !== fallback,
    );
    const env = Object.fromEntries(given.map(([name, s]) => [s.env, config[name as keyof Config]]));
    const script = fileURLToPath(new URL('../main.js', import.meta.url));
    const { unit, started } = await installService({ node: process.execPath, script, dataDir: folder.path, user, env });
    process.stdout.write(
      started
        ? `✓ ${unit} installed, enabled and started\n`
        : `✓ ${unit} written; systemd does not run here, so it starts at the next boot with systemd\n`,
    );
  });
}
