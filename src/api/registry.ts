import { distance } from 'fastest-levenshtein';
import type { Governor, KindDefinition, View } from './kind.ts';
import { appliersOf } from './metadata.ts';
import type { Resource } from './metadata.ts';

/** Indexes that every kind has: whom a document names as its owner, by uid; who applied it, by the field manager. */
const [OWNER, APPLIER] = ['owner', 'applier'];

/** The kinds that a program knows, in the order in which documents of a file are applied: what is referred to comes first. */
export class KindRegistry implements Iterable<KindDefinition> {
  readonly all: readonly KindDefinition[];
  readonly #byKind: ReadonlyMap<string, KindDefinition>;
  /** By API version and plural: two groups may have the same one. */
  readonly #byPlural: ReadonlyMap<string, KindDefinition>;
  /** Those that some kind has. */
  readonly apiVersions: readonly string[];
  /** The rules of kinds over documents of all kinds. */
  readonly governors: readonly Governor[];

  constructor(all: readonly KindDefinition[]) {
    this.all = all;
    this.#byKind = new Map(all.map((k) => [k.kind, k]));
    this.#byPlural = new Map(all.map((k) => [`${k.apiVersion}/${k.plural}`, k]));
    this.apiVersions = [...new Set(all.map((k) => k.apiVersion))];
    this.governors = all.flatMap((k) => k.governs?.(all) ?? []);
  }

  [Symbol.iterator](): Iterator<KindDefinition> {
    return this.all[Symbol.iterator]();
  }

  get(kind: string): KindDefinition | undefined {
    return this.#byKind.get(kind);
  }

  ofPlural(apiVersion: string, plural: string): KindDefinition | undefined {
    return this.#byPlural.get(`${apiVersion}/${plural}`);
  }

  /** Of a document that is stored, or a kind that the code names. Throws when there is none, which is a mistake in the code. */
  must(kind: string): KindDefinition {
    const found = this.#byKind.get(kind);
    if (!found) throw new Error(`no kind ${kind} is registered`);
    return found;
  }

  /** What a person may type for a kind: `VPC`, `vpc`, `vpcs`, `inst`. */
  byAnyName(word: string): KindDefinition | undefined {
    const lower = word.toLowerCase();
    return this.all.find((k) => [k.kind.toLowerCase(), k.plural, k.singular, ...k.shortNames].includes(lower));
  }

  /** Kinds whose documents have the index; those of every kind have `owner` and `applier`. */
  withIndex(index: string): readonly KindDefinition[] {
    return index === OWNER || index === APPLIER
      ? this.all
      : this.all.filter(({ indexes }) => Object.hasOwn(indexes, index));
  }

  /** Where the kind stands in the order of applying. */
  position(kind: string): number {
    return this.all.findIndex((k) => k.kind === kind);
  }
}

/** Under which `kind/index/value` a document is found. */
export function* indexValuesOf(kinds: KindRegistry, resource: Resource): Iterable<string> {
  const { kind, metadata } = resource;
  for (const owner of metadata.ownerReferences ?? []) yield `${kind}/${OWNER}/${owner.uid}`;
  for (const manager of appliersOf(resource)) yield `${kind}/${APPLIER}/${manager}`;
  for (const [index, values] of Object.entries(kinds.get(kind)?.indexes ?? {}))
    for (const value of values(resource)) yield `${kind}/${index}/${value}`;
}

/** What `View` promises of indexes over all kinds, by what it can do for one. */
export const acrossKinds = (
  kinds: KindRegistry,
  view: Pick<View, 'list' | 'lookup'>,
): Pick<View, 'lookupAll' | 'indexed'> => ({
  lookupAll: (index, value) => kinds.withIndex(index).flatMap(({ kind }) => view.lookup(kind, index, value)),
  indexed: (index) =>
    kinds
      .withIndex(index)
      .flatMap(({ kind, indexes }) =>
        view.list(kind).flatMap((resource) => (indexes[index]?.(resource) ?? []).map((value) => ({ value, resource }))),
      ),
});

/** The nearest of the candidates, when it is near enough to be what was meant: a third of its letters, at least 2. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const furthest = (c: string) => Math.max(2, Math.floor(c.length / 3));
  const [best] = candidates
    // A word of any length may be asked about.
    .filter((c) => Math.abs(c.length - word.length) <= furthest(c))
    .map((c) => ({ c, d: distance(word.toLowerCase(), c.toLowerCase()) }))
    .filter(({ c, d }) => d <= furthest(c))
    .sort((a, b) => a.d - b.d);
  return best?.c;
}
