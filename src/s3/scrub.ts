import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Term } from '../engine/leader.ts';
import { checkBucket } from './bucket-check.ts';
import type { Objects } from './objects.ts';

/** Milliseconds after the beginning of a term, and from the end of one reading of everything to the beginning of the next. */
const [FIRST_MS, EVERY_MS] = [600_000, 86_400_000];
/** A disk has other things to do. */
const BYTES_PER_SECOND = 20 << 20;

export interface ScrubParts {
  objects: Objects;
  /** Names of all that there are. */
  buckets: () => readonly string[];
  clock: Clock;
  log: Log;
}

/** Reads every object from time to time, slowly, to know of damage before somebody needs it. Reports; changes nothing. */
export class Scrub {
  readonly #parts: ScrubParts;

  constructor(parts: ScrubParts) {
    this.#parts = parts;
  }

  async run({ signal }: Pick<Term, 'signal'>): Promise<void> {
    const { clock, log } = this.#parts;
    for (let waitMs = FIRST_MS; !signal.aborted; waitMs = EVERY_MS) {
      await sleep(clock, waitMs, signal);
      try {
        for (const bucket of signal.aborted ? [] : this.#parts.buckets()) await this.#readAll(bucket, signal);
      } catch (error) {
        if (!signal.aborted)
          log.warn({ err: messageOf(error) }, 'objects could not all be read: they are read again tomorrow');
      }
    }
  }

  async #readAll(bucket: string, signal: AbortSignal): Promise<void> {
    const { objects, clock } = this.#parts;
    for await (const told of checkBucket(objects, bucket)) {
      if ('bytes' in told) await sleep(clock, (told.bytes * 1_000) / BYTES_PER_SECOND, signal);
      if (signal.aborted) return;
    }
  }
}
