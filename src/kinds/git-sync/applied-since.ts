import type { Clock } from '../../base/clock.ts';
import type { GitSync, Target } from './types.ts';

/** For how long commits are applied, by the monotonic clock: no jump of the other makes one late. A new leader begins anew. */
export class AppliedSince {
  readonly #clock: Clock;
  readonly #byUid = new Map<string, { what: string; since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds since this leader saw that the target is applied. */
  ms({ metadata, status }: GitSync, { commit }: Target): number {
    if (status?.applied?.commit !== commit) return 0;
    const what = `${commit} ${status.applied.at}`;
    const known = this.#byUid.get(metadata.uid);
    if (known?.what === what) return this.#clock.monotonic() - known.since;
    this.#byUid.set(metadata.uid, { what, since: this.#clock.monotonic() });
    return 0;
  }

  forget(uid: string): void {
    this.#byUid.delete(uid);
  }
}
