import pLimit, { type LimitFunction } from 'p-limit';
import type { Clock, Timer } from '../../base/clock.ts';
import { PassError } from '../../base/errors.ts';
import type { Compute } from '../compute.ts';
import { Shell, type Output } from './shell.ts';

/** Milliseconds without a command after which a shell is let go of. */
const IDLE_MS = 60_000;

interface Entry {
  readonly oneByOne: LimitFunction;
  shell?: Shell;
  idle?: Timer;
}

/** One shell a container, opened when it is needed and again when it broke. */
export class Shells {
  readonly #compute: Compute;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(compute: Compute, clock: Clock) {
    this.#compute = compute;
    this.#clock = clock;
  }

  /** Within `deadlineMs`, waiting for those before it included. One that is late is not begun, or its shell given up. */
  run(containerId: string, line: string, deadlineMs: number): Promise<Output> {
    const entry = this.#entries.get(containerId) ?? { oneByOne: pLimit(1) };
    this.#entries.set(containerId, entry);
    return new Promise((resolve, reject) => {
      let [late, begun] = [false, false];
      const timer = this.#clock.after(deadlineMs, () => {
        late = true;
        const where = `the proxy in container ${containerId.slice(0, 12)}`;
        reject(new PassError('EngineUnavailable', `${where}: no answer within ${deadlineMs} ms`));
        if (begun) entry.shell?.close();
      });
      const turn = async (): Promise<void> => {
        if (late) return;
        begun = true;
        const shell = await this.#shell(containerId, entry);
        if (!late) resolve(await shell.run(line));
      };
      entry
        .oneByOne(turn)
        .catch(reject)
        .finally(() => {
          timer.cancel();
          this.#idleLater(containerId, entry);
        });
    });
  }

  close(): void {
    for (const id of this.#entries.keys()) this.#drop(id);
  }

  async #shell(containerId: string, entry: Entry): Promise<Shell> {
    if (entry.shell && !entry.shell.ended) return entry.shell;
    const shell = await Shell.open(this.#compute, containerId);
    // Whoever was to use it may have been closed meanwhile: nobody else would let go of it.
    if (this.#entries.get(containerId) !== entry) shell.close();
    entry.shell = shell;
    return shell;
  }

  #idleLater(containerId: string, entry: Entry): void {
    entry.idle?.cancel();
    if (entry.oneByOne.activeCount + entry.oneByOne.pendingCount > 0) return;
    if (this.#entries.get(containerId) !== entry) return;
    entry.idle = this.#clock.after(IDLE_MS, () => this.#drop(containerId));
  }

  #drop(containerId: string): void {
    const entry = this.#entries.get(containerId);
    this.#entries.delete(containerId);
    entry?.idle?.cancel();
    entry?.shell?.close();
  }
}
