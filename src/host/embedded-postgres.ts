import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { DataFolder } from './data-folder.ts';
import { readLock } from './daemon-lock.ts';
import { installBinaries, removeOtherBinaries, type PostgresBinaries } from './postgres-binaries.ts';
import { ensureCluster, setPassword } from './postgres-cluster.ts';
import {
  ensureCredentials,
  isOutdated,
  makeCredentials,
  movePort,
  readCredentials,
  SEED,
  urlOf,
  writePassFile,
  type PostgresCredentials,
} from './postgres-credentials.ts';
import {
  dataVersion,
  FALLBACK_BASE,
  findLayout,
  prepareLayout,
  serverUser,
  type PostgresLayout,
} from './postgres-layout.ts';
import {
  addressOf,
  launchServer,
  removeReusedPid,
  runningServer,
  stopServer,
  waitGone,
  waitReady,
  type RunningServer,
} from './postgres-server.ts';
import { isFree } from './ports.ts';
import { writePrivate } from './private-file.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

/**
 * A real PostgreSQL server of this data folder. It is a process of its own that outlives the daemon; the next daemon
 * adopts it. While a daemon has it, a server that dies is started again, on the same port, so that pools reconnect.
 */
export interface EmbeddedPostgres {
  readonly url: string;
  readonly pid: number;
  /** It ran already. */
  readonly adopted: boolean;
  /** Ends the watching only; the server runs on, for the next daemon. */
  detach(): void;
  /** Stops the server, and resolves when it is gone. */
  stop(): Promise<void>;
}

export interface StartOptions {
  dataFolder: DataFolder;
  log: Log;
  /** The port to take at the very first start; the seed's unless a test says otherwise. */
  seedPort?: number;
  /**
   * A password that a person chose, with which the server listens on 127.0.0.1 too; empty for a random one; undefined
   * for the one that it has.
   */
  password?: string | undefined;
}

/** How often a daemon looks whether its server lives, in milliseconds. A look reads three small files. */
const WATCH_EVERY_MS = 250;
/** Starts that meet a taken port or a predecessor's last session: 40 of them with 250 ms between are 10 s. */
const ATTEMPTS = 40;
const ATTEMPT_EVERY_MS = 250;
/** So often a recorded port is looked at, 250 ms apart, before the server moves to another for good. */
const PORT_LOOKS = 12;

/** Starts the server, or adopts the one that runs, making everything that it needs. Resolves when it answers. */
export async function startEmbeddedPostgres(options: StartOptions): Promise<EmbeddedPostgres> {
  const { dataFolder, log } = options;
  const layout = await prepareLayout(dataFolder);
  const isNew = await isToChange(layout, options);
  if (isNew && runningServer(layout)) {
    log.info('embedded PostgreSQL is stopped, to get another password');
    await stopServer(layout);
  }
  const found = await settledServer(layout);
  const server = found ?? (await startServer(layout, options));
  const credentials = await ensureCredentials(layout.credentials, makeCredentials(server.port));
  await writePassFile(layout.passFile, credentials);
  log.info({ pid: server.pid, port: server.port, adopted: found !== undefined }, 'embedded PostgreSQL is ready');
  const watch = watchServer(layout, server, credentials, log);
  return {
    url: urlOf({ port: server.port, password: credentials.password }, server.socket),
    pid: server.pid,
    adopted: found !== undefined,
    detach: watch.end,
    async stop() {
      watch.end();
      await watch.restarting();
      await stopServer(layout);
    },
  };
}

/** Whether this data folder has a server of its own, and whether it runs; undefined when it never had one. */
export async function findEmbeddedPostgres(
  dataFolder: DataFolder,
): Promise<{ running: boolean; pid?: number; url: string; passFile: string } | undefined> {
  const layout = findLayout(dataFolder);
  const credentials = await readCredentials(layout.credentials);
  if (credentials === undefined || dataVersion(layout) === undefined) return undefined;
  const { passFile } = layout;
  const server = runningServer(layout);
  if (server === undefined)
    return { running: false, url: urlOf(credentials, addressOf(layout, credentials).socket), passFile };
  return { running: true, pid: server.pid, url: urlOf({ ...credentials, port: server.port }, server.socket), passFile };
}

/** Stops this data folder's server if it runs, and resolves when it is gone. Without one it does nothing. */
export async function stopEmbeddedPostgres(dataFolder: DataFolder): Promise<void> {
  await stopServer(findLayout(dataFolder));
}

/** Stops the server and removes it with all its data, wherever they are (`down --purge`). */
export async function removeEmbeddedPostgres(dataFolder: DataFolder): Promise<void> {
  const layout = findLayout(dataFolder);
  await stopServer(layout);
  await rm(layout.root, { recursive: true, force: true });
  await rm(dataFolder.postgres, { force: true });
  // Only if no other data folder's server lives there.
  if (dirname(layout.root) === FALLBACK_BASE) await rmdir(FALLBACK_BASE).catch(() => undefined);
}

