import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { sleep, type Clock } from '../../base/clock.ts';
import type { EngineCalls } from './calls.ts';

/** The Engine answers the start of a command a moment before there is a process: looks for it, and their distance in ms. */
const LOOKS = 50;
const LOOK_MS = 20;

/**
 * Ends a command that nobody listens to any more, as a closed terminal would: SIGTERM to its process group. The Engine
 * has no call for that, so the process is signalled by its number on the host. Where it is not to be seen from here (an
 * Engine on another machine or in another process namespace, a daemon without the right) it goes on by itself.
 */
export async function endExec(exec: Docker.Exec, containerId: string, calls: EngineCalls, clock: Clock): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    const { Running, ExitCode, Pid } = await calls.raw('inspectExec', () => exec.inspect());
    if (Running && Pid > 0) return terminate(Pid, containerId);
    if (ExitCode !== null) return;
    await sleep(clock, LOOK_MS);
  }
}

function terminate(pid: number, containerId: string): void {
  if (!isOf(containerId, pid)) return;
  try {
    // runc makes each command the leader of a session.
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended meanwhile, or is not ours to signal.
  }
}

/** By the kernel's word: the number may be another machine's, or another process's by now. */
function isOf(containerId: string, pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId);
  } catch {
    return false;
  }
}
