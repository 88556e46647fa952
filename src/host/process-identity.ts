import { readFileSync, readlinkSync } from 'node:fs';

/**
 * One process, told apart from a later one with the same pid. Compared as a whole: after a reboot a container's or a
 * boot service's pid and start tick can be the same again, its boot id cannot.
 */
export interface ProcessIdentity {
  pid: number;
  /** `<boot id>/<start time in clock ticks since boot>`; null where there is no /proc, and then only the pid counts. */
  startTime: string | null;
}

/** Who `pid` is now; undefined when there is no such process, or it is dead and merely not yet reaped (a zombie). */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const bootId = readOr('/proc/sys/kernel/random/boot_id')?.trim();
  if (bootId === undefined) return answersSignals(pid) ? { pid, startTime: null } : undefined;
  const stat = readOr(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the command in parentheses and may hold any character: count from the last one. proc(5)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, startTime: `${bootId}/${startTicks ?? ''}` };
}

export const ownIdentity = (): ProcessIdentity => identifyProcess(process.pid) ?? { pid: process.pid, startTime: null };

/** Whether that very process, and not another one with its pid, lives. */
export function isAlive(process: ProcessIdentity): boolean {
  const now = identifyProcess(process.pid);
  return (
    now !== undefined && (now.startTime === process.startTime || now.startTime === null || process.startTime === null)
  );
}

/** The arguments that `pid` was started with, its program's name first; undefined where they cannot be read. */
export const commandLine = (pid: number): string[] | undefined => readOr(`/proc/${pid}/cmdline`)?.split('\0');

/** The folder that `pid` works in. Of another user's process even root reads it only with CAP_SYS_PTRACE. */
export function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function answersSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
