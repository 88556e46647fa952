import type { Clock } from '../base/clock.ts';

/** Milliseconds for which one look serves all gauges: a scrape asks them one after the other. */
const SHARED_MS = 500;

/** The same look, taken once for all that ask for it together. */
export function sharedLook<T>(clock: Clock, look: () => Promise<T>): () => Promise<T> {
  let last: { at: number; look: Promise<T> } | undefined;
  return () => {
    const now = clock.monotonic();
    if (!last || now - last.at > SHARED_MS) last = { at: now, look: look() };
    return last.look;
  };
}
