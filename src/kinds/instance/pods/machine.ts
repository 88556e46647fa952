import type { Clock } from '../../../base/clock.ts';
import type { Compute, EngineHost } from '../../../drivers/compute.ts';

/** What the Engine tells of its machine changes with a restart of it, if ever. */
const KNOWN_MS = 10_000;

/** The machine as the Engine last told of it, asked again once that is old. */
export class Machine {
  readonly #compute: Pick<Compute, 'host'>;
  readonly #clock: Clock;
  readonly #installation: string;
  #known: EngineHost | undefined;
  #askedAt = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(compute: Pick<Compute, 'host'>, clock: Clock, installation: string) {
    this.#compute = compute;
    this.#clock = clock;
    this.#installation = installation;
  }

  /** The last that is known while the Engine is away; `undefined`: it was never there. */
  async host(): Promise<EngineHost | undefined> {
    if (this.#clock.monotonic() - this.#askedAt >= KNOWN_MS) await (this.#asking ??= this.#ask());
    return this.#known;
  }

  /** The host name; while that was never known, the installation's. */
  async name(): Promise<string> {
    return nodeName(await this.host(), this.#installation);
  }

  async #ask(): Promise<void> {
    try {
      this.#known = await this.#compute.host();
      this.#askedAt = this.#clock.monotonic();
    } catch {
      // It is asked again by the next who wants to know.
    } finally {
      this.#asking = undefined;
    }
  }
}

/** As Kubernetes names nodes: a host name in lower case. */
export const nodeName = (host: EngineHost | undefined, installation: string): string =>
  (host?.name ?? installation).toLowerCase();
