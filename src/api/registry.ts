import { distance } from 'fastest-levenshtein';
import { instanceKind } from './instance-definition.ts';
import type { Resource } from './metadata.ts';
import { loadBalancerKind } from './load-balancer-definition.ts';
import { scalingGroupKind } from './scaling-group-definition.ts';
import type { KindDefinition } from './schema.ts';
import { vpcKind } from './vpc-definition.ts';

/** Every kind there is, in the order in which documents of a file are applied: what is referred to comes first. */
export const KINDS: readonly KindDefinition[] = [
  widen(vpcKind),
  widen(instanceKind),
  widen(scalingGroupKind),
  widen(loadBalancerKind),
];

/** A kind speaks of its own resource type; tables of kinds speak of any. Admission only ever hands a kind its own documents. */
function widen<R extends Resource>(kind: KindDefinition<R>): KindDefinition {
  return kind as unknown as KindDefinition;
}

const byKind = new Map(KINDS.map((k) => [k.kind, k]));
const byPlural = new Map(KINDS.map((k) => [k.plural, k]));

export const kindNamed = (kind: string): KindDefinition | undefined => byKind.get(kind);
export const kindOfPlural = (plural: string): KindDefinition | undefined => byPlural.get(plural);

/** For kinds that code names itself. Throws when there is none, which is a mistake in the code. */
export function mustKind(kind: string): KindDefinition {
  const found = byKind.get(kind);
  if (!found) throw new Error(`no kind ${kind} is registered`);
  return found;
}

/** What a person may type for a kind: `VPC`, `vpc`, `vpcs`, `inst`. */
export function kindByAnyName(word: string): KindDefinition | undefined {
  const lower = word.toLowerCase();
  return KINDS.find((k) => [k.kind.toLowerCase(), k.plural, k.singular, ...k.shortNames].includes(lower));
}

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
