import { keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import { acrossKinds } from '../api/registry.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { View } from '../api/kind.ts';

/** The documents of one batch so far, as rules look at them. */
export class BatchView implements View {
  readonly #kinds: KindRegistry;
  readonly #objects = new Map<string, Resource>();
  readonly #indexed = new Map<string, Resource[]>();

  readonly lookupAll: View['lookupAll'];
  readonly indexed: View['indexed'];

  constructor(kinds: KindRegistry) {
    this.#kinds = kinds;
    const across = acrossKinds(kinds, this);
    this.lookupAll = across.lookupAll;
    this.indexed = across.indexed;
  }

  add(resource: Resource): void {
    this.#objects.set(keyOf(refOf(resource)), resource);
    for (const [index, keysOf] of Object.entries(this.#kinds.must(resource.kind).indexes)) {
      for (const key of keysOf(resource)) {
        const at = `${resource.kind} ${index} ${key}`;
        this.#indexed.set(at, [...(this.#indexed.get(at) ?? []), resource]);
      }
    }
  }

  get(ref: Parameters<View['get']>[0]): Resource | undefined {
    return this.#objects.get(keyOf(ref));
  }

  byUid(uid: string): Resource | undefined {
    return [...this.#objects.values()].find((r) => r.metadata.uid === uid);
  }

  list(kind: string, namespace?: string): Resource[] {
    return [...this.#objects.values()].filter(
      (r) => r.kind === kind && (namespace === undefined || r.metadata.namespace === namespace),
    );
  }

  lookup(kind: string, index: string, value: string): readonly Resource[] {
    return this.#indexed.get(`${kind} ${index} ${value}`) ?? [];
  }
}
