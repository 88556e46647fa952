import { chmod, mkdir, realpath, stat, symlink } from 'node:fs/promises';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { DataFolder } from './data-folder.ts';
import { makeFolder } from './private-file.ts';
import { canEnter, userToDropTo, type UnprivilegedUser } from './unprivileged-user.ts';

/** Where the embedded PostgreSQL of one data folder keeps its things. */
export interface PostgresLayout {
  /** The real folder behind `<data folder>/postgres`: only root writes to it, the server's user passes through. */
  root: string;
  /** PostgreSQL's own data, owned by its user, 0700. */
  data: string;
  /** Port and password (PostgresCredentials), private to the daemon. */
  credentials: string;
  /** The password once more, as libpq reads it; as private. */
  passFile: string;
  /** The folder of the server's socket, which its user and root alone enter. */
  socket: string;
  /** What the server prints. */
  log: string;
}

/**
 * Where the server of a data folder lives that its user cannot reach, such as one below /root. Folders that are not
 * ours keep their modes; `<data folder>/postgres` is then a link to a folder here.
 */
export const FALLBACK_BASE = '/var/lib/miniaws-postgres';

/** The layout as it stands; touches nothing. */
export function findLayout(dataFolder: DataFolder): PostgresLayout {
  let root = dataFolder.postgres;
  try {
    root = realpathSync(root);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const at = (name: string) => join(root, name);
  return {
    root,
    data: at('data'),
    credentials: at('server.json'),
    passFile: at('pgpass'),
    socket: at('socket'),
    log: at('server.log'),
  };
}

/** What the kernel takes as a socket's path: `sun_path` has 108 bytes, the last of them zero. unix(7) */
const SOCKET_PATH_LIMIT = 107;

/** Where the server's socket can be; undefined when its path would be too long, and 127.0.0.1 has to do. */
export function socketFolder({ socket }: PostgresLayout, port: number): string | undefined {
  return Buffer.byteLength(join(socket, `.s.PGSQL.${port}`)) <= SOCKET_PATH_LIMIT ? socket : undefined;
}

/** Who runs the server: the owner of its data, else whom root drops to; undefined is this process's own user. */
export function serverUser(layout: PostgresLayout): UnprivilegedUser | undefined {
  return userToDropTo(statSync(layout.data, { throwIfNoEntry: false })?.uid);
}

/** Makes the folders, and sees to it that `user` gets into them. */
export async function prepareLayout(dataFolder: DataFolder): Promise<PostgresLayout> {
  const user = serverUser(findLayout(dataFolder));
  if (user === undefined) await makeFolder(dataFolder.postgres, 0o700);
  else await prepareForUser(dataFolder, user);
  return findLayout(dataFolder);
}

async function prepareForUser(dataFolder: DataFolder, user: UnprivilegedUser): Promise<void> {
  // Passing through is not listing, and every file of ours in it is 0600.
  await chmod(dataFolder.path, ((await stat(dataFolder.path)).mode & 0o777) | 0o011);
  if ((await stat(dataFolder.postgres).catch(() => undefined)) === undefined) {
    if (canEnter(user, dataFolder.path)) await mkdir(dataFolder.postgres, { recursive: true });
    else await linkFallback(dataFolder);
  }
  await chmod(await realpath(dataFolder.postgres), 0o711);
}

async function linkFallback(dataFolder: DataFolder): Promise<void> {
  const id = sha256(await realpath(dataFolder.path)).slice(0, 16);
  const folder = join(FALLBACK_BASE, id);
  await makeFolder(FALLBACK_BASE, 0o711);
  await makeFolder(folder, 0o711);
  await symlink(folder, dataFolder.postgres).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
}

/** The major version that made the data; undefined when there is none yet. */
export function dataVersion(layout: PostgresLayout): string | undefined {
  try {
    return readFileSync(join(layout.data, 'PG_VERSION'), 'utf8').trim();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
