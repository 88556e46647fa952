import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Compute } from '../drivers/compute.ts';
import { passError } from '../drivers/docker/errors.ts';
import { intercepted, MUTATING } from '../drivers/guarded.ts';
import { MUTATING_BYTES } from '../drivers/objects/bytes.ts';
import type { ObjectBytes } from '../drivers/objects/bytes.ts';
import { MUTATING_PROXY } from '../drivers/proxies.ts';
import type { Proxies } from '../drivers/proxies.ts';
import { MUTATING_ROWS } from '../s3/object-rows.ts';
import type { ObjectRows } from '../s3/rows.ts';
import { timedOut } from './engine-errors.ts';

/** The drivers' own deadline of a change. */
const DEADLINE_MS = 60_000;

/**
 * F15: the n-th call that would change something hangs, and so does every later one of its kind for the same thing,
 * each until its deadline, for as long as nobody heals it. Every other call is well.
 */
export class Silence {
  readonly #clock: Clock;
  readonly #at: number;
  #calls = 0;
  #stuck: string | undefined;
  #healed = false;

  constructor(clock: Clock, at: number) {
    this.#clock = clock;
    this.#at = at;
  }

  get struck(): boolean {
    return this.#stuck !== undefined;
  }

  heal(): void {
    this.#healed = true;
  }

  readonly compute = (compute: Compute): Compute => this.#over(compute, MUTATING);
  readonly proxies = (proxies: Proxies): Proxies => this.#over(proxies, MUTATING_PROXY);
  readonly bytes = (bytes: ObjectBytes): ObjectBytes => this.#over(bytes, MUTATING_BYTES);
  readonly rows = (rows: ObjectRows): ObjectRows => this.#over(rows, MUTATING_ROWS);

  #over<Driver extends object>(driver: Driver, mutating: ReadonlySet<string>): Driver {
    return intercepted(driver, mutating, async (name, [thing], act) => {
      await this.#meet(name, thing);
      return act();
    });
  }

  async #meet(name: string, thing: unknown): Promise<void> {
    this.#calls++;
    // One that is about no thing in particular runs by itself.
    const call = `${name} ${nameOf(thing) ?? this.#calls}`;
    if (this.#calls === this.#at) this.#stuck = call;
    if (this.#stuck !== call || this.#healed) return;
    await sleep(this.#clock, DEADLINE_MS);
    throw passError(timedOut(), name);
  }
}

/** A call is about an id, about something that is to be made for an owner, or about a bucket. */
function nameOf(thing: unknown): string | undefined {
  if (typeof thing === 'string') return thing;
  const about = thing as { owner?: { uid: string }; uid?: string } | undefined;
  return about?.owner?.uid ?? about?.uid;
}
