import { LABEL } from '../labels.ts';
import type { EngineEvent } from './engine-event.ts';
import type { Look, World } from './world.ts';

/** The Engine replays 256 events at most: twice as many keys tell every replayed one. */
const REMEMBERED_EVENTS = 512;

/**
 * Turns events into looks at what they speak of: an event says where to look, never what is there. Subscribers hear
 * of it after the look, in words for the difference it found: the echo of our own calls, which makes none, is silent.
 */
export class EventReader {
  readonly #world: World;
  readonly #seen = new Set<string>();
  /** By container, a look that is under way, and whether something has happened since it began. */
  readonly #looks = new Map<string, 'once' | 'again'>();
  #lastNano: number | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** The Engine's time of the last event, from where a new stream takes up. */
  get lastSeconds(): number | undefined {
    return this.#lastNano === undefined ? undefined : this.#lastNano / 1e9;
  }

  read(event: EngineEvent): void {
    if (!event.Actor?.ID || this.#isRepeated(event)) return;
    if (event.Type === 'network') return this.#readNetwork(event);
    this.#readContainer(event);
  }

  #isRepeated({ timeNano, Action, Actor }: EngineEvent): boolean {
    const key = `${timeNano} ${Action} ${Actor.ID} ${Actor.Attributes?.['container'] ?? ''}`;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    this.#lastNano = timeNano;
    const oldest = this.#seen.size > REMEMBERED_EVENTS ? this.#seen.values().next().value : undefined;
    if (oldest !== undefined) this.#seen.delete(oldest);
    return false;
  }

  #readContainer(event: EngineEvent): void {
    const { ID: id, Attributes: attributes } = event.Actor;
    if (event.Action === 'destroy')
      this.#world.cache.releaseWaiting(id, 'the container that was in the way was removed');
    if (event.Action === 'rename')
      this.#world.cache.releaseWaiting(id, 'the container that was in the way was renamed');
    const ours = attributes[LABEL.installation] === this.#world.installation;
    if (!ours && !this.#world.cache.containers.get(id)) return;
    if (event.Action === 'die') this.#world.rememberExit(id, Number(attributes['exitCode']));
    this.#heard(event, () => {
      if (event.Action === 'destroy') this.#tell(this.#world.dropContainer(id));
      else this.#look(id);
    });
  }

  #readNetwork(event: EngineEvent): void {
    const { ID: id, Attributes: attributes } = event.Actor;
    const container = attributes['container'] ?? '';
    if (event.Action === 'destroy') {
      this.#world.cache.releaseWaiting(id, 'the network that was in the way was removed');
    }
    if (event.Action === 'disconnect') {
      this.#world.cache.releaseWaiting(container, 'the container that was in the way left the network');
    }
    this.#heard(event, () => {
      if (event.Action === 'create') void this.#lookAtNetwork(id);
      else if (event.Action === 'destroy') this.#tell(this.#world.dropNetwork(id));
      else if (this.#world.cache.containers.get(container)) this.#look(container);
    });
  }

  /** Calls of ours that are under way look for themselves. */
  #heard({ Actor: { ID: id, Attributes: attributes } }: EngineEvent, look: () => void): void {
    this.#world.cache.heard([id, attributes['name'] ?? '', attributes['container'] ?? ''], look);
  }

  #tell({ changed, owner, what }: Look<unknown>): void {
    if (changed) this.#world.cache.notify({ ...(owner && { owner }), what });
  }

  /** One look at a time for each container; whatever comes meanwhile is answered by one more. */
  #look(id: string): void {
    const isLooking = this.#looks.has(id);
    this.#looks.set(id, isLooking ? 'again' : 'once');
    if (!isLooking) void this.#lookUntilSilent(id);
  }

  async #lookUntilSilent(id: string): Promise<void> {
    for (let more = true; more; more = this.#looks.get(id) === 'again') {
      this.#looks.set(id, 'once');
      try {
        const look = await this.#world.lookAtContainer(id);
        // A look that began before a call of ours may find what the call did.
        if (!this.#world.cache.isHeld(id)) this.#tell(look);
      } catch {
        // Out of reach, or refused: the relist that follows looks again.
      }
    }
    this.#looks.delete(id);
  }

  async #lookAtNetwork(id: string): Promise<void> {
    try {
      this.#tell(await this.#world.lookAtNetwork(id));
    } catch {
      // As above.
    }
  }
}
