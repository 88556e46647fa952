import type { Container } from '../../drivers/compute.ts';
import type { InstancePhase } from './types.ts';

/** So many restarts in a row make a crash loop. */
const LOOP = 3;

/** Whether its process has ended badly: the time to show what it wrote last. */
export const crashed = (c: Container): boolean =>
  c.state === 'restarting' ||
  (c.restarts > 0 && c.exitCode !== 0) ||
  (c.state === 'exited' && c.exitCode !== undefined && c.exitCode !== 0);

/** Shells, and the init of a container, say by these two that there was nothing to run. */
const NOT_RUN: Record<number, string> = {
  126: ' (the command cannot be executed)',
  127: ' (the command was not found)',
};
export const exitWords = (code: number): string => `exit code ${code}${NOT_RUN[code] ?? ''}`;

export const crashWords = ({ restarts }: Container): { phase: InstancePhase; reason: string } =>
  restarts >= LOOP
    ? { phase: 'CrashLoopBackOff', reason: 'CrashLoopBackOff' }
    : { phase: 'Starting', reason: 'Restarted' };

export function crashMessage(container: Container, then: string): string {
  // The Engine forgets the exit code when it starts the process again.
  const code = container.exitCode === undefined ? '' : ` with ${exitWords(container.exitCode)}`;
  const why = container.oomKilled ? 'ran out of memory' : `ended${code}`;
  return `its process ${why} and was restarted ${container.restarts} ${container.restarts === 1 ? 'time' : 'times'}; ${then}`;
}
