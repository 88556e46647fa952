import { keyOf, refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import { acrossKinds, indexValuesOf } from '../api/registry.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { View } from '../api/kind.ts';
import { SortedKeys } from './sorted-keys.ts';
import type { Change, Page, PageOptions, Snapshot } from './store.ts';

const NONE: readonly Resource[] = [];
/** What comes after every key of a prefix that ends with a slash. */
const AFTER_SLASH = '0';
/** Behind a key, what comes next. */
const NEXT = '\0';

/**
 * Every live document in memory, with each kind's indexes. It is the store's picture at one revision; look at it
 * without awaiting in between and it is consistent. Documents are shared, never copied: nobody may change one.
 */
export class Mirror implements Snapshot {
  revision = 0;
  readonly #kinds: KindRegistry;
  readonly #byKey = new Map<string, Resource>();
  readonly #byUid = new Map<string, Resource>();
  readonly #byKind = new Map<string, SortedKeys>();
  /** `kind/index/value` to the documents that have it. */
  readonly #indexes = new Map<string, Set<Resource>>();

  readonly lookupAll: View['lookupAll'];
  readonly indexed: View['indexed'];

  constructor(kinds: KindRegistry) {
    this.#kinds = kinds;
    const across = acrossKinds(kinds, this);
    this.lookupAll = across.lookupAll;
    this.indexed = across.indexed;
  }

  get(ref: Ref): Resource | undefined {
    return this.#byKey.get(keyOf(ref));
  }

  byUid(uid: string): Resource | undefined {
    return this.#byUid.get(uid);
  }

  list(kind: string, namespace?: string): readonly Resource[] {
    return this.page(kind, { namespace }).items;
  }

  page(kind: string, { namespace, after = '', most = Infinity }: PageOptions): Page {
    const keys = this.#byKind.get(kind);
    if (!keys) return { items: NONE, more: 0 };
    const prefix = namespace === undefined ? `${kind}/` : `${kind}/${namespace}/`;
    const end = keys.position(prefix.slice(0, -1) + AFTER_SLASH);
    const from = Math.max(keys.position(prefix), after === '' ? 0 : keys.position(`${kind}/${after}${NEXT}`));
    const to = Math.max(from, Math.min(end, from + most));
    const items = keys.slice(from, to).flatMap((key) => this.#byKey.get(key) ?? []);
    return { items, more: Math.max(0, end - to) };
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
    const key = (resource: Resource): string => keyOf(refOf(resource));
    // In their order each goes to the end, which costs nothing.
    for (const resource of resources.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))) this.set(resource);
    this.revision = revision;
  }

  apply(change: Change): void {
    if (change.type === 'DELETED') this.remove(refOf(change.object));
    else this.set(change.object);
  }

  set(resource: Resource): void {
    const key = keyOf(refOf(resource));
    this.#forget(key);
    this.#byKey.set(key, resource);
    this.#byUid.set(resource.metadata.uid, resource);
    const peers = this.#byKind.get(resource.kind) ?? new SortedKeys();
    this.#byKind.set(resource.kind, peers);
    peers.add(key);
    for (const value of indexValuesOf(this.#kinds, resource)) {
      const holders = this.#indexes.get(value) ?? new Set<Resource>();
      this.#indexes.set(value, holders.add(resource));
    }
  }

  remove(ref: Ref): void {
    const key = keyOf(ref);
    this.#forget(key);
    this.#byKind.get(ref.kind)?.remove(key);
  }

  #forget(key: string): void {
    const old = this.#byKey.get(key);
    if (!old) return;
    this.#byKey.delete(key);
    this.#byUid.delete(old.metadata.uid);
    for (const value of indexValuesOf(this.#kinds, old)) {
      const holders = this.#indexes.get(value);
      holders?.delete(old);
      if (holders?.size === 0) this.#indexes.delete(value);
    }
  }
}
