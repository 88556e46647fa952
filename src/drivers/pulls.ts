import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Change, ImageState, Owner } from './compute.ts';

interface Pull {
  done: Promise<void>;
  progress: string;
  /** Who asked and was answered `pulling`, by uid: told of its end. */
  readonly waiting: Map<string, Owner>;
}

/**
 * Pulls under way: one for each reference, however many ask. One that fails after its callers stopped waiting is
 * kept for each of them, so that their next call hears why instead of starting over in silence.
 */
export class Pulls {
  readonly #clock: Clock;
  readonly #notify: (change: Change) => void;
  readonly #underWay = new Map<string, Pull>();
  readonly #failures = new Map<string, Map<string, unknown>>();

  constructor(clock: Clock, notify: (change: Change) => void) {
    this.#clock = clock;
    this.#notify = notify;
  }

  /** What to say of the reference while it is being pulled. */
  state(reference: string): ImageState | undefined {
    const pull = this.#underWay.get(reference);
    return pull && { state: 'pulling', progress: pull.progress };
  }

  /** `undefined`: it ended well within `waitMs`. */
  async join(
    reference: string,
    owner: Owner,
    waitMs: number,
    start: (progress: (text: string) => void) => Promise<void>,
  ): Promise<ImageState | undefined> {
    this.#throwEarlierFailure(reference, owner);
    const pull = this.#underWay.get(reference) ?? this.#begin(reference, start);
    if (await this.#endsWithin(pull.done, waitMs)) return undefined;
    pull.waiting.set(owner.uid, owner);
    return { state: 'pulling', progress: pull.progress };
  }

  #begin(reference: string, start: (progress: (text: string) => void) => Promise<void>): Pull {
    const pull: Pull = { done: Promise.resolve(), progress: 'waiting for the registry', waiting: new Map() };
    this.#underWay.set(reference, pull);
    pull.done = start((text) => (pull.progress = text)).finally(() => this.#underWay.delete(reference));
    pull.done.then(
      () => this.#tell(pull, `image ${reference} was pulled`),
      (error: unknown) => this.#fail(reference, pull, error),
    );
    return pull;
  }

  #fail(reference: string, pull: Pull, error: unknown): void {
    const failures = this.#failures.get(reference) ?? new Map<string, unknown>();
    for (const uid of pull.waiting.keys()) failures.set(uid, error);
    if (failures.size > 0) this.#failures.set(reference, failures);
    this.#tell(pull, `the pull of image ${reference} failed: ${messageOf(error)}`);
  }

  #tell(pull: Pull, what: string): void {
    for (const owner of pull.waiting.values()) this.#notify({ owner, what });
  }

  #throwEarlierFailure(reference: string, owner: Owner): void {
    const failures = this.#failures.get(reference);
    const failure = failures?.get(owner.uid);
    if (!failures?.delete(owner.uid)) return;
    if (failures.size === 0) this.#failures.delete(reference);
    throw failure;
  }

  /** Rejects with the pull's own failure. */
  #endsWithin(done: Promise<void>, waitMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(waitMs, () => resolve(false));
      done.then(() => resolve(true), reject).finally(() => timer.cancel());
    });
  }
}
