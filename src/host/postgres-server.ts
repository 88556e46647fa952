import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { lastLines } from './command.ts';
import { SERVER_ENV } from './postgres-cluster.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { PostgresCredentials } from './postgres-credentials.ts';
import { socketFolder } from './postgres-layout.ts';
import type { PostgresLayout } from './postgres-layout.ts';
import { commandLine, identifyProcess, workingFolder } from './process-identity.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

/** A live server, as its `postmaster.pid` describes it. */
export interface RunningServer {
  pid: number;
  port: number;
  /** The folder of its socket; undefined when it has none. */
  socket: string | undefined;
  /** Whether it listens on 127.0.0.1. */
  listens: boolean;
  /** `starting`, `stopping`, `ready` or `standby`; empty in its very first moments. */
  status: string;
}

/** Between two looks at postmaster.pid, in milliseconds: a warm start takes about 50. */
const LOOK_EVERY_MS = 10;
/** Recovery after a crash replays at most max_wal_size (1 GB by default): minutes on a slow disk. */
const READY_LIMIT_MS = 5 * 60_000;
/** A fast shutdown ends all sessions and writes a checkpoint. */
const FAST_LIMIT_MS = 60_000;
/** An immediate shutdown writes nothing; postmaster itself kills what has not ended after 5 s. */
const IMMEDIATE_LIMIT_MS = 15_000;
/** The server prints little (warnings, starts, stops). At a start, a log of more bytes than this becomes `server.log.1`. */
const LOG_LIMIT = 4 * 1024 * 1024;

/**
 * The server that runs on this very data folder. A pid in `postmaster.pid` proves nothing after a crash or a reboot:
 * the process must also be a postgres that was started for the folder or works in it.
 */
export function runningServer(layout: PostgresLayout): RunningServer | undefined {
  const lines = pidFile(layout);
  const pid = livePid(lines);
  if (lines === undefined || pid === undefined || !isPostmaster(pid, layout)) return undefined;
  const [, , , port, socket, address, , status] = lines.map((line) => line.trim());
  return { pid, port: Number(port), socket: socket || undefined, listens: !!address, status: status ?? '' };
}

/** Sessions name themselves `postgres: …`; only the postmaster keeps the arguments that it was started with. */
function isPostmaster(pid: number, layout: PostgresLayout): boolean {
  const args = commandLine(pid) ?? [];
  if (basename(args[0] ?? '') !== 'postgres') return false;
  return args.includes(layout.data) || workingFolder(pid) === layout.data;
}

/**
 * PostgreSQL itself replaces the file of a dead postmaster, and uses it to find sessions that outlived it; but it does
 * not start while the pid in it lives, even when that is now some other program of the same user.
 */
export async function removeReusedPid(layout: PostgresLayout): Promise<void> {
  const pid = livePid(pidFile(layout));
  if (pid !== undefined && commandLine(pid) !== undefined && !isPostmaster(pid, layout)) {
    await rm(join(layout.data, 'postmaster.pid'), { force: true });
  }
}

function livePid(lines: readonly string[] | undefined): number | undefined {
  const pid = Number(lines?.[0]);
  return Number.isSafeInteger(pid) && pid > 0 && identifyProcess(pid) !== undefined ? pid : undefined;
}

/** What the embedded server calls itself, so that another data folder's daemon knows it for one. */
export const CLUSTER_NAME = 'miniaws-embedded';

/** Where a server of this layout is reached: by its socket alone, unless a person asked for 127.0.0.1 too or the socket cannot be. */
export function addressOf(layout: PostgresLayout, { port, isChosen }: PostgresCredentials) {
  const socket = socketFolder(layout, port);
  return { port, socket, listens: socket === undefined || isChosen === true };
}

/**
 * Starts the server and resolves when it answers. It is in a session of its own with its output
 * in a file, so that it outlives this process however that ends. Throws what it said when it ends instead.
 */
export async function launchServer(
  layout: PostgresLayout,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  credentials: PostgresCredentials,
): Promise<RunningServer> {
  await removeReusedPid(layout);
  const { port, socket, listens } = addressOf(layout, credentials);
  if (socket !== undefined) await makeSocketFolder(socket, user);
  const log = await openLog(layout.log);
  try {
    const from = (await log.stat()).size;
    const settings = [
      `port=${port}`,
      `cluster_name=${CLUSTER_NAME}`,
      `listen_addresses=${listens ? '127.0.0.1' : ''}`,
      // A list: quoted, a comma in a path is no separator.
      `unix_socket_directories=${socket === undefined ? '' : `"${socket.replaceAll('"', '""')}"`}`,
      'unix_socket_permissions=0600',
      'timezone=UTC',
      'log_timezone=UTC',
    ];
    const child = spawn(binaries.postgres, ['-D', layout.data, ...settings.flatMap((s) => ['-c', s])], {
      cwd: layout.data,
      detached: true,
      env: SERVER_ENV,
      stdio: ['ignore', log.fd, log.fd],
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    let exited = false;
    child.once('exit', () => (exited = true));
    await once(child, 'spawn');
    child.unref();
    const server = await waitReady(layout, () => exited);
    if (server) return server;
    throw new Error(`the embedded PostgreSQL did not start: ${lastLines(await readFrom(layout.log, from))}`);
  } finally {
    await log.close();
  }
}

async function makeSocketFolder(folder: string, user: UnprivilegedUser | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  if (user) await chown(folder, user.uid, user.gid);
}

/** Waits until the server answers; undefined when it is gone (`hasExited`). Throws when neither comes in time. */
export async function waitReady(layout: PostgresLayout, hasExited: () => boolean): Promise<RunningServer | undefined> {
  const deadline = systemClock.monotonic() + READY_LIMIT_MS;
  while (systemClock.monotonic() < deadline) {
    const server = runningServer(layout);
    if (server?.status === 'ready') return server;
    if (hasExited()) return undefined;
    await pause(LOOK_EVERY_MS);
  }
  throw new Error(`the embedded PostgreSQL is not ready after ${READY_LIMIT_MS / 1000} s: see ${layout.log}`);
}

/**
 * Stops the server and resolves when it is gone: fast (sessions are ended, everything is written), then immediate
 * (recovers at the next start). Never SIGKILL: it would leave shared memory and children behind.
 */
export async function stopServer(layout: PostgresLayout): Promise<void> {
  for (const [signal, limit] of [
    ['SIGINT', FAST_LIMIT_MS],
    ['SIGQUIT', IMMEDIATE_LIMIT_MS],
  ] as const) {
    const server = runningServer(layout);
    if (server === undefined) return;
    process.kill(server.pid, signal);
    if (await waitGone(server.pid, limit)) return;
  }
  throw new Error(`the embedded PostgreSQL (process ${runningServer(layout)?.pid}) does not stop: see ${layout.log}`);
}

/** Whether the process ended within `limit` milliseconds. */
export async function waitGone(pid: number, limit: number): Promise<boolean> {
  const identity = identifyProcess(pid);
  const deadline = systemClock.monotonic() + limit;
  while (identity !== undefined && identifyProcess(pid)?.startTime === identity.startTime) {
    if (systemClock.monotonic() > deadline) return false;
    await pause(LOOK_EVERY_MS);
  }
  return true;
}

function pidFile(layout: PostgresLayout): string[] | undefined {
  try {
    return readFileSync(join(layout.data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
}

async function openLog(path: string): Promise<FileHandle> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size > LOG_LIMIT) await rename(path, `${path}.1`);
  return open(path, 'a', 0o600);
}

const readFrom = async (path: string, offset: number): Promise<string> =>
  (await readFile(path)).subarray(offset).toString('utf8');
