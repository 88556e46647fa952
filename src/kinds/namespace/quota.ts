import type { KindDefinition, Size, Usage, View } from '../../api/kind.ts';
import type { Resource } from '../../api/metadata.ts';
import { formatBytes, parseSize } from '../../base/quantity.ts';
import type { Amounts } from './types.ts';

/** Amounts by name, in numbers: cores, bytes, and counts; `objects.configmaps` is a count of documents. */
export type Counts = ReadonlyMap<string, number>;

const OBJECTS = 'objects.';

/** Amounts that people write as sizes. */
const SIZES = ['memory', 'bucketBytes'] as const;

export function countsOf({ objects = {}, ...rest }: Amounts): Counts {
  return new Map([
    ...Object.entries(rest).map(
      ([name, amount]) => [name, typeof amount === 'string' ? (parseSize(amount) ?? 0) : amount] as const,
    ),
    ...Object.entries(objects).map(([plural, count]) => [`${OBJECTS}${plural}`, count] as const),
  ]);
}

/** What is left out of `counts` is left out here. */
export function amountsOf(counts: Counts): Amounts {
  const amounts = [...counts].filter(([name]) => !name.startsWith(OBJECTS));
  const objects = [...counts].flatMap(([name, count]) =>
    name.startsWith(OBJECTS) ? [[name.slice(OBJECTS.length), count] as const] : [],
  );
  return {
    ...Object.fromEntries(amounts.map(([name, amount]) => [name, isSize(name) ? formatBytes(amount) : amount])),
    ...(objects.length > 0 ? { objects: Object.fromEntries(objects) } : {}),
  };
}

/** What one document takes. */
function taken(kind: KindDefinition, resource: Resource): Counts {
  const usage: Usage = kind.usage?.(resource) ?? {};
  return new Map([...Object.entries(usage), [`${OBJECTS}${kind.plural}`, 1]]);
}

/** What all documents of a namespace take, of what is limited; but for one, which is about to be another. */
export function usedIn(
  namespace: string,
  hard: Counts,
  kinds: Iterable<KindDefinition>,
  view: View,
  but?: Resource,
): Counts {
  const used = new Map([...hard.keys()].map((name) => [name, 0]));
  if (hard.size === 0) return used;
  for (const kind of kinds) {
    if (kind.scope === 'Cluster' || !mayTake(kind, hard)) continue;
    for (const resource of view.list(kind.kind, namespace)) {
      if (resource.metadata.uid === but?.metadata.uid) continue;
      for (const [name, amount] of taken(kind, resource))
        if (used.has(name)) used.set(name, (used.get(name) ?? 0) + amount);
    }
  }
  return used;
}

const mayTake = (kind: KindDefinition, hard: Counts): boolean =>
  kind.usage !== undefined || hard.has(`${OBJECTS}${kind.plural}`);

export interface Excess {
  name: string;
  requested: number;
  used: number;
  hard: number;
}

/** What a write would take beyond its namespace's quota. One that takes no more than before is never refused. */
export function excessOf(
  hard: Counts,
  next: Resource,
  old: Resource | undefined,
  kind: KindDefinition,
  kinds: Iterable<KindDefinition>,
  view: View,
): Excess[] {
  const before = old ? taken(kind, old) : new Map<string, number>();
  const grows = [...taken(kind, next)].filter(([name, amount]) => hard.has(name) && amount > (before.get(name) ?? 0));
  if (grows.length === 0) return [];
  const limits = new Map(grows.map(([name]) => [name, hard.get(name) ?? 0]));
  const used = usedIn(next.metadata.namespace ?? '', limits, kinds, view, old);
  return grows.flatMap(([name, requested]) => {
    const excess = { name, requested, used: used.get(name) ?? 0, hard: hard.get(name) ?? 0 };
    return excess.used + requested > excess.hard ? [excess] : [];
  });
}

/** `name=amount`, as Kubernetes writes it. */
export const amountText = (name: string, amount: number): string =>
  `${name}=${isSize(name) ? formatBytes(amount) : amount}`;

const isSize = (name: string): boolean => SIZES.some((each) => each === name);

/** What is limited, and has no limit where each must have one. */
export const unlimited = (hard: Counts, size: Size): string[] =>
  (['cpus', 'memory'] as const).filter((name) => hard.has(name) && size[name] === undefined);

/** What is limited, and what a document, unlike before, sets no bound to. */
export function unbounded(
  hard: Counts,
  next: Resource,
  old: Resource | undefined,
  { bounds = {}, usage }: KindDefinition,
): { name: string; field: string } | undefined {
  for (const [name, field] of Object.entries(bounds)) {
    const isUnbounded = (resource: Resource) => usage?.(resource)[name as keyof Usage] === undefined;
    if (hard.has(name) && isUnbounded(next) && !(old && isUnbounded(old))) return { name, field };
  }
  return undefined;
}
