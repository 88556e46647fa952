import { randomUUID } from 'node:crypto';
import { refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { EventRecord, InventoryRow, LogEntry, Recorded } from '../api/records.ts';
import type { Batch } from './journal.ts';
import type { Mirror } from './mirror.ts';
import type { Change, Committed, Effects } from './store.ts';

/** The records of a group as they pile up, and the mirror's former entries for taking them back. */
export class Draft {
  revision: number;
  readonly #mirror: Mirror;
  readonly #undo: (() => void)[] = [];
  readonly #changes: Change[] = [];
  readonly #events: Recorded<EventRecord>[] = [];
  readonly #log: Recorded<LogEntry>[] = [];
  readonly #inventory: InventoryRow[] = [];
  readonly #gone: { table: InventoryRow['table']; id: string }[] = [];

  constructor(mirror: Mirror, revision: number) {
    this.#mirror = mirror;
    this.revision = revision;
  }

  add(effects: Effects): Committed {
    const resources = (effects.put ?? []).map((resource) => this.#put(resource));
    for (const ref of effects.remove ?? []) this.#remove(ref);
    for (const record of effects.events ?? []) this.#events.push({ revision: ++this.revision, record });
    for (const record of effects.log ?? []) this.#log.push({ revision: ++this.revision, record });
    this.#inventory.push(...(effects.inventory ?? []));
    this.#gone.push(...(effects.inventoryGone ?? []));
    return { revision: this.revision, resources };
  }

  #put(resource: Resource): Resource {
    const old = this.#mirror.get(refOf(resource));
    const stored = this.#numbered(resource);
    this.#mirror.set(stored);
    this.#undo.push(() => (old ? this.#mirror.set(old) : this.#mirror.remove(refOf(stored))));
    this.#changes.push({ revision: this.revision, type: old ? 'MODIFIED' : 'ADDED', object: stored });
    return stored;
  }

  #remove(ref: Ref): void {
    const old = this.#mirror.get(ref);
    if (!old) return;
    this.#mirror.remove(ref);
    this.#undo.push(() => this.#mirror.set(old));
    this.#changes.push({ type: 'DELETED', object: this.#numbered(old), revision: this.revision });
  }

  #numbered(resource: Resource): Resource {
    return { ...resource, metadata: { ...resource.metadata, resourceVersion: String(++this.revision) } };
  }

  batch(): Batch | undefined {
    const parts = {
      changes: this.#changes,
      events: this.#events,
      log: this.#log,
      inventory: this.#inventory,
      inventoryGone: this.#gone,
    };
    const empty = Object.values(parts).every((list) => list.length === 0);
    return empty ? undefined : { commitId: randomUUID(), revision: this.revision, ...parts };
  }

  takeBack(): void {
    for (const undo of this.#undo.reverse()) undo();
  }
}
