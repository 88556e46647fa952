/** A process that tries to take the lock at a path, says how that went, and holds it until its input ends. */
import { acquireLock, LockHeldError, type DaemonLock } from '../../../src/host/daemon-lock.ts';

let lock: DaemonLock | undefined;
try {
  lock = await acquireLock(process.argv[2] ?? '');
} catch (error) {
  if (!(error instanceof LockHeldError)) throw error;
}
console.log(lock ? 'held' : 'refused');
process.stdin.resume().on('end', () => void lock?.release());
