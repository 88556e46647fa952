import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits for the thing, not for a time: looks until `look` gives a value that is not undefined or false, and fails with
 * the last error or `what` when the limit is over.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 60_000,
): Promise<T> {
  const until = performance.now() + limitMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until)
      throw new Error(`waited ${limitMs} ms in vain for: ${what}`, last === undefined ? undefined : { cause: last });
    await pause(10);
  }
}
