import type { Trigger } from '../api/records.ts';
import type { Clock, Timer } from '../base/clock.ts';

/**
 * Keys to look at. The promises are those of client-go's workqueue: a key is handed to one worker at a time; a key
 * added while it waits is in once; a key added while it is worked on comes again afterwards. Delayed keys keep their
 * earliest time. Nothing is remembered but keys and why: the world itself is read by the pass.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Trigger>();
  readonly #working = new Set<string>();
  readonly #again = new Map<string, Trigger>();
  readonly #delayed = new Map<string, { at: number; timer: Timer }>();
  #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get depth(): number {
    return this.#waiting.size + this.#again.size;
  }

  /** Nothing waits, nothing is worked on: only delayed keys may be left. */
  get idle(): boolean {
    return this.#waiting.size === 0 && this.#working.size === 0;
  }

  get nextDelayed(): number | undefined {
    const times = [...this.#delayed.values()].map((d) => d.at);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  add(key: string, trigger: Trigger): void {
    if (this.#closed) return;
    this.#cancelDelay(key);
    const into = this.#working.has(key) ? this.#again : this.#waiting;
    const first = into.get(key);
    into.set(key, first ? { ...first, more: (first.more ?? 0) + 1 } : trigger);
    if (into === this.#waiting) this.#serve();
  }

  addAfter(key: string, ms: number, trigger: Trigger): void {
    if (this.#closed) return;
    const at = this.#clock.monotonic() + ms;
    const pending = this.#delayed.get(key);
    if (pending && pending.at <= at) return;
    pending?.timer.cancel();
    const timer = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key, trigger);
    });
    this.#delayed.set(key, { at, timer });
  }

  /** The next key, when there is one; `undefined` when the queue was closed. Call `done` with it afterwards. */
  async take(): Promise<{ key: string; trigger: Trigger } | undefined> {
    for (;;) {
      if (this.#closed) return undefined;
      const first = this.#waiting.entries().next();
      if (!first.done) {
        const [key, trigger] = first.value;
        this.#waiting.delete(key);
        this.#working.add(key);
        return { key, trigger };
      }
      await new Promise<string | undefined>((resolve) => this.#takers.push(resolve));
    }
  }

  done(key: string): void {
    this.#working.delete(key);
    const trigger = this.#again.get(key);
    if (!trigger) return;
    this.#again.delete(key);
    this.add(key, trigger);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #serve(): void {
    this.#takers.shift()?.(undefined);
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }
}
