import type { Clock } from '../base/clock.ts';
import { StatusError } from '../base/errors.ts';

/** Failures that may come at once; afterwards, one for each `REFILL_MS`. */
const BURST = 20;
const REFILL_MS = 1_000;
/** Addresses and keys that are remembered: the oldest are forgotten, as if they had not failed. */
const REMEMBERED = 10_000;

interface Bucket {
  left: number;
  at: number;
}

/**
 * Slows down who fails to sign in: by the address, and by the key that was tried, wherever it was tried from. Only failures
 * are counted and only failures are refused, so that nobody is locked out by another one.
 */
export class FailureLimit {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws TooManyRequests where there were too many. */
  failed(address: string, keyHash: string | undefined): void {
    const names = [`address ${address}`, ...(keyHash === undefined ? [] : [`key ${keyHash}`])];
    const waits = names.map((name) => this.#take(name));
    const waitMs = Math.max(...waits);
    if (waitMs === 0) return;
    const retryAfterSeconds = Math.ceil(waitMs / 1_000);
    throw new StatusError(
      'TooManyRequests',
      `too many attempts with keys that are not good: try again in ${retryAfterSeconds} s`,
      { details: { retryAfterSeconds } },
    );
  }

  /** Milliseconds until the next one is free; 0: this one was. */
  #take(name: string): number {
    const now = this.#clock.monotonic();
    const known = this.#buckets.get(name) ?? { left: BURST, at: now };
    const left = Math.min(BURST, known.left + (now - known.at) / REFILL_MS);
    // The newest stand at the end.
    this.#buckets.delete(name);
    this.#buckets.set(name, { left: Math.max(0, left - 1), at: now });
    const oldest = this.#buckets.size > REMEMBERED ? this.#buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.#buckets.delete(oldest);
    return left >= 1 ? 0 : Math.max(1, (1 - left) * REFILL_MS);
  }
}
