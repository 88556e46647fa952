import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { readConfig } from '../base/config.ts';
import type { Config } from '../base/config.ts';
import { silentLog } from '../base/log.ts';
import { pause } from '../cli/pause.ts';
import { createDockerCompute } from '../drivers/docker/docker-compute.ts';
import type { Compute } from '../drivers/compute.ts';
import { openDataFolder } from '../host/data-folder.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { findEmbeddedPostgres, removeEmbeddedPostgres, stopEmbeddedPostgres } from '../host/embedded-postgres.ts';
import { migrateDown, readMigrations } from '../store/migrate.ts';
import { existingDatabase, runningDaemon, withClient } from './machine.ts';
import { withSettings } from './serve.ts';

/** The daemon ends its passes and its database; an Engine that is slow to stop a container gets its time. */
const STOP_MS = 120_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Stops the daemon and its own database; instances keep running. With `--purge`, removes what is this installation's, and nothing else. */
export function downCommand(program: Command): void {
  withSettings(
    program
      .command('down')
      .option(
        '--purge',
        'remove everything of this installation: containers, networks, volumes with their data, images, database, data folder',
      )
      .description('stop the daemon; instances keep running'),
  ).action(async (flags: Partial<Record<string, string>> & { purge?: boolean }) => {
    const { purge, ...settings } = flags;
    const config = readConfig(settings, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    await stopDaemon(folder);
    if (purge) await purgeAll(config, folder);
    else if ((await findEmbeddedPostgres(folder))?.running) await stopEmbeddedPostgres(folder);
    if (!purge) say('  instances keep running; miniaws up takes them over again');
  });
}

async function stopDaemon(folder: DataFolder): Promise<void> {
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

async function purgeAll(config: Config, folder: DataFolder): Promise<void> {
  const database = await existingDatabase(config, folder);
  if (database) {
    const installation = await installationIn(database.url);
    if (installation !== undefined && config.engine === 'docker') await purgeEngine(config, installation);
    if (database.embedded) await database.embedded.stop();
    else await purgeSchema(database.url);
  }
  await removeEmbeddedPostgres(folder);
  for (const path of [
    folder.adminKubeconfig,
    folder.daemonLog,
    folder.daemonLock,
    folder.tls,
    join(folder.path, 'service.env'),
  ]) {
    await rm(path, { recursive: true, force: true });
  }
  say(`✓ database and ${folder.path} removed`);
}

function installationIn(url: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    const table = await client.query<{ found: boolean }>("SELECT to_regclass('settings') IS NOT NULL AS found");
    if (!table.rows[0]?.found) return undefined;
    const { rows } = await client.query<{ value: string }>("SELECT value FROM settings WHERE name = 'installation'");
    return rows[0]?.value;
  });
}

/** By mark, then by id: containers before the networks and volumes that they hold. */
async function purgeEngine(config: Config, installation: string): Promise<void> {
  const compute = createDockerCompute({ installation, host: config.dockerHost, log: silentLog, clock: systemClock });
  await compute.open();
  try {
    const found = compute.everything();
    if (found.state === 'unobservable')
      throw new Error(`nothing was purged, because the Engine does not answer: ${found.why}`);
    const counts = await removeAll(compute, found.state === 'present' ? found.value : []);
    say(`✓ removed ${counts}`);
  } finally {
    await compute.close();
  }
}

async function removeAll(compute: Compute, owned: readonly { type: string; id: string }[]): Promise<string> {
  const containers = owned.filter((o) => o.type === 'container');
  const networks = owned.filter((o) => o.type === 'network');
  await Promise.all(containers.map((c) => compute.removeContainer(c.id)));
  for (const network of networks) await compute.removeNetwork(network.id);
  const volumes = await compute.volumes();
  for (const volume of volumes) await compute.removeVolume(volume.name);
  const images = await compute.ownImages();
  for (const image of images) await compute.removeImage(image.id);
  return `${containers.length} containers, ${networks.length} networks, ${volumes.length} volumes, ${images.length} images`;
}

/** A database of the user's own loses our tables and nothing else. */
async function purgeSchema(url: string): Promise<void> {
  await migrateDown(url, (await readMigrations()).length, silentLog);
  await withClient(url, (client) => client.query('DROP TABLE schema_migrations'));
}
