/** Kubernetes' strategic merge patch: a merge patch in which lists merge as the schema says, with directives beginning with `$`. */
import type { JsonSchema } from '../../api/kind.ts';
import { StatusError } from '../../base/errors.ts';
import { canonicalJson, sameJson } from '../../base/hash.ts';
import { own } from '../../base/own.ts';
import { checkJsonSize } from './bounds.ts';
import { childSchema, isObject, itemElement, structureOf } from './structure.ts';
import type { JsonObject } from './structure.ts';

const DIRECTIVE = '$patch';
const RETAIN = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList/';
const ORDER = '$setElementOrder/';

/** `schema` is that of the whole document. Shares the parts of `target` that the patch does not name. */
export function strategicPatch<T extends object>(target: T, patch: unknown, schema: JsonSchema): T {
  checkJsonSize(patch, 'the strategic merge patch');
  if (!isObject(patch)) throw invalid('a strategic merge patch is an object such as {"data":{"key":"text"}}');
  const result = mergeObject(target as unknown as JsonObject, patch, schema);
  checkJsonSize(result, 'the patched object');
  return result as T;
}

function mergeObject(target: JsonObject | undefined, patch: JsonObject, schema: JsonSchema | undefined): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'replace') return plain(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') throw invalid(`$patch: expected replace, merge or delete`);
  const out: Record<string, unknown> = { ...retained(target ?? {}, patch[RETAIN]) };
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(DELETE_FROM)) removeValues(out, name.slice(DELETE_FROM.length), value);
    else if (name.startsWith('$')) continue;
    else if (value === null) delete out[name];
    else out[name] = mergeValue(own(out, name), value, childSchema(schema, name));
  }
  for (const [name, order] of Object.entries(patch))
    if (name.startsWith(ORDER)) reorder(out, name.slice(ORDER.length), order, schema);
  return out;
}

function mergeValue(target: unknown, patch: unknown, schema: JsonSchema | undefined): unknown {
  if (isObject(patch)) return mergeObject(isObject(target) ? target : undefined, patch, schema);
  if (!Array.isArray(patch)) return patch;
  const structure = structureOf(patch, schema);
  const before: unknown[] = Array.isArray(target) ? target : [];
  if (structure === 'set')
    return [...before, ...patch.filter((item) => !before.some((other) => sameJson(other, item)))];
  if (structure === 'map') return mergeItems(before, patch, schema);
  return patch.filter((item) => !isDirective(item, 'replace')).map((item) => (isObject(item) ? plain(item) : item));
}

function mergeItems(before: readonly unknown[], patch: readonly unknown[], schema: JsonSchema | undefined): unknown[] {
  const items = patch.some((item) => isDirective(item, 'replace')) ? [] : [...before];
  for (const item of patch.filter(isObject)) {
    const key = itemElement(item, schema);
    if (key === undefined) continue;
    const at = items.findIndex((other) => itemElement(other, schema) === key);
    if (item[DIRECTIVE] === 'delete') items.splice(at, at < 0 ? 0 : 1);
    else if (at < 0) items.push(mergeObject(undefined, item, schema?.items));
    else items[at] = mergeObject(items[at] as JsonObject, item, schema?.items);
  }
  return items;
}

const isDirective = (item: unknown, directive: string): boolean =>
  isObject(item) && item[DIRECTIVE] === directive && Object.keys(item).length === 1;

const plain = (patch: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(patch).filter(([name, value]) => !name.startsWith('$') && value !== null));

function retained(target: JsonObject, keys: unknown): JsonObject {
  if (keys === undefined) return target;
  if (!Array.isArray(keys)) throw invalid(`${RETAIN}: expected a list of names`);
  return Object.fromEntries(Object.entries(target).filter(([name]) => keys.includes(name)));
}

function removeValues(out: Record<string, unknown>, name: string, values: unknown): void {
  const list = own(out, name);
  if (!Array.isArray(values)) throw invalid(`${DELETE_FROM}${name}: expected a list of values`);
  const gone = new Set(values.map(canonicalJson));
  if (Array.isArray(list)) out[name] = list.filter((item) => !gone.has(canonicalJson(item)));
}

/** Those that the order names come in it; the others stay behind them. */
function reorder(out: Record<string, unknown>, name: string, order: unknown, schema: JsonSchema | undefined): void {
  const list = own(out, name);
  if (!Array.isArray(order) || !Array.isArray(list)) return;
  const items = childSchema(schema, name);
  const places = new Map(order.map((item, place) => [itemElement(item, items), place]));
  const placeOf = (item: unknown) => places.get(itemElement(item, items)) ?? order.length;
  out[name] = list.toSorted((a, b) => placeOf(a) - placeOf(b));
}

const invalid = (message: string): StatusError =>
  new StatusError('Invalid', message, { causes: [{ reason: 'FieldValueInvalid', message }] });
