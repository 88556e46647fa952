import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { lastLines } from './command.ts';
import { SERVER_ENV } from './postgres-cluster.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import type { PostgresLayout } from './postgres-layout.ts';
import { commandLine, identifyProcess, workingFolder } from './process-identity.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

/** A live server, as its `postmaster.pid` describes it. */
export interface RunningServer {
  pid: number;
  port: number;
  /** `starting`, `stopping`, `ready` or `standby`; empty in its very first moments. */
  status: string;
}

/** The server ended instead of starting; the message has what it said. */
export class ServerExitError extends Error {
  override readonly name = 'ServerExitError';
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
  return { pid, port: Number(lines[3]), status: (lines[7] ?? '').trim() };
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
async function removeReusedPid(layout: PostgresLayout): Promise<void> {
  const pid = livePid(pidFile(layout));
  if (pid !== undefined && commandLine(pid) !== undefined && !isPostmaster(pid, layout)) {
    await rm(join(layout.data, 'postmaster.pid'), { force: true });
  }
}

function livePid(lines: readonly string[] | undefined): number | undefined {
  const pid = Number(lines?.[0]);
  return Number.isSafeInteger(pid) && pid > 0 && identifyProcess(pid) !== undefined ? pid : undefined;
}

/**
 * Starts the server on `port` of 127.0.0.1 and resolves when it answers. It is in a session of its own with its output
 * in a file, so that it outlives this process however that ends. Throws a ServerExitError when it ends instead.
 */
export async function launchServer(
  layout: PostgresLayout,
  binaries: PostgresBinaries,
  user: UnprivilegedUser | undefined,
  port: number,
): Promise<RunningServer> {
  await removeReusedPid(layout);
  const log = await openLog(layout.log);
  try {
    const from = (await log.stat()).size;
    const settings = [
      `port=${port}`,
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
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
    throw new ServerExitError(`the embedded PostgreSQL did not start: ${lastLines(await readFrom(layout.log, from))}`);
  } finally {
    await log.close();
  }
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
