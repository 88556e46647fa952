import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { EVENT_FILTERS } from '../../src/drivers/docker/engine-event.ts';
import type { EngineEvent } from '../../src/drivers/docker/engine-event.ts';
import { eventually } from '../support/wait.ts';

/** What the Engine says that happened, in its own time: two of its times differ by what lay between, and nothing else. */
export class EngineEvents {
  readonly #events: EngineEvent[] = [];
  readonly #stream: Readable;

  private constructor(stream: Readable) {
    this.#stream = stream;
    createInterface({ input: stream })
      .on('line', (line) => this.#events.push(JSON.parse(line) as EngineEvent))
      .on('error', () => undefined);
  }

  static async open(docker: Docker): Promise<EngineEvents> {
    const filters = JSON.stringify(EVENT_FILTERS);
    return new EngineEvents((await docker.getEvents({ filters })) as Readable);
  }

  /** The first such event after `after` (milliseconds since 1970), heard already or to come: when it was, in milliseconds. */
  next(action: string, matches: (event: EngineEvent) => boolean, after: number): Promise<number> {
    return eventually(`the event ${action}`, () => {
      const found = this.#events.find((e) => e.Action === action && e.timeNano / 1e6 >= after && matches(e));
      return found && found.timeNano / 1e6;
    });
  }

  close(): void {
    this.#stream.destroy();
  }
}

/** Milliseconds since 1970, finer than Date's: to compare with the Engine's times on the same machine. */
export const nowMs = (): number => performance.timeOrigin + performance.now();
