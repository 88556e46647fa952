import { refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { View } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { messageOf, StatusError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { Mirror } from '../store/mirror.ts';
import type { Change, Store } from '../store/store.ts';

/** What changed, with the document as this informer had it before. */
export interface WatchEvent {
  type: Change['type'];
  object: Resource;
  old: Resource | undefined;
  revision: number;
  /** Whose key the change came with, as far as that is known. */
  user?: string;
}

const RETRY_MS = 500;

/**
 * The engine's own picture of all documents: one list, then the feed; a new list when the feed has moved past its
 * horizon. It may lag, never lie: it goes from one committed state to the next, in order (I7).
 */
export class Informer {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #mirror: Mirror;
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(store: Store, kinds: KindRegistry, clock: Clock, log: Log) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#mirror = new Mirror(kinds);
  }

  get view(): View & { all(): Iterable<Resource> } {
    return this.#mirror;
  }

  /** Every commit up to this one is in the view. */
  get revision(): number {
    return this.#mirror.revision;
  }

  onChange(listener: (event: WatchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the view is filled; follows the feed until `close`. */
  async open(): Promise<void> {
    await this.#list();
    this.#running = this.#follow();
  }

  /** Resolves when everything that was committed before the call is in the view, by a list: the feed may take its time. */
  async catchUp(): Promise<void> {
    await this.#list();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #list(): Promise<void> {
    const snapshot = await this.#store.current();
    const fresh = new Map([...snapshot.all()].map((r) => [r.metadata.uid, r]));
    const before = [...this.#mirror.all()];
    const revision = snapshot.revision;
    for (const old of before) {
      if (!fresh.has(old.metadata.uid)) this.#take({ type: 'DELETED', object: old, revision });
    }
    for (const object of fresh.values()) {
      const known = this.#mirror.byUid(object.metadata.uid);
      // After a restore one number may stand for two things.
      if (revision < this.#mirror.revision || known?.metadata.resourceVersion !== object.metadata.resourceVersion)
        this.#take({ type: known ? 'MODIFIED' : 'ADDED', object, revision });
    }
    this.#mirror.revision = revision;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        for await (const changes of this.#store.watchResources(this.#mirror.revision, signal)) {
          // A list may have run ahead of the feed.
          for (const change of changes) if (change.revision > this.#mirror.revision) this.#take(change);
        }
      } catch (error) {
        this.#log.warn({ err: messageOf(error) }, 'the feed of documents ended; listing again');
        await sleep(this.#clock, RETRY_MS, signal);
        if (error instanceof StatusError && error.reason === 'Expired' && !signal.aborted)
          await this.#list().catch(() => undefined);
      }
    }
  }

  #take(change: Change): void {
    const old = this.#mirror.get(refOf(change.object));
    this.#mirror.apply(change);
    this.#mirror.revision = Math.max(this.#mirror.revision, change.revision);
    for (const listener of this.#listeners) listener({ ...change, old });
  }
}
