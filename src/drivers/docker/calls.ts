import pLimit from 'p-limit';
import { endsWithin, sleep, type Clock } from '../../base/clock.ts';
import { withDeadline } from './deadline.ts';
import { isUnreachable, passError } from './errors.ts';

/** Milliseconds. An inspect takes one and a list of a thousand containers seventy: beyond this, nobody is there. */
const READ_DEADLINE_MS = 10_000;
/** Milliseconds. A start takes 220 on an idle machine and queues behind others' on a busy one. */
export const CHANGE_DEADLINE_MS = 60_000;
/** The Engine's work is bound by its CPU: 4 at once are as many per second as 50, and each is sooner done. */
const CHANGES_AT_ONCE = 4;
/** Milliseconds after which a change no longer counts as work: what hangs, for one thing, holds up no other. */
const WORK_MS = 5_000;

/**
 * Every call to the Engine goes through here: counted, within a deadline (a call hangs for ever when dockerd dies in
 * the middle of its answer), its failure translated, and an Engine that does not answer reported.
 */
export class EngineCalls {
  readonly counts = new Map<string, number>();
  readonly #clock: Clock;
  readonly #suspect: () => void;
  readonly #limit = pLimit(CHANGES_AT_ONCE);

  constructor(clock: Clock, suspect: () => void) {
    this.#clock = clock;
    this.#suspect = suspect;
  }

  /** Rejects with what the Engine said, untranslated, for callers that look at the status. */
  async raw<T>(name: string, call: () => Promise<T>, deadlineMs = READ_DEADLINE_MS): Promise<T> {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    try {
      return await withDeadline(this.#clock, deadlineMs, call, name);
    } catch (error) {
      if (isUnreachable(error)) this.#suspect();
      throw error;
    }
  }

  /** One that changes the Engine's world, at most a few at a time. */
  change<T>(name: string, call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const turn = async () => {
        const change = this.raw(name, call, CHANGE_DEADLINE_MS);
        change.then(resolve, reject);
        await this.within(WORK_MS, change).catch(() => undefined);
      };
      void this.#limit(turn);
    });
  }

  within(ms: number, work: Promise<unknown>): Promise<boolean> {
    return endsWithin(this.#clock, ms, work);
  }

  /** Lets the Engine go on with what it is doing. */
  pause(ms: number): Promise<void> {
    return sleep(this.#clock, ms);
  }
}

/** A call that answers with a connection. One that comes after its deadline has nobody to end it, and is ended here. */
export function opened<T extends { destroy(): unknown }>(
  calls: EngineCalls,
  name: string,
  call: () => Promise<T>,
): Promise<T> {
  let late = false;
  const opening = async () => {
    const connection = await call();
    if (late) connection.destroy();
    return connection;
  };
  return calls.raw(name, opening).catch((error: unknown) => {
    late = true;
    throw error;
  });
}

/** Runs `work`; whatever it rejects with becomes a `PassError` that says what was being done. */
export async function translated<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw passError(error, doing);
  }
}
