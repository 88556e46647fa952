import { randomBytes } from 'node:crypto';
import { link, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { syncFolder, writeDraft, writePrivate } from './private-file.ts';

/** What a client of the embedded server needs besides what is the same for all: user `cloud`, database `miniaws`. */
export interface PostgresCredentials {
  port: number;
  password: string;
}

/** The seed's user, password, database and port. */
export const SEED = { user: 'cloud', password: 'cloud', database: 'miniaws', port: 5433 } as const;

export const urlOf = (credentials: PostgresCredentials): string =>
  `postgres://${SEED.user}:${encodeURIComponent(credentials.password)}@127.0.0.1:${credentials.port}/${SEED.database}`;

/** Undefined when this data folder never had a server. */
export async function readCredentials(path: string): Promise<PostgresCredentials | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as PostgresCredentials;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Error(`${path} (port and password of the embedded PostgreSQL) cannot be read`, { cause: error });
  }
}

/**
 * The recorded credentials; at the first start the seed's, or a free port and a generated password when `seedPort`
 * is taken. Of two starters at once the first one's are recorded and both get those.
 */
export async function ensureCredentials(path: string, seedPort: number): Promise<PostgresCredentials> {
  const recorded = await readCredentials(path);
  if (recorded) return recorded;
  const made = (await isFree(seedPort))
    ? { port: seedPort, password: SEED.password }
    : { port: await freePort(), password: randomBytes(24).toString('base64url') };
  const draft = await writeDraft(path, JSON.stringify(made));
  try {
    await link(draft, path);
    await syncFolder(dirname(path));
    return made;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return ensureCredentials(path, seedPort);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Moves the server to another port, for good: somebody else took its own. */
export async function movePort(path: string, credentials: PostgresCredentials): Promise<PostgresCredentials> {
  const moved = { ...credentials, port: await freePort() };
  await writePrivate(path, JSON.stringify(moved));
  return moved;
}

/** Whether a server could listen on 127.0.0.1 at `port` now. */
export const isFree = async (port: number): Promise<boolean> => (await tryListen(port)) !== undefined;

async function freePort(): Promise<number> {
  const port = await tryListen(0);
  if (port === undefined) throw new Error('no free port on 127.0.0.1 for the embedded PostgreSQL');
  return port;
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : undefined));
    });
  });
}
