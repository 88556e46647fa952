/** Milliseconds of one slice of long work: what else waits for the event loop waits no longer. */
const SLICE_MS = 2;

/** Long work in slices: one slice at each turn of the event loop, whoever's it is, so that all of it together delays nobody. */
class Turns {
  readonly #waiting: (() => void)[] = [];

  /** Resolves when a slice may begin, with when it has to end, by `performance.now()`. */
  next(): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(performance.now() + SLICE_MS));
      if (this.#waiting.length === 1) setImmediate(() => this.#serve());
    });
  }

  /** Does something with each, in slices. */
  async each<T>(items: Iterable<T>, work: (item: T) => Promise<void> | void): Promise<void> {
    let until = await this.next();
    for (const item of items) {
      if (performance.now() > until) until = await this.next();
      const working = work(item);
      if (working) await working;
    }
  }

  #serve(): void {
    this.#waiting.shift()?.();
    if (this.#waiting.length > 0) setImmediate(() => this.#serve());
  }
}

/** Of this process: its event loop is one. */
export const turns = new Turns();
