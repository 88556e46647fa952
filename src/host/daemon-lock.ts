import { randomBytes } from 'node:crypto';
import { link, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf } from '../base/errors.ts';
import { isAlive, ownIdentity, type ProcessIdentity } from './process-identity.ts';
import { writeDraft, writePrivate } from './private-file.ts';
import { syncFolder } from '../base/sync-folder.ts';

/**
 * One daemon per data folder. The lock is the file `daemon.lock`, made by link(2), which like O_EXCL lets
 * one of many win but shows the file only whole. It says who holds it; a holder that died leaves it behind, and
 * whoever comes next may remove it.
 *
 * Removing is where such locks usually race: two starters see the same dead holder, the first removes the file and
 * takes the lock, the second removes the first one's. So a stale lock is removed only by a starter that has
 * announced itself (a claim file, named after its process) and then has seen no other living claim. Of two that
 * announce themselves, the one that looks later sees the other; claims of the dead do not count.
 */
export interface LockHolder extends ProcessIdentity {
  /** Where the daemon listens, `host:port`; null until it does. */
  listen: string | null;
  /** Tells two holds of one process apart. */
  nonce: string;
}

export interface DaemonLock {
  /** Records where the daemon listens, for `up` and `down`. */
  setListen(listen: string): Promise<void>;
  /** Gives the lock up. Doing it twice, or after somebody removed the file by hand, is harmless. */
  release(): Promise<void>;
}

/** Somebody else holds the data folder. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  readonly holder: LockHolder;

  constructor(path: string, holder: LockHolder) {
    const where = holder.listen === null ? '' : ` and listens on ${holder.listen}`;
    super(`a daemon already runs in ${dirname(path)}: process ${holder.pid} holds ${basename(path)}${where}`);
    this.holder = holder;
  }
}

/** Starters that keep meeting at one stale lock give up after this many rounds of at most 50 ms: about 5 s. */
const ROUNDS = 200;

/** Takes the lock at `path`, or throws a LockHeldError that names the living holder. */
export async function acquireLock(path: string, listen: string | null = null): Promise<DaemonLock> {
  const me: LockHolder = { ...ownIdentity(), listen, nonce: randomBytes(8).toString('hex') };
  for (let round = 0; round < ROUNDS; round++) {
    if (await tryTake(path, me)) return held(path, me);
    const holder = await readHolder(path);
    if (holder !== undefined && isAlive(holder)) throw new LockHeldError(path, holder);
    if (!(await removeStale(path, me))) await pause(Math.random() * 50);
  }
  throw new Error(`${path} could not be taken: too many daemons are starting in this data folder at once`);
}

/** Who holds the lock at `path` and lives; undefined when nobody does. */
export async function readLock(path: string): Promise<LockHolder | undefined> {
  const holder = await readHolder(path);
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

async function tryTake(path: string, me: LockHolder): Promise<boolean> {
  const draft = await writeDraft(path, JSON.stringify(me));
  try {
    await link(draft, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    // Held; or the holder took our draft for one of the dead.
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** False when another starter is at it. True when the stale lock is gone, or was when we looked: try to take it again. */
async function removeStale(path: string, me: LockHolder): Promise<boolean> {
  const claim = `${path}${CLAIM}${encodeClaim(me)}`;
  await writeFile(claim, '', { flag: 'wx', mode: 0o600 });
  try {
    if (await othersClaim(path, claim)) return false;
    const holder = await readHolder(path);
    // Not when it is missing: a newcomer may be taking it right now. A stale one stays as it is while we hold the claim.
    if (holder !== undefined && !isAlive(holder)) await rm(path, { force: true });
    return true;
  } finally {
    await rm(claim, { force: true });
  }
}

const CLAIM = '.claim-';

/** The claim's name is its content, so that there is no moment at which it exists and says nothing. */
const encodeClaim = (me: LockHolder): string =>
  Buffer.from(JSON.stringify([me.pid, me.startTime, me.nonce])).toString('base64url');

function decodeClaim(text: string): ProcessIdentity {
  const [pid, startTime] = JSON.parse(Buffer.from(text, 'base64url').toString()) as [number, string | null];
  return { pid, startTime };
}

async function othersClaim(path: string, own: string): Promise<boolean> {
  const prefix = `${basename(path)}${CLAIM}`;
  let others = false;
  for (const name of await readdir(dirname(path))) {
    const claim = join(dirname(path), name);
    if (!name.startsWith(prefix) || claim === own) continue;
    if (isAlive(decodeClaim(name.slice(prefix.length)))) others = true;
    else await rm(claim, { force: true });
  }
  return others;
}

/** Undefined when there is no lock file. One that is not ours to read is nobody's: process 0, which never lives. */
async function readHolder(path: string): Promise<LockHolder | undefined> {
  const nobody: LockHolder = { pid: 0, startTime: null, listen: null, nonce: '' };
  try {
    const found = JSON.parse(await readFile(path, 'utf8')) as Partial<LockHolder> | null;
    return Number.isSafeInteger(found?.pid) ? { ...nobody, ...found } : nobody;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) return nobody;
    throw error;
  }
}

function held(path: string, me: LockHolder): DaemonLock {
  const isMine = async () => (await readHolder(path))?.nonce === me.nonce;
  return {
    async setListen(listen) {
      if (await isMine()) await writePrivate(path, JSON.stringify({ ...me, listen }));
    },
    async release() {
      if (await isMine()) await rm(path, { force: true });
    },
  };
}
