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
  #closed = false;
  readonly #readers = new Set<{ wake: () => void }>();
  /** What the last reader got: a thousand readers at one cursor get the same. */
  #newest: { after: number; records: readonly T[] } | undefined;
  readonly #load: (after: number, limit: number) => Promise<readonly T[]>;

  constructor(start: number, load: (after: number, limit: number) => Promise<readonly T[]>) {
    this.#complete = start;
    this.#load = load;
  }

  push(records: readonly T[]): void {
    if (records.length === 0) return;
    this.#ring.push(...records);
    if (this.#ring.length > RING * 2) {
      const cut = this.#ring.splice(0, this.#ring.length - RING);
      this.#complete = cut.at(-1)?.revision ?? this.#complete;
    }
    this.#wake();
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
    this.#wake();
  }

  /** Every reader's reading ends. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    this.#newest = undefined;
    for (const reader of this.#readers) reader.wake();
  }

  /** `newest`: asked once, when reading begins. */
  async *read(from: number, newest: () => Promise<number>, signal: AbortSignal): AsyncGenerator<readonly T[]> {
    const known = await newest();
    if (from > known) throw expired(from, `the newest revision is ${known}; the database was restored`);
    const generation = this.#generation;
    const reader = { wake: (): void => undefined };
    let left = signal.aborted;
    const leave = () => {
      left = true;
      reader.wake();
    };
    this.#readers.add(reader);
    signal.addEventListener('abort', leave, { once: true });
    let cursor = from;
    try {
      while (!left && !this.#closed) {
        if (generation !== this.#generation)
          throw expired(
            cursor,
            'the database was restored, or this daemon stood still for longer than changes are kept',
          );
        if (cursor < this.#horizon) throw expired(cursor, `the oldest that is kept is ${this.#horizon}`);
        const complete = this.#complete;
        const behind = cursor < complete;
        const batch = behind
          ? (await this.#load(cursor, PAGE)).filter((r) => r.revision <= complete)
          : this.#after(cursor);
        if (behind && cursor < this.#horizon) continue; // compacted away while it was loaded
        if (batch.length > 0) {
          cursor = batch.at(-1)?.revision ?? cursor;
          yield batch;
        } else if (behind) {
          cursor = complete; // nothing lies between: the ring goes on from here
        } else {
          await new Promise<void>((resolve) => (reader.wake = resolve));
        }
      }
    } finally {
      this.#readers.delete(reader);
      signal.removeEventListener('abort', leave);
    }
  }

  #after(cursor: number): readonly T[] {
    if (this.#newest?.after === cursor) return this.#newest.records;
    let low = 0;
    let high = this.#ring.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ring[middle]?.revision ?? 0) <= cursor) low = middle + 1;
      else high = middle;
    }
    const records = this.#ring.slice(low);
    this.#newest = { after: cursor, records };
    return records;
  }
}

const expired = (from: number, why: string) =>
  new StatusError('Expired', `too old or unknown resource version ${from}: ${why}. List again and watch from there.`);
