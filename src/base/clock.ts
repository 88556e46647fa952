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

export const systemClock: Clock = {
  now: () => new Date(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const handle = setTimeout(fn, ms);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

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
