import { SETTINGS } from '../store/settings.ts';
import { sleep } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, PassError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Compute } from '../drivers/compute.ts';
import type { Store } from '../store/store.ts';

const ENGINE_ID_EVERY_MS = 1_000;

/**
 * The database remembers its Engine. A daemon whose Engine is another one never leads: to it, everything would look
 * deleted. One whose Engine is away may: what needs none goes on. After every outage the Engine is asked who it is
 * before anything looks at it or acts on it.
 */
export class EngineGuard {
  #isOurs = false;
  #isForeign = false;
  #isVerified = false;
  readonly #store: Store;
  readonly #compute: Compute;
  readonly #log: Log;
  readonly #onKnown: (() => void)[] = [];

  constructor(store: Store, compute: Compute, log: Log) {
    this.#store = store;
    this.#compute = compute;
    this.#log = log;
    compute.subscribe(({ owner }) => {
      if (owner === undefined) void this.#afterUpheaval();
    });
  }

  readonly eligible = (): boolean => this.#isOurs || (!this.#isForeign && this.#compute.outage() !== undefined);

  /** Whether what the Engine shows may be believed: it is ours, or it is away and shows nothing. */
  readonly believable = (): boolean => this.#isVerified || this.#compute.outage() !== undefined;

  /** Calls back each time that the Engine has said that it is ours. */
  onKnown(listener: () => void): void {
    this.#onKnown.push(listener);
  }

  check(): void {
    if (!this.#isVerified)
      throw new PassError('EngineUnavailable', 'the Engine was away and has not yet said that it is the same one');
  }

  async run(clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isVerified) await this.#identify();
      await sleep(clock, ENGINE_ID_EVERY_MS, signal);
    }
  }

  async #afterUpheaval(): Promise<void> {
    this.#isVerified = false;
    if (this.#compute.outage() === undefined) await this.#identify();
  }

  async #identify(): Promise<void> {
    try {
      const id = await this.#compute.engineId();
      const recorded = await this.#store.beside(SETTINGS).setOnce('engine-id', id);
      if (recorded !== id)
        this.#log.error(
          { engine: id, recorded },
          'this Engine is not the one of this database: not leading. Point DOCKER_HOST to that Engine, or use another database',
        );
      this.#isOurs = recorded === id;
      this.#isForeign = !this.#isOurs;
      this.#isVerified = this.#isOurs;
      if (this.#isOurs) for (const listener of this.#onKnown) listener();
    } catch (error) {
      this.#log.debug({ err: messageOf(error) }, 'the Engine did not tell its id');
    }
  }
}
