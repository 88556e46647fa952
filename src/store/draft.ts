import { randomUUID } from 'node:crypto';
import { keyOf, refOf } from '../api/metadata.ts';
import type { AuditEvent } from '../api/audit.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { InventoryGone, InventoryRow } from './inventory.ts';
import { StatusError } from '../base/errors.ts';
import type { Batch } from './journal.ts';
import type { Mirror } from './mirror.ts';
import type { Change, CommitRequest, Committed, Effects } from './store.ts';

const conflict = (message: string) => new StatusError('Conflict', `the object cannot be stored: ${message}`);

const by = (user: string | undefined): Pick<Change, 'user'> => (user === undefined ? {} : { user });

/** The records of a group as they pile up, and the mirror's former entries for taking them back. */
export class Draft {
  revision: number;
  readonly #mirror: Mirror;
  readonly #undo: (() => void)[] = [];
  readonly #changes: Change[] = [];
  readonly #events: Recorded<EventRecord>[] = [];
  readonly #log: Recorded<LogEntry>[] = [];
  readonly #inventory: InventoryRow[] = [];
  readonly #gone: InventoryGone[] = [];
  readonly #audit: AuditEvent[] = [];

  constructor(mirror: Mirror, revision: number) {
    this.#mirror = mirror;
    this.revision = revision;
  }

  /** Throws Conflict, and has taken nothing in, when a document would be put in another one's place. */
  add(effects: Effects, { user, audit }: Pick<CommitRequest, 'user' | 'audit'> = {}): Committed {
    this.check(effects);
    const before = this.revision;
    const resources = (effects.put ?? []).map((resource) => this.#put(resource, user));
    for (const ref of effects.remove ?? []) this.#remove(ref, user);
    if (audit && this.revision > before) this.#audit.push(audit());
    for (const record of effects.events ?? []) this.#events.push({ revision: ++this.revision, record });
    for (const record of effects.log ?? []) this.#log.push({ revision: ++this.revision, record });
    this.#inventory.push(...(effects.inventory ?? []));
    this.#gone.push(...(effects.inventoryGone ?? []));
    return { revision: this.revision, resources };
  }

  /**
   * A name belongs to one document while it lives, and a document has one name: what would break that is refused here,
   * by an outcome of its own, and not by the database, which would fail everything of the group.
   */
  check({ put = [] }: Effects): void {
    const named = new Map<string, string>();
    const held = new Map<string, string>();
    for (const resource of put) {
      const { metadata } = resource;
      const ref = refOf(resource);
      const key = keyOf(ref);
      const stored = this.#mirror.byUid(metadata.uid);
      const uid = named.get(key) ?? this.#mirror.get(ref)?.metadata.uid ?? metadata.uid;
      const holder = held.get(metadata.uid) ?? (stored ? keyOf(refOf(stored)) : key);
      if (uid !== metadata.uid) throw conflict(`${key} has the uid ${uid}, not ${metadata.uid}`);
      if (holder !== key) throw conflict(`the uid ${uid} is that of ${holder}, not of ${key}`);
      named.set(key, uid);
      held.set(uid, key);
    }
  }

  #put(resource: Resource, user: string | undefined): Resource {
    const old = this.#mirror.get(refOf(resource));
    const stored = this.#numbered(resource);
    this.#mirror.set(stored);
    this.#undo.push(() => (old ? this.#mirror.set(old) : this.#mirror.remove(refOf(stored))));
    this.#changes.push({ revision: this.revision, type: old ? 'MODIFIED' : 'ADDED', object: stored, ...by(user) });
    return stored;
  }

  #remove(ref: Ref, user: string | undefined): void {
    const old = this.#mirror.get(ref);
    if (!old) return;
    this.#mirror.remove(ref);
    this.#undo.push(() => this.#mirror.set(old));
    this.#changes.push({ type: 'DELETED', object: this.#numbered(old), revision: this.revision, ...by(user) });
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
      audit: this.#audit,
    };
    const empty = Object.values(parts).every((list) => list.length === 0);
    return empty ? undefined : { commitId: randomUUID(), revision: this.revision, ...parts };
  }

  takeBack(): void {
    for (const undo of this.#undo.reverse()) undo();
  }
}
