/**
 * Time is injected: whatever waits or stamps asks a Clock, so that a test can step hours in microseconds
 * and no test sleeps.
 */
export interface Clock {
  /** Wall time. May jump in either direction; never measure a duration with it. */
  now(): Date;
  /** Milliseconds from an arbitrary origin, never going back. Deadlines and durations use this. */
  monotonic(): number;
  /** Runs `fn` once after `ms` milliseconds unless cancelled. A pending timer never keeps the process alive. */
  after(ms: number, fn: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Node's timers are 31 bits of milliseconds, and fire at once beyond. */
const LONGEST_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    let handle: NodeJS.Timeout;
    const wait = (left: number) => {
      const now = Math.min(left, LONGEST_MS);
      handle = setTimeout(() => (left > now ? wait(left - now) : fn()), now);
      handle.unref();
    };
    wait(ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Whether the promise ends within `ms`; rejects with the promise's own failure. The promise itself goes on. */
export function endsWithin(clock: Clock, ms: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => resolve(false));
    promise.then(() => resolve(true), reject).finally(() => timer.cancel());
  });
}

/** Resolves after `ms`, or at once when `signal` aborts. Never rejects: look at the signal afterwards. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
