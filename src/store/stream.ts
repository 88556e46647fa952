import { StatusError } from '../base/errors.ts';

/** How many records are kept in memory for watchers; one that falls further behind reads from the database. */
const RING = 8192;
/** Records per read of a watcher that catches up from the database. */
const PAGE = 500;

interface Numbered {
  readonly revision: number;
}

/**
 * One ordered feed with any number of readers. A reader is a cursor into a shared ring, so that a thousand readers
 * that never read cost nothing, and a slow one is never sent past a gap (I7).
 */
export class Stream<T extends Numbered> {
  #ring: T[] = [];
  /** Everything after this revision is in the ring. */
  #complete: number;
  #horizon = 0;
  #generation = 0;
  readonly #wakers = new Set<() => void>();
  readonly #load: (after: number, limit: number) => Promise<readonly T[]>;

  constructor(start: number, load: (after: number, limit: number) => Promise<readonly T[]>) {
    this.#complete = start;
    this.#load = load;
  }

  get readers(): number {
    return this.#wakers.size;
  }

  push(records: readonly T[]): void {
    if (records.length === 0) return;
    this.#ring.push(...records);
    if (this.#ring.length > RING * 2) {
      const cut = this.#ring.splice(0, this.#ring.length - RING);
      this.#complete = cut.at(-1)?.revision ?? this.#complete;
    }
    for (const wake of this.#wakers) wake();
  }

  /** Nothing at or before this revision can be read any more. */
  setHorizon(horizon: number): void {
    this.#horizon = Math.max(this.#horizon, horizon);
  }

  /** The feed went back in time: every reader gets 410 and lists anew. */
  restart(at: number, horizon: number): void {
    this.#ring = [];
    this.#complete = at;
    this.#horizon = horizon;
    this.#generation++;
    for (const wake of this.#wakers) wake();
  }

  async *read(from: number, newest: number, signal: AbortSignal): AsyncGenerator<readonly T[]> {
    if (from > newest) throw expired(from, `the newest revision is ${newest}; the database was restored`);
    const generation = this.#generation;
    let cursor = from;
    while (!signal.aborted) {
      if (generation !== this.#generation) throw expired(cursor, 'the database was restored');
      if (cursor < this.#horizon) throw expired(cursor, `the oldest that is kept is ${this.#horizon}`);
      const complete = this.#complete;
      const behind = cursor < complete;
      const batch = behind
        ? (await this.#load(cursor, PAGE)).filter((r) => r.revision <= complete)
        : this.#after(cursor);
      if (batch.length > 0) {
        cursor = batch.at(-1)?.revision ?? cursor;
        yield batch;
      } else if (behind) {
        cursor = complete; // nothing lies between: the ring goes on from here
      } else {
        await this.#more(cursor, signal);
      }
    }
  }

  #after(cursor: number): readonly T[] {
    let low = 0;
    let high = this.#ring.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ring[middle]?.revision ?? 0) <= cursor) low = middle + 1;
      else high = middle;
    }
    return this.#ring.slice(low);
  }

  #more(cursor: number, signal: AbortSignal): Promise<void> {
    const last = this.#ring.at(-1);
    if (last && last.revision > cursor) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#wakers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wakers.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

const expired = (from: number, why: string) =>
  new StatusError('Expired', `too old or unknown resource version ${from}: ${why}. List again and watch from there.`);
