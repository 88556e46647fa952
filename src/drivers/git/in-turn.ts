import type { LimitFunction } from 'p-limit';

/** Runs the task when the limit allows it. What waits gives up at once when its signal aborts; what runs ends by itself. */
export function inTurn<T>(limit: LimitFunction, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let running = false;
    const abort = () => {
      if (!running) reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    limit(() => {
      signal.throwIfAborted();
      running = true;
      return task();
    })
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}
