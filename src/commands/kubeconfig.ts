import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { readConfig } from '../base/config.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { createLog } from '../base/log.ts';
import { openDataFolder } from '../host/data-folder.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { masterKeyFileOf, openKeyring } from '../host/master-key.ts';
import { KINDS, MODULES } from '../kinds/index.ts';
import { loadRuntimes, machineTokenOf } from '../operator/assembly.ts';
import { openPostgresStore } from '../store/postgres-store.ts';
import { writeKubeconfig } from '../host/kubeconfig.ts';
import { connectionOf } from '../cli/kubeconfig.ts';
import { withDatabase } from './machine.ts';
import { withSettings } from './serve.ts';

/** Prints where the administrator's kubeconfig is; `--reset` makes another key and forgets the one before. */
export function kubeconfigCommand(program: Command): void {
  withSettings(
    program
      .command('kubeconfig')
      .option('--reset', 'make a new key; the old one stops working')
      .option('--print', 'print the file')
      .description("the administrator's kubeconfig of this machine"),
  ).action(async (flags: Partial<Record<string, string>> & { reset?: boolean; print?: boolean }) => {
    const { reset, print, ...settings } = flags;
    const config = readConfig(settings, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    const path = folder.adminKubeconfig;
    if (reset) {
      const { server, ca } = connectionOf({ kubeconfig: path }, {}, '');
      const token = await withDatabase(config, folder, (url) => newAdminToken(url, config, folder));
      await writeKubeconfig(path, { server, ca: ca ?? '', token });
      process.stderr.write(`${path} has a new key; the old one stops working within a second\n`);
    }
    process.stdout.write(print ? await readFile(path, 'utf8') : `${path}\n`);
  });
}

/** The daemon need not run; one that does hears of it. */
async function newAdminToken(url: string, config: Config, folder: DataFolder): Promise<string> {
  const keyring = await openKeyring(masterKeyFileOf(config, folder));
  const log = createLog({ level: 'warn' });
  const store = await openPostgresStore({ url, kinds: KINDS, clock: systemClock, log, keyring });
  try {
    const machineToken = machineTokenOf(await loadRuntimes(MODULES));
    return await machineToken(store, systemClock, undefined, true);
  } finally {
    await store.close();
  }
}
