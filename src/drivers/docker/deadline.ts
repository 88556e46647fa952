import { AsyncLocalStorage } from 'node:async_hooks';
import type { ClientRequest } from 'node:http';
import type { Clock } from '../../base/clock.ts';

/** Of the call whose requests are being made: aborted at its deadline. */
const deadlines = new AsyncLocalStorage<AbortSignal>();

/** What the deadline throws, and what a request dies of whose answer is too late. */
const lateError = (what: string, ms: number): Error =>
  Object.assign(new Error(`${what}: no answer within ${ms} ms`), { code: 'ETIMEDOUT' });

/**
 * What the call comes to, or after `ms` a rejection with the code `ETIMEDOUT`. Its requests that have no answer by then
 * are given up, so that a thing which never answers does not collect connections.
 */
export function withDeadline<T>(clock: Clock, ms: number, call: () => Promise<T>, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = new AbortController();
    const timer = clock.after(ms, () => {
      const late = lateError(what, ms);
      reject(late);
      deadline.abort(late);
    });
    deadlines
      .run(deadline.signal, async () => call())
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}

/** To be told of every request when it is made. */
export function endAtDeadline(request: ClientRequest): void {
  const deadline = deadlines.getStore();
  if (!deadline) return;
  const end = () => request.destroy(deadline.reason as Error);
  deadline.addEventListener('abort', end, { once: true });
  request.once('close', () => deadline.removeEventListener('abort', end));
}
