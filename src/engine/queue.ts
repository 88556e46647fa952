import type { Trigger } from '../api/records.ts';
import type { Clock, Timer } from '../base/clock.ts';

/** Who goes first: 0 what a person changed, 1 what the world did, 2 what the daemon looks at of its own accord. */
const PRIORITY: Readonly<Record<Trigger['type'], 0 | 1 | 2>> = {
  spec: 0,
  dependency: 1,
  engine: 1,
  git: 1,
  health: 1,
  metric: 1,
  schedule: 1,
  storage: 1,
  retry: 2,
  resync: 2,
  start: 2,
};
/** Which priority each take prefers, in turn: the lower ones are slower, and none waits for ever. */
const TURNS = [0, 0, 1, 0, 0, 1, 0, 2] as const;

/** Keys of one priority by kind and namespace, each of which has its turn. */
class Band {
  readonly #flows = new Map<string, Map<string, Trigger>>();

  get(key: string): Trigger | undefined {
    return this.#flows.get(flowOf(key))?.get(key);
  }

  set(key: string, trigger: Trigger): void {
    const flow = this.#flows.get(flowOf(key)) ?? new Map<string, Trigger>();
    this.#flows.set(flowOf(key), flow.set(key, trigger));
  }

  delete(key: string): void {
    const flow = this.#flows.get(flowOf(key));
    flow?.delete(key);
    if (flow?.size === 0) this.#flows.delete(flowOf(key));
  }

  /** The first key of the flow whose turn it is; that flow goes to the end. */
  shift(): { key: string; trigger: Trigger } | undefined {
    const [name, flow] = this.#flows.entries().next().value ?? [];
    const [key, trigger] = flow?.entries().next().value ?? [];
    if (name === undefined || flow === undefined || key === undefined || trigger === undefined) return undefined;
    flow.delete(key);
    this.#flows.delete(name);
    if (flow.size > 0) this.#flows.set(name, flow);
    return { key, trigger };
  }

  clear(): void {
    this.#flows.clear();
  }
}

/** A key is `Kind/namespace/name`. */
const flowOf = (key: string): string => key.slice(0, Math.max(0, key.lastIndexOf('/')));

/**
 * Keys to look at. The promises are those of client-go's workqueue: a key is handed to one worker at a time; a key
 * added while it waits is in once; a key added while it is worked on comes again afterwards. Delayed keys keep their
 * earliest time. Nothing is remembered but keys and why: the world itself is read by the pass.
 *
 * It is fair as client-go's priority queue: a change of a person goes before a resync, and kinds and namespaces take
 * turns, so that ten thousand keys that fail do not delay a new one.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #bands = [new Band(), new Band(), new Band()] as const;
  /** Where each key waits. */
  readonly #waiting = new Map<string, Band>();
  readonly #working = new Set<string>();
  readonly #again = new Map<string, Trigger>();
  readonly #delayed = new Map<string, { at: number; timer: Timer }>();
  #takers: ((key: string | undefined) => void)[] = [];
  #takes = 0;
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
    if (this.#working.has(key)) {
      this.#again.set(key, merged(this.#again.get(key), trigger));
      return;
    }
    const band = this.#waiting.get(key);
    this.#wait(key, merged(band?.get(key), trigger), band);
    if (!band) this.#serve();
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
      const next = this.#next();
      if (next) {
        this.#waiting.delete(next.key);
        this.#working.add(next.key);
        return next;
      }
      await new Promise<string | undefined>((resolve) => this.#takers.push(resolve));
    }
  }

  /** As if it had been taken: it is worked on already. */
  hold(key: string): void {
    this.#working.add(key);
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
    for (const band of this.#bands) band.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  /** One that stays in its band keeps its place there. */
  #wait(key: string, trigger: Trigger, before: Band | undefined): void {
    const band = this.#bands[PRIORITY[trigger.type]];
    if (band !== before) before?.delete(key);
    this.#waiting.set(key, band);
    band.set(key, trigger);
  }

  #next(): { key: string; trigger: Trigger } | undefined {
    if (this.#waiting.size === 0) return undefined;
    const preferred = TURNS[this.#takes++ % TURNS.length] ?? 0;
    for (const band of [this.#bands[preferred], ...this.#bands]) {
      const next = band.shift();
      if (next) return next;
    }
    return undefined;
  }

  #serve(): void {
    this.#takers.shift()?.(undefined);
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.timer.cancel();
    this.#delayed.delete(key);
  }
}

/** The cause that goes first is told, the earlier of two alike; the others are counted. */
function merged(first: Trigger | undefined, next: Trigger): Trigger {
  if (!first) return next;
  const told = PRIORITY[next.type] < PRIORITY[first.type] ? next : first;
  return { ...told, more: (first.more ?? 0) + (next.more ?? 0) + 1 };
}
