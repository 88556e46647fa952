import { randomBytes } from 'node:crypto';
import { link, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { freePort } from './ports.ts';
import { writeDraft, writePrivate } from './private-file.ts';
import { syncFolder } from '../base/sync-folder.ts';

/** What a client of the embedded server needs besides what is the same for all: user `cloud`, database `miniaws`. */
export interface PostgresCredentials {
  /** Left out by releases that gave the seed's password to a server on the seed's port. */
  format?: 2;
  /** Of the socket's name, and of 127.0.0.1 where the server listens there. */
  port: number;
  password: string;
  /** A person chose the password (`--database-password`), to reach the server on 127.0.0.1. */
  isChosen?: true;
}

/** The seed's user, password, database and port. */
export const SEED = { user: 'cloud', password: 'cloud', database: 'miniaws', port: 5433 } as const;

/** `socket` is the folder of the server's socket; without one it is reached on 127.0.0.1. */
export function urlOf({ port, password }: Pick<PostgresCredentials, 'port' | 'password'>, socket?: string): string {
  const host = socket === undefined ? '127.0.0.1' : encodeURIComponent(socket);
  return `postgres://${SEED.user}:${encodeURIComponent(password)}@${host}:${port}/${SEED.database}`;
}

/** Undefined when this data folder never had a server. */
export async function readCredentials(path: string): Promise<PostgresCredentials | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as PostgresCredentials;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Error(`${path} (port and password of the embedded PostgreSQL) cannot be read`, { cause: error });
  }
}

/** With the password that was chosen, or a random one. */
export const makeCredentials = (port: number, chosen?: string): PostgresCredentials => ({
  format: 2,
  port,
  ...(chosen ? { password: chosen, isChosen: true } : { password: randomBytes(24).toString('base64url') }),
});

/** The recorded credentials, else `made`. Of two starters at once the first one's are recorded and both get those. */
export async function ensureCredentials(path: string, made: PostgresCredentials): Promise<PostgresCredentials> {
  const recorded = await readCredentials(path);
  if (recorded) return recorded;
  const draft = await writeDraft(path, JSON.stringify(made));
  try {
    await link(draft, path);
    await syncFolder(dirname(path));
    return made;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return ensureCredentials(path, made);
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Whether the server must get another password before it is used: none that is known to everybody stays.
 * `wanted`: a person's choice; empty for a random one; undefined for whatever it is.
 */
export function isOutdated(recorded: PostgresCredentials, wanted: string | undefined): boolean {
  if (recorded.format !== 2) return true;
  if (wanted === undefined) return false;
  return wanted === '' ? recorded.isChosen === true : recorded.password !== wanted || recorded.isChosen !== true;
}

/** Where libpq reads the password (`passfile`, PGPASSFILE), so that it stands in no command line and no environment. */
export async function writePassFile(path: string, { password }: PostgresCredentials): Promise<void> {
  const text = `*:*:*:${SEED.user}:${password.replaceAll(/[\\:]/g, '\\$&')}\n`;
  const now = await readFile(path, 'utf8').catch(() => undefined);
  if (now !== text) await writePrivate(path, text);
}

/** Moves the server to another port, for good: somebody else took its own. */
export async function movePort(path: string, credentials: PostgresCredentials): Promise<PostgresCredentials> {
  const moved = { ...credentials, port: await freePort() };
  await writePrivate(path, JSON.stringify(moved));
  return moved;
}
