/**
 * Resolves after `ms`, or at once when `signal` aborts. Unlike the daemon's timers this one keeps the process alive:
 * a command that waits to reconnect has nothing else that does.
 */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
