import { LABEL } from '../labels.ts';
import { eventWords, type EngineEvent } from './event-words.ts';
import type { Look, World } from './world.ts';

/** The Engine replays 256 events at most: twice as many keys tell every replayed one. */
const REMEMBERED_EVENTS = 512;

/**
 * Turns events into looks at what they speak of: an event says where to look, never what is there. Subscribers hear
 * of it after the look, in the event's words, and only when the cache has changed: the echo of our own calls is silent.
 */
export class EventReader {
  readonly #world: World;
  readonly #seen = new Set<string>();
  /** By container: what was said of it since its last look began. */
  readonly #said = new Map<string, string[][]>();
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
      this.#world.cache.releaseWaiting(id, 'the container that held its name was removed');
    if (event.Action === 'rename') this.#world.cache.releaseWaiting(id, 'the container that held its name was renamed');
    const ours = attributes[LABEL.installation] === this.#world.installation;
    if (!ours && !this.#world.cache.containers.get(id)) return;
    if (event.Action === 'die') this.#world.rememberExit(id, Number(attributes['exitCode']));
    if (event.Action === 'destroy') return this.#tell(this.#world.dropContainer(id), this.#newsOf(event));
    this.#look(id, this.#newsOf(event));
  }

  #readNetwork(event: EngineEvent): void {
    const { ID: id, Attributes: attributes } = event.Actor;
    if (event.Action === 'create') return void this.#lookAtNetwork(id, this.#newsOf(event));
    if (event.Action === 'destroy') {
      this.#tell(this.#world.dropNetwork(id), this.#newsOf(event));
      return this.#world.cache.releaseWaiting(id, 'the network that was in the way was removed');
    }
    const container = attributes['container'] ?? '';
    if (this.#world.cache.containers.get(container)) this.#look(container, this.#newsOf(event));
  }

  /** What to say of it; nothing while a call of ours is changing the thing, whose caller looks for itself. */
  #newsOf(event: EngineEvent): string[] {
    const { ID: id, Attributes: attributes } = event.Actor;
    const keys = [id, attributes['name'] ?? '', attributes['container'] ?? ''];
    return keys.some((key) => this.#world.cache.isBusy(key)) ? [] : [eventWords(event)];
  }

  #tell(look: Look<unknown>, news: readonly string[]): void {
    if (!look.changed || news.length === 0) return;
    this.#world.cache.notify({ ...(look.owner && { owner: look.owner }), what: [...new Set(news)].join(', ') });
  }

  /** One look at a time for each container; what comes meanwhile is answered by one more. */
  #look(id: string, news: string[]): void {
    const waiting = this.#said.get(id);
    if (waiting) return void waiting.push(news);
    this.#said.set(id, [news]);
    void this.#lookUntilSilent(id);
  }

  async #lookUntilSilent(id: string): Promise<void> {
    let unheard: string[] = [];
    for (let news = this.#said.get(id); news?.length; news = this.#said.get(id)) {
      this.#said.set(id, []);
      unheard = [...unheard, ...news.flat()];
      try {
        const look = await this.#world.lookAtContainer(id);
        this.#tell(look, unheard);
        if (look.changed) unheard = [];
      } catch {
        // Out of reach, or refused: the relist that follows looks again.
      }
    }
    this.#said.delete(id);
  }

  async #lookAtNetwork(id: string, news: string[]): Promise<void> {
    try {
      this.#tell(await this.#world.lookAtNetwork(id), news);
    } catch {
      // As above.
    }
  }
}
