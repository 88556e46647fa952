import { keyOf, namespacedName, refOf } from './metadata.ts';
import type { Resource } from './metadata.ts';
import { acrossKinds, indexValuesOf } from './registry.ts';
import type { KindRegistry } from './registry.ts';
import type { View } from './kind.ts';

/** A view with the documents of one batch laid over it, as rules look at them one after the other. */
export class OverlayView implements View {
  readonly #kinds: KindRegistry;
  readonly #base: View;
  readonly #laid = new Map<string, Resource>();
  /** `kind/index/value` to the keys of those that have it. */
  readonly #indexes = new Map<string, Set<string>>();

  readonly lookupAll: View['lookupAll'];
  readonly indexed: View['indexed'];

  constructor(kinds: KindRegistry, base: View) {
    this.#kinds = kinds;
    this.#base = base;
    const across = acrossKinds(kinds, this);
    this.lookupAll = across.lookupAll;
    this.indexed = across.indexed;
  }

  /** In place of the one of its name. */
  put(resource: Resource): void {
    const key = keyOf(refOf(resource));
    const before = this.#laid.get(key);
    for (const value of before ? this.#valuesOf(before) : []) this.#indexes.get(value)?.delete(key);
    this.#laid.set(key, resource);
    for (const value of this.#valuesOf(resource))
      this.#indexes.set(value, (this.#indexes.get(value) ?? new Set()).add(key));
  }

  get(ref: Parameters<View['get']>[0]): Resource | undefined {
    return this.#laid.get(keyOf(ref)) ?? this.#base.get(ref);
  }

  byUid(uid: string): Resource | undefined {
    const below = this.#base.byUid(uid);
    if (below) return this.get(refOf(below));
    return [...this.#laid.values()].find(({ metadata }) => metadata.uid === uid);
  }

  list(kind: string, namespace?: string): readonly Resource[] {
    const laid = [...this.#laid.values()].filter(
      (r) => r.kind === kind && (namespace === undefined || refOf(r).namespace === namespace),
    );
    const below = this.#below(this.#base.list(kind, namespace));
    if (laid.length === 0) return below;
    return [...below, ...laid].sort((a, b) => (namespacedName(refOf(a)) < namespacedName(refOf(b)) ? -1 : 1));
  }

  lookup(kind: string, index: string, value: string): readonly Resource[] {
    const keys = this.#indexes.get(`${kind}/${index}/${value}`) ?? [];
    return [
      ...this.#below(this.#base.lookup(kind, index, value)),
      ...[...keys].flatMap((key) => this.#laid.get(key) ?? []),
    ];
  }

  #below(found: readonly Resource[]): readonly Resource[] {
    return this.#laid.size === 0 ? found : found.filter((resource) => !this.#laid.has(keyOf(refOf(resource))));
  }

  #valuesOf = (resource: Resource): Iterable<string> => indexValuesOf(this.#kinds, resource);
}