/** A running server once it is ready; one that is stopping is waited out. */
async function settledServer(layout: PostgresLayout): Promise<RunningServer | undefined> {
  const server = runningServer(layout);
  if (server?.status !== 'stopping') return server && waitReady(layout, () => runningServer(layout) === undefined);
  if (await waitGone(server.pid, 60_000)) return undefined;
  throw new Error(`the embedded PostgreSQL (process ${server.pid}) is stopping and does not end: see ${layout.log}`);
}

async function startServer(layout: PostgresLayout, options: StartOptions): Promise<RunningServer> {
  const binaries = await installBinaries(layout.root);
  await removeOtherBinaries(layout.root, binaries);
  const user = serverUser(layout);
  const made = makeCredentials(options.seedPort ?? SEED.port, options.password);
  await ensureCluster(layout, binaries, user, (await ensureCredentials(layout.credentials, made)).password);
  for (let attempt = 1; ; attempt++) {
    try {
      while (await isToChange(layout, options)) await changePassword(layout, binaries, user, options);
      const credentials = await ensurePort(layout, await ensureCredentials(layout.credentials, made), options.log);
      return await launchServer(layout, binaries, user, credentials);
    } catch (error) {
      if (attempt === ATTEMPTS || !isPassing(error)) throw error;
    }
    await pause(ATTEMPT_EVERY_MS);
    // Another starter may have been faster.
    const server = await settledServer(layout);
    if (server) return server;
  }
}

/** Where a new password is recorded before the server has it, so that a crash in between locks nobody out. */
const nextOf = (layout: PostgresLayout): string => `${layout.credentials}.next`;

/**
 * Whether the server must get another password: it has a known one, or not the one that is wanted, or a change of it
 * was begun. Never under another process's daemon.
 */
async function isToChange(layout: PostgresLayout, { dataFolder, password }: StartOptions): Promise<boolean> {
  const recorded = await readCredentials(layout.credentials);
  if (recorded === undefined || dataVersion(layout) === undefined) return false;
  const daemon = await readLock(dataFolder.daemonLock);
  if (daemon !== undefined && daemon.pid !== process.pid) return false;
  return isOutdated(recorded, password) || (await readCredentials(nextOf(layout))) !== undefined;
}

/** Of several starters at once the first one's password is recorded, and all of them set that. */
async function changePassword(
  layout: PostgresLayout,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  options: StartOptions,
): Promise<void> {
  const recorded = await readCredentials(layout.credentials);
  const made = makeCredentials(recorded?.port ?? SEED.port, options.password);
  const next = await ensureCredentials(nextOf(layout), made);
  await removeReusedPid(layout);
  await setPassword(layout, binaries, user, next.password);
  await writePrivate(layout.credentials, JSON.stringify(next));
  await rm(nextOf(layout), { force: true });
  options.log.info('embedded PostgreSQL has another password');
}

async function ensurePort(
  layout: PostgresLayout,
  credentials: PostgresCredentials,
  log: Log,
): Promise<PostgresCredentials> {
  if (!addressOf(layout, credentials).listens) return credentials;
  // A killed server's sessions hold its port until they notice.
  for (let i = 0; i < PORT_LOOKS; i++) {
    if (await isFree(credentials.port)) return credentials;
    await pause(ATTEMPT_EVERY_MS);
  }
  const moved = await movePort(layout.credentials, credentials);
  log.warn(
    { from: credentials.port, to: moved.port },
    'the port of the embedded PostgreSQL is taken by another server',
  );
  return moved;
}

/** What goes away by itself: a port just taken, a dead postmaster's last session, another starter's lock file. */
const isPassing = (error: unknown): boolean =>
  /Address already in use|pre-existing shared memory block|lock file "postmaster.pid"/.test(messageOf(error));

/** Starts a server that died again, on its port, with growing pauses (0.25 to 8 s) while that fails. */
function watchServer(layout: PostgresLayout, first: RunningServer, credentials: PostgresCredentials, log: Log) {
  let server = first;
  let failures = 0;
  let nextTry = 0;
  let restarting: Promise<void> | undefined;
  const restart = async () => {
    log.warn({ pid: server.pid }, 'embedded PostgreSQL is gone: starting it again');
    try {
      const binaries = await installBinaries(layout.root);
      server = (await settledServer(layout)) ?? (await launchServer(layout, binaries, serverUser(layout), credentials));
      failures = 0;
      log.info({ pid: server.pid, port: server.port }, 'embedded PostgreSQL is ready');
    } catch (error) {
      nextTry = performance.now() + Math.min(WATCH_EVERY_MS * 2 ** failures++, 8_000);
      log.error({ err: messageOf(error) }, 'embedded PostgreSQL could not be started');
    }
  };
  const timer = setInterval(() => {
    if (restarting || performance.now() < nextTry || runningServer(layout)) return;
    restarting = restart().finally(() => (restarting = undefined));
  }, WATCH_EVERY_MS);
  timer.unref();
  return { end: () => clearInterval(timer), restarting: async () => restarting };
}
