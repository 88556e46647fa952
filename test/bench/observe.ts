import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import type { TestDatabase } from '../support/postgres.ts';

/** The kernel's clock ticks in `/proc/PID/stat`: `getconf CLK_TCK`, 100 on every Linux that Node runs on. */
const TICKS_PER_S = 100;
/** A backend of PostgreSQL adds to the shared counters when it is idle, at most once a second. */
const COUNTED_AFTER_MS = 1_200;
/** These are written in a quiet world too. */
const EXEMPT = ['leases', 'api_keys', 'metrics_history', 'metrics_aggregates'];

/** Seconds of CPU, in user and kernel, that the process and its threads have used. */
export const cpuSeconds = (pid: number): number => ticksOf(pid, [11, 12]);

/** The same, with all of its children that have ended. */
export const cpuOfTree = (pid: number): number => ticksOf(pid, [11, 12, 13, 14]);

/** By the places of utime, stime, cutime and cstime behind the process's name (proc(5)). */
function ticksOf(pid: number, places: readonly number[]): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return places.reduce((sum, place) => sum + Number(fields[place]), 0) / TICKS_PER_S;
}

/** Megabytes (10^6): the most that was ever resident. */
export function peakMegabytes(pid: number): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
}

export const pidOf = (daemon: TestDaemon): number => {
  if (daemon.process.pid === undefined) throw new Error('the daemon has no process');
  return daemon.process.pid;
};

export function residentMegabytes(daemon: TestDaemon): number {
  const status = readFileSync(`/proc/${pidOf(daemon)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** Rows that were ever inserted, updated or deleted, but for what a quiet world may write, by table. */
export async function writesOf(database: TestDatabase): Promise<number> {
  await pause(COUNTED_AFTER_MS);
  const rows = await database.query<{ writes: string }>(
    `SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) AS writes FROM pg_stat_user_tables
     WHERE relname <> ALL ($1)`,
    [EXEMPT],
  );
  return Number(rows[0]?.writes);
}

/** Prometheus' text as numbers, by name and labels as they are written. */
export async function metricsOf(daemon: TestDaemon): Promise<Map<string, number>> {
  const { text } = await call(daemon, 'GET', '/metrics');
  const samples = text.split('\n').flatMap((line): [string, number][] => {
    const at = line.lastIndexOf(' ');
    return line.startsWith('#') || at < 0 ? [] : [[line.slice(0, at), Number(line.slice(at + 1))]];
  });
  return new Map(samples);
}

/** Calls to the Engine so far, by name. */
export async function engineCalls(daemon: TestDaemon): Promise<Map<string, number>> {
  const named = /^miniaws_engine_calls_total\{call="(\w+)"\}$/;
  return new Map(
    [...(await metricsOf(daemon))].flatMap(([key, count]): [string, number][] => {
      const name = named.exec(key)?.[1];
      return name === undefined ? [] : [[name, count]];
    }),
  );
}
