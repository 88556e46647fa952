/** First wait after a failure; small, because most failures are races that are over by then. */
const FIRST_MS = 250;
/** Longest wait: what a person who repaired something has to wait at most without touching the daemon. */
const LONGEST_MS = 30_000;
/** Each wait is up to this share shorter, so that keys that failed together do not come back together. */
const JITTER = 0.25;

/** How long each key waits before its next try: doubling, with jitter, until it succeeds. */
export class Backoff {
  readonly #failures = new Map<string, number>();
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Milliseconds until the next try, counting this failure. */
  next(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    return this.#jittered(Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16)));
  }

  /** The slowest rate, for what only a person can mend. */
  slowest(): number {
    return this.#jittered(LONGEST_MS);
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  reset(key: string): void {
    this.#failures.delete(key);
  }

  #jittered(ms: number): number {
    return Math.round(ms * (1 - JITTER * this.#random()));
  }
}
