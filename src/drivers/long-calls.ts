import { endsWithin } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Change, Owner } from './compute.ts';

/** Failures that are kept for callers who may never come back. */
const MAX_FAILURES = 1_000;

interface LongCall {
  done: Promise<void>;
  /** For a person: `40 %`. */
  progress: string;
  /** Who asked and was not told of the end yet, by uid. */
  readonly waiting: Map<string, Owner>;
}

/**
 * Calls that take longer than a pass may: pulls, stops. Each is under way once, however many ask for it. One that
 * fails after its callers stopped waiting is kept for each of them, so that their next call hears why instead of
 * starting over in silence.
 */
export class LongCalls {
  readonly #clock: Clock;
  readonly #notify: (change: Change) => void;
  readonly #underWay = new Map<string, LongCall>();
  /** By what was called, and for whom. */
  readonly #failures = new Map<string, unknown>();

  constructor(clock: Clock, notify: (change: Change) => void) {
    this.#clock = clock;
    this.#notify = notify;
  }

  /** What to say of it while it is under way. */
  progress(what: string): string | undefined {
    return this.#underWay.get(what)?.progress;
  }

  /**
   * Whether it ended well within `waitMs`. A later end is a `Change` for the owner. `what` is its name, for a person
   * too: `the pull of image app:2`.
   */
  async join(
    what: string,
    owner: Owner,
    waitMs: number,
    start: (progress: (text: string) => void) => Promise<void>,
  ): Promise<boolean> {
    this.#throwEarlierFailure(what, owner);
    const call = this.#underWay.get(what) ?? this.#begin(what, start);
    // It may end at the very moment at which the wait does.
    const ended = (await endsWithin(this.#clock, waitMs, call.done)) || this.#underWay.get(what) !== call;
    if (!ended) call.waiting.set(owner.uid, owner);
    else await call.done;
    return ended;
  }

  #begin(what: string, start: (progress: (text: string) => void) => Promise<void>): LongCall {
    const call: LongCall = { done: Promise.resolve(), progress: 'just begun', waiting: new Map() };
    this.#underWay.set(what, call);
    call.done = start((text) => (call.progress = text)).finally(() => this.#underWay.delete(what));
    call.done.then(
      () => this.#tell(call, `${what} has ended`),
      (error: unknown) => this.#fail(what, call, error),
    );
    return call;
  }

  #fail(what: string, call: LongCall, error: unknown): void {
    for (const uid of call.waiting.keys()) this.#failures.set(`${uid} ${what}`, error);
    while (this.#failures.size > MAX_FAILURES) this.#failures.delete(this.#failures.keys().next().value ?? '');
    this.#tell(call, `${what} failed: ${messageOf(error)}`);
  }

  #tell(call: LongCall, what: string): void {
    for (const owner of call.waiting.values()) this.#notify({ owner, what });
  }

  #throwEarlierFailure(what: string, owner: Owner): void {
    const key = `${owner.uid} ${what}`;
    if (!this.#failures.has(key)) return;
    const failure = this.#failures.get(key);
    this.#failures.delete(key);
    throw failure;
  }
}

export const pullOf = (reference: string): string => `the pull of image ${reference}`;

/** One with another grace is another call: a shorter one ends a longer one early. */
export const stopOf = (id: string, graceMs: number): string =>
  `the stop of container ${id.slice(0, 12)} within ${Math.ceil(graceMs / 1000)} s`;
