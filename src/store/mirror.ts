import { keyOf, refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { KindDefinition } from '../api/schema.ts';
import type { Change, Snapshot } from './store.ts';

const NONE: readonly Resource[] = [];

/**
 * Every live document in memory, with each kind's indexes. It is the store's picture at one revision; look at it
 * without awaiting in between and it is consistent. Documents are shared, never copied: nobody may change one.
 */
export class Mirror implements Snapshot {
  revision = 0;
  readonly #kinds: ReadonlyMap<string, KindDefinition>;
  readonly #byKey = new Map<string, Resource>();
  readonly #byUid = new Map<string, Resource>();
  readonly #byKind = new Map<string, Map<string, Resource>>();
  /** `kind/index/value` to the documents that have it. */
  readonly #indexes = new Map<string, Set<Resource>>();

  constructor(kinds: readonly KindDefinition[]) {
    this.#kinds = new Map(kinds.map((k) => [k.kind, k]));
  }

  get(ref: Ref): Resource | undefined {
    return this.#byKey.get(keyOf(ref));
  }

  byUid(uid: string): Resource | undefined {
    return this.#byUid.get(uid);
  }

  *list(kind: string, namespace?: string): Iterable<Resource> {
    for (const resource of this.#byKind.get(kind)?.values() ?? NONE) {
      if (namespace === undefined || resource.metadata.namespace === namespace) yield resource;
    }
  }

  lookup(kind: string, index: string, value: string): readonly Resource[] {
    const found = this.#indexes.get(`${kind}/${index}/${value}`);
    return found ? [...found] : NONE;
  }

  all(): Iterable<Resource> {
    return this.#byKey.values();
  }

  /** Replaces everything: the start, or a database that went back in time. */
  reset(revision: number, resources: readonly Resource[]): void {
    for (const map of [this.#byKey, this.#byUid, this.#byKind, this.#indexes]) map.clear();
    for (const resource of resources) this.set(resource);
    this.revision = revision;
  }

  apply(change: Change): void {
    if (change.type === 'DELETED') this.remove(refOf(change.object));
    else this.set(change.object);
  }

  set(resource: Resource): void {
    const key = keyOf(refOf(resource));
    this.#removeKey(key);
    this.#byKey.set(key, resource);
    this.#byUid.set(resource.metadata.uid, resource);
    const peers = this.#byKind.get(resource.kind) ?? new Map<string, Resource>();
    this.#byKind.set(resource.kind, peers.set(key, resource));
    for (const value of this.#valuesOf(resource)) {
      const holders = this.#indexes.get(value) ?? new Set<Resource>();
      this.#indexes.set(value, holders.add(resource));
    }
  }

  remove(ref: Ref): void {
    this.#removeKey(keyOf(ref));
  }

  #removeKey(key: string): void {
    const old = this.#byKey.get(key);
    if (!old) return;
    this.#byKey.delete(key);
    this.#byUid.delete(old.metadata.uid);
    this.#byKind.get(old.kind)?.delete(key);
    for (const value of this.#valuesOf(old)) {
      const holders = this.#indexes.get(value);
      holders?.delete(old);
      if (holders?.size === 0) this.#indexes.delete(value);
    }
  }

  *#valuesOf(resource: Resource): Iterable<string> {
    for (const owner of resource.metadata.ownerReferences ?? []) yield `${resource.kind}/owner/${owner.uid}`;
    const kind = this.#kinds.get(resource.kind);
    for (const [index, values] of Object.entries(kind?.indexes ?? {})) {
      for (const value of values(resource)) yield `${resource.kind}/${index}/${value}`;
    }
  }
}
