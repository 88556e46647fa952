import type { Clock, Timer } from '../base/clock.ts';

/** Time that stands still until it is stepped; everything due in between happens in order. */
export class ManualClock implements Clock {
  readonly #consequences: () => Promise<void>;
  #now: number;
  #monotonic = 0;
  #next = 1;
  readonly #timers = new Map<number, { at: number; fn: () => void }>();

  /** `consequences`: lets what a step has set going happen before the next one. */
  constructor(consequences: () => Promise<void> = breathe, start = '2026-01-01T00:00:00Z') {
    this.#consequences = consequences;
    this.#now = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#now);
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, fn: () => void): Timer {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#monotonic + Math.max(0, ms), fn });
    return { cancel: () => void this.#timers.delete(id) };
  }

  /** The wall clock alone jumps, in either direction (F14). */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** When the next timer is due, in milliseconds from now. */
  get nextIn(): number | undefined {
    const times = [...this.#timers.values()].map((t) => t.at);
    return times.length === 0 ? undefined : Math.max(0, Math.min(...times) - this.#monotonic);
  }

  /** Moves on, running what comes due, and lets each thing's consequences happen before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!due) break;
      const [id, timer] = due;
      this.#timers.delete(id);
      this.#move(timer.at - this.#monotonic);
      timer.fn();
      await this.#consequences();
    }
    this.#move(end - this.#monotonic);
    await this.#consequences();
  }

  #move(ms: number): void {
    this.#monotonic += ms;
    this.#now += ms;
  }
}

/** Lets promises and immediates run until there is a pause: no timer is involved. */
export async function breathe(rounds = 4): Promise<void> {
  for (let i = 0; i < rounds; i++) await new Promise((resolve) => setImmediate(resolve));
}
