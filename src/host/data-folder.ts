import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { makeFolder } from './private-file.ts';

/** The folder that holds everything of one daemon that is not in the database or the Engine. */
export interface DataFolder {
  readonly path: string;
  /** The kubeconfig with the key of the first start. */
  readonly adminKubeconfig: string;
  /** What its daemon works on (InstallationRecord). */
  readonly installation: string;
  /** The embedded PostgreSQL: its binaries, its data, its credentials. */
  readonly postgres: string;
  /** Where `up` has put the command on the PATH. */
  readonly commandLink: string;
  /** Copies of repositories, and what git needs while it runs. */
  readonly git: string;
  /** Bytes of objects, where no other place is given. */
  readonly objects: string;
  /** What Secrets are encrypted under. */
  readonly masterKey: string;
  readonly daemonLog: string;
  readonly daemonLock: string;
  /** Certificate authority and server certificate. */
  readonly tls: string;
}

/** `/var/lib/miniaws` for root, else by the XDG base directory specification. `MINIAWS_DATA_DIR` overrides both. */
export function defaultDataDir(env: NodeJS.ProcessEnv = process.env, uid = process.getuid?.()): string {
  if (env['MINIAWS_DATA_DIR']) return resolve(env['MINIAWS_DATA_DIR']);
  if (uid === 0) return '/var/lib/miniaws';
  const xdg = env['XDG_DATA_HOME'];
  // The specification says to ignore a relative path.
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'share'), 'miniaws');
}

/** The paths in the folder; touches nothing. */
export function dataFolderAt(dir: string): DataFolder {
  const path = resolve(dir);
  return {
    path,
    adminKubeconfig: join(path, 'admin.kubeconfig'),
    installation: join(path, 'installation.json'),
    postgres: join(path, 'postgres'),
    commandLink: join(path, 'command-link'),
    git: join(path, 'git'),
    objects: join(path, 'objects'),
    masterKey: join(path, 'master.key'),
    daemonLog: join(path, 'daemon.log'),
    daemonLock: join(path, 'daemon.lock'),
    tls: join(path, 'tls'),
  };
}

/**
 * Opens the folder, making it (0700) when it is missing. One that others may write to is refused: they could put a
 * key, a certificate or a lock there. Others may be allowed to pass through (0711: the embedded PostgreSQL needs that).
 */
export async function openDataFolder(dir: string = defaultDataDir()): Promise<DataFolder> {
  const folder = dataFolderAt(dir);
  await makeFolder(folder.path, 0o700);
  const found = await stat(folder.path);
  if (!found.isDirectory()) throw new Error(`${folder.path} is not a folder: set MINIAWS_DATA_DIR to one`);
  if ((found.mode & 0o022) !== 0) {
    throw new Error(`the data folder ${folder.path} can be written by other users: run chmod go-w ${folder.path}`);
  }
  return folder;
}
