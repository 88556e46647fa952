import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { DataFolder } from '../../../src/host/data-folder.ts';
import { installBinaries } from '../../../src/host/postgres-binaries.ts';
import { ensureCluster } from '../../../src/host/postgres-cluster.ts';
import { prepareLayout, serverUser } from '../../../src/host/postgres-layout.ts';
import { waitReady } from '../../../src/host/postgres-server.ts';

/**
 * The embedded server as releases made it that gave it the seed's user and password, on 127.0.0.1 alone: for what
 * becomes of such a data folder. @returns the server's process id.
 */
export async function startOldPostgres(folder: DataFolder, port: number): Promise<number> {
  const layout = await prepareLayout(folder);
  const binaries = await installBinaries(layout.root);
  const user = serverUser(layout);
  await writeFile(layout.credentials, JSON.stringify({ port, password: 'cloud' }), { mode: 0o600 });
  await ensureCluster(layout, binaries, user, 'cloud');
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
  const child = spawn(binaries.postgres, ['-D', layout.data, ...settings.flatMap((s) => ['-c', s])], {
    cwd: layout.data,
    detached: true,
    env: { PATH: '/usr/bin:/bin', HOME: '/', LC_ALL: 'C', TZ: 'UTC' },
    stdio: 'ignore',
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  child.unref();
  const server = await waitReady(layout, () => child.exitCode !== null);
  if (!server) throw new Error('the old server did not start');
  return server.pid;
}
