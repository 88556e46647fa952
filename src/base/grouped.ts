/** Items by their keys, both in the order in which they came. `Map.groupBy`, which Node 20 has not. */
export function grouped<K, T>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const before = groups.get(key);
    if (before) before.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
