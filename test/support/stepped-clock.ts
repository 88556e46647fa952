import type { Clock, Timer } from '../../src/base/clock.ts';

/** A clock that stands still until it is stepped. Between two timers everything that is ready to run has run. */
export class SteppedClock implements Clock {
  #elapsed = 0;
  #timers: { at: number; fn: () => void }[] = [];

  now(): Date {
    return new Date(Date.UTC(2030, 0, 1) + this.#elapsed);
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, fn: () => void): Timer {
    const timer = { at: this.#elapsed + ms, fn };
    this.#timers.push(timer);
    return { cancel: () => void (this.#timers = this.#timers.filter((t) => t !== timer)) };
  }

  async step(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    await settled();
    for (let next = this.#nextBefore(until); next; next = this.#nextBefore(until)) {
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.fn();
      await settled();
    }
    this.#elapsed = until;
  }

  #nextBefore(until: number): { at: number; fn: () => void } | undefined {
    const due = this.#timers.filter((timer) => timer.at <= until);
    return due.toSorted((a, b) => a.at - b.at)[0];
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
