/** The values of server-side apply: what a configuration sets, and what goes because its manager no longer sends it. */
import { own } from '../../base/own.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { StatusError } from '../../base/errors.ts';
import { describeElement, isMember } from './fieldset.ts';
import type { FieldSet } from './fieldset.ts';
import { METADATA, childSchema, eachChild, isObject, itemElement, itemsByElement, structureOf } from './structure.ts';
import type { JsonObject } from './structure.ts';

/** `live` with all that `applied` says. Gives `live` itself when it says nothing new, and shares every part that is not changed. */
export function merge(live: unknown, applied: unknown, schema: JsonSchema | undefined): unknown {
  if (live === undefined || live === applied) return applied;
  const structure = structureOf(applied, schema);
  if (structure === 'leaf' || structureOf(live, schema) !== structure) {
    return sameButDefaults(live, applied, schema) ? live : applied;
  }
  return structure === 'object'
    ? mergeObject(live as JsonObject, applied as JsonObject, schema)
    : mergeList(live as readonly unknown[], applied as readonly unknown[], schema);
}

function mergeObject(live: JsonObject, applied: JsonObject, schema: JsonSchema | undefined): JsonObject {
  let out: Record<string, unknown> | undefined;
  for (const name of Object.keys(applied)) {
    const before = own(live, name);
    const after = applied[name] === undefined ? before : merge(before, applied[name], childSchema(schema, name));
    if (after !== before) (out ??= { ...live })[name] = after;
  }
  return out ?? live;
}

/** Items come in the order applied; an item that only `live` has stays before the shared item that it preceded. */
function mergeList(
  live: readonly unknown[],
  applied: readonly unknown[],
  schema: JsonSchema | undefined,
): readonly unknown[] {
  const wanted = itemsByElement(applied, schema);
  const elements = live.map((item) => itemElement(item, schema));
  const places = new Map(elements.map((element, i) => [element, i] as const).reverse()); // the first of equals wins
  const out: unknown[] = [];
  let next = 0;
  const keepUntil = (end: number): void => {
    for (; next < end; next++) {
      const element = elements[next];
      if (element === undefined || !wanted.has(element)) out.push(live[next]);
    }
  };
  for (const [element, items] of wanted) {
    const place = places.get(element);
    if (place !== undefined) keepUntil(place + 1);
    out.push(merge(place === undefined ? undefined : live[place], items[0], schema?.items));
  }
  keepUntil(live.length);
  return out.length === live.length && out.every((item, i) => item === live[i]) ? live : out;
}

/** Equal, but for members that `applied` leaves out and that `live` has as the schema's default. */
function sameButDefaults(live: unknown, applied: unknown, schema: JsonSchema | undefined): boolean {
  if (Array.isArray(live) && Array.isArray(applied)) {
    return live.length === applied.length && live.every((item, i) => sameButDefaults(item, applied[i], schema?.items));
  }
  if (!isObject(live) || !isObject(applied)) return live === applied;
  for (const name of Object.keys(applied))
    if (applied[name] !== undefined && own(live, name) === undefined) return false;
  return Object.keys(live).every((name) => {
    const below = childSchema(schema, name);
    return sameButDefaults(live[name], own(applied, name) ?? below?.default, below);
  });
}

/**
 * `value` without what `last` holds and `owned` does not: the fields that the applying manager gave up and nobody else has.
 *
 * A struct, list item or map entry that loses its last owner goes with all that is in it (its defaults make no sense alone). A map
 * or keyed list loses only the entries given up, so that what the server put there, such as a finalizer, stays.
 */
export function prune(
  value: unknown,
  last: FieldSet,
  owned: FieldSet | undefined,
  schema: JsonSchema | undefined,
): unknown {
  if (structureOf(value, schema) === 'leaf') return value;
  const kept = new Map<string, unknown>();
  let changed = false;
  eachChild(value, schema, (element, child, below, named) => {
    const given = last[element];
    const left = given ? pruneChild(child, given, owned?.[element], below, named) : child;
    if (left !== child) changed = true;
    kept.set(element, left);
  });
  if (!changed) return value;
  return Array.isArray(value) ? keptItems(value, kept, schema) : keptMembers(kept);
}

function pruneChild(
  child: unknown,
  last: FieldSet,
  owned: FieldSet | undefined,
  schema: JsonSchema | undefined,
  named: boolean,
): unknown {
  const hadIt = named || isMember(last);
  const hasOwner = owned !== undefined && (named || isMember(owned));
  if (!hadIt || hasOwner) return prune(child, last, owned, schema);
  if (!named || !isOpen(child, schema)) return undefined;
  const left = prune(child, last, owned, schema);
  return Object.keys(left as object).length === 0 ? undefined : left;
}

/** Does this consist of entries that come and go one by one, as opposed to a struct? */
const isOpen = (value: unknown, schema: JsonSchema | undefined): boolean =>
  structureOf(value, schema) !== 'leaf' &&
  (Array.isArray(value) || schema === METADATA || schema?.properties === undefined);

const keptMembers = (kept: Map<string, unknown>): JsonObject =>
  Object.fromEntries([...kept].flatMap(([element, child]) => (child === undefined ? [] : [[element.slice(2), child]])));

const keptItems = (list: readonly unknown[], kept: Map<string, unknown>, schema: JsonSchema | undefined): unknown[] =>
  list.flatMap((item) => {
    const element = itemElement(item, schema);
    const left = element === undefined ? item : kept.get(element);
    if (left === undefined) return [];
    return [Array.isArray(left) ? item : left]; // items that share a key are one child, and stay or go together
  });

/**
 * A configuration as it counts: members that are null are not sent. Throws a StatusError (Invalid) for two items with one key and for
 * items without a key, because nobody could own them.
 */
export function normalize(value: unknown, schema: JsonSchema | undefined, path = ''): unknown {
  const structure = structureOf(value, schema);
  if (structure === 'leaf') return value;
  if (structure !== 'object') return normalizeList(value as readonly unknown[], schema, path);
  let out: Record<string, unknown> | undefined;
  for (const [name, member] of Object.entries(value as JsonObject)) {
    const after = normalize(member, childSchema(schema, name), `${path}.${name}`);
    if (after === member && after !== null) continue;
    out ??= { ...(value as JsonObject) };
    if (after === null) delete out[name];
    else out[name] = after;
  }
  return out ?? value;
}

function normalizeList(list: readonly unknown[], schema: JsonSchema | undefined, path: string): readonly unknown[] {
  const seen = new Set<string>();
  return list.map((item, i) => {
    const element = itemElement(item, schema);
    if (element === undefined) {
      throw invalidItem(
        `${path}[${i}]`,
        `an item needs ${(schema?.['x-kubernetes-list-map-keys'] ?? []).join(' and ')}, by which it is told from the others`,
      );
    }
    if (seen.has(element)) throw invalidItem(path, `there are duplicate entries for ${describeElement(element)}`);
    seen.add(element);
    return normalize(item, schema?.items, path + describeElement(element));
  });
}

const invalidItem = (field: string, why: string): StatusError =>
  new StatusError('Invalid', `${field}: ${why}`, {
    causes: [{ reason: 'FieldValueInvalid', field: field.slice(1), message: why }],
  });
