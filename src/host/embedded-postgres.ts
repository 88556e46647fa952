import { rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { DataFolder } from './data-folder.ts';
import { installBinaries, removeOtherBinaries } from './postgres-binaries.ts';
import { ensureCluster } from './postgres-cluster.ts';
import {
  ensureCredentials,
  isFree,
  movePort,
  readCredentials,
  SEED,
  urlOf,
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
  launchServer,
  runningServer,
  ServerExitError,
  stopServer,
  waitGone,
  waitReady,
  type RunningServer,
} from './postgres-server.ts';

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
  /** The port to take at the very first start if it is free; the seed's unless a test says otherwise. */
  seedPort?: number;
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
  const found = await settledServer(layout);
  const server = found ?? (await startServer(layout, options));
  const { password } = await ensureCredentials(layout.credentials, server.port);
  log.info({ pid: server.pid, port: server.port, adopted: found !== undefined }, 'embedded PostgreSQL is ready');
  const watch = watchServer(layout, server, log);
  return {
    url: urlOf({ port: server.port, password }),
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
): Promise<{ running: boolean; pid?: number; url: string } | undefined> {
  const layout = findLayout(dataFolder);
  const credentials = await readCredentials(layout.credentials);
  if (credentials === undefined || dataVersion(layout) === undefined) return undefined;
  const server = runningServer(layout);
  if (server === undefined) return { running: false, url: urlOf(credentials) };
  return { running: true, pid: server.pid, url: urlOf({ ...credentials, port: server.port }) };
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
  let credentials = await ensureCredentials(layout.credentials, options.seedPort ?? SEED.port);
  await ensureCluster(layout, binaries, user, credentials.password);
  for (let attempt = 1; ; attempt++) {
    credentials = await ensurePort(layout, credentials, options.log);
    try {
      return await launchServer(layout, binaries, user, credentials.port);
    } catch (error) {
      if (attempt === ATTEMPTS || !isPassing(error)) throw error;
    }
    await pause(ATTEMPT_EVERY_MS);
    // Another starter may have been faster.
    const server = await settledServer(layout);
    if (server) return server;
  }
}

async function ensurePort(
  layout: PostgresLayout,
  credentials: PostgresCredentials,
  log: Log,
): Promise<PostgresCredentials> {
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
  error instanceof ServerExitError &&
  /Address already in use|pre-existing shared memory block|lock file "postmaster.pid"/.test(error.message);

/** Starts a server that died again, on its port, with growing pauses (0.25 to 8 s) while that fails. */
function watchServer(layout: PostgresLayout, first: RunningServer, log: Log) {
  let server = first;
  let failures = 0;
  let nextTry = 0;
  let restarting: Promise<void> | undefined;
  const restart = async () => {
    log.warn({ pid: server.pid }, 'embedded PostgreSQL is gone: starting it again');
    try {
      const binaries = await installBinaries(layout.root);
      server = (await settledServer(layout)) ?? (await launchServer(layout, binaries, serverUser(layout), first.port));
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
