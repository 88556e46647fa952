import { randomBytes } from 'node:crypto';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { runOrThrow, type CommandOptions } from './command.ts';
import { removeLeftovers, renameOnce, syncTree } from './folder-draft.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { SEED } from './postgres-credentials.ts';
import { dataVersion, type PostgresLayout } from './postgres-layout.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

/** What every program of the server runs with: nothing of ours (PGDATA, PGPORT, DATABASE_URL…), messages in English. */
export const SERVER_ENV: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin', HOME: '/', LC_ALL: 'C', TZ: 'UTC' };

/**
 * Makes the data folder with the seed's user and database, once: in a draft folder that gets its name when it is
 * complete and on the disk, so that a crash at any point (I3) leaves either nothing or everything.
 *
 * The daemon's user is not the superuser (who may run programs as the server's user): it owns its database, may create
 * others, and may watch and end sessions. The superuser's password is generated and forgotten; `postgres --single`
 * needs none.
 */
export async function ensureCluster(
  layout: PostgresLayout,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  password: string,
): Promise<void> {
  const version = dataVersion(layout);
  if (version !== undefined) return checkVersion(layout, version, binaries.version);
  await removeLeftovers(layout.root);
  const draft = `${layout.data}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await mkdir(draft, { mode: 0o700 });
    await giveTo(draft, user);
    await initialize(draft, binaries, user);
    await createSeed(draft, binaries, user, password);
    await syncTree(draft);
    await renameOnce(draft, layout.data);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

function checkVersion(layout: PostgresLayout, data: string, binaries: string): void {
  if (binaries.startsWith(`${data}.`)) return;
  throw new Error(
    `${layout.data} was made by PostgreSQL ${data} and this release brings ${binaries}: back up with the old release, ` +
      `move the folder away, and restore`,
  );
}

async function initialize(
  draft: string,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
): Promise<void> {
  const passwordFile = `${draft}.password.tmp`;
  try {
    await writeFile(passwordFile, randomBytes(24).toString('base64url'), { flag: 'wx', mode: 0o600 });
    await giveTo(passwordFile, user);
    const args = ['--pgdata', draft, '--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    args.push('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
    args.push('--data-checksums', '--no-sync', '--no-instructions');
    await runOrThrow(binaries.initdb, args, optionsFor(draft, user));
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function createSeed(
  draft: string,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  password: string,
): Promise<void> {
  const statements = [
    `CREATE ROLE ${SEED.user} LOGIN CREATEDB PASSWORD ${literal(password)}`,
    `GRANT pg_monitor, pg_signal_backend TO ${SEED.user}`,
    `CREATE DATABASE ${SEED.database} OWNER ${SEED.user}`,
  ];
  // Written out as a whole before the draft gets its name.
  await runAlone(draft, binaries, user, statements, ['-c', 'fsync=off']);
}

/** Gives the daemon's user another password. The server must not run. */
export const setPassword = (
  layout: PostgresLayout,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  password: string,
): Promise<void> => runAlone(layout.data, binaries, user, [`ALTER ROLE ${SEED.user} PASSWORD ${literal(password)}`]);

/** Carries out statements, a line each, as the superuser and without a server. */
async function runAlone(
  data: string,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  statements: readonly string[],
  more: readonly string[] = [],
): Promise<void> {
  // A failing statement must not be logged: it holds the password (I10).
  const settings = ['-c', 'exit_on_error=on', '-c', 'log_min_error_statement=panic', ...more];
  const args = ['--single', '-D', data, ...settings, 'postgres'];
  await runOrThrow(binaries.postgres, args, { ...optionsFor(data, user), input: `${statements.join('\n')}\n` });
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const optionsFor = (cwd: string, user: UnprivilegedUser | undefined): CommandOptions => ({
  user,
  cwd,
  env: SERVER_ENV,
});

async function giveTo(path: string, user: UnprivilegedUser | undefined): Promise<void> {
  if (user) await chown(path, user.uid, user.gid);
}
