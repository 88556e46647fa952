import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { readConfig } from '../base/config.ts';
import { sha256 } from '../base/hash.ts';
import { openDataFolder } from '../host/data-folder.ts';
import { newToken, writeKubeconfig } from '../host/kubeconfig.ts';
import { connectionOf } from '../cli/kubeconfig.ts';
import { withClient, withDatabase } from './machine.ts';
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
      const token = newToken();
      await withDatabase(config, folder, (url) =>
        withClient(url, async (client) => {
          await client.query('BEGIN');
          await client.query("DELETE FROM api_keys WHERE name = 'admin'");
          await client.query("INSERT INTO api_keys (id, key, name) VALUES ($1, $2, 'admin')", [
            randomUUID(),
            sha256(token),
          ]);
          await client.query('COMMIT');
        }),
      );
      await writeKubeconfig(path, { server, ca: ca ?? '', token });
      process.stderr.write(`${path} has a new key; the old one stops working within a second\n`);
    }
    process.stdout.write(print ? await readFile(path, 'utf8') : `${path}\n`);
  });
}
