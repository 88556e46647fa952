/** How a document divides into fields: Kubernetes' list and map types, read from the kind's schema. */
import { own } from '../../base/own.ts';
import type { JsonSchema, KindDefinition } from '../../api/kind.ts';
import { canonicalJson } from '../../base/hash.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const STRINGS: JsonSchema = { type: 'object', additionalProperties: { type: 'string' } };

/** The members of metadata that have owners; all others belong to the server. As in Kubernetes, an owner reference is owned as a whole. */
export const METADATA: JsonSchema = {
  type: 'object',
  properties: {
    labels: STRINGS,
    annotations: STRINGS,
    finalizers: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    ownerReferences: {
      type: 'array',
      items: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
    },
  },
};

/** The schema of a kind's whole document, as the functions of this folder take it. Make it once per kind. */
export const documentSchema = (kind: Pick<KindDefinition, 'content' | 'status'>): JsonSchema => ({
  type: 'object',
  properties: { metadata: METADATA, ...kind.content, status: kind.status },
});

const roots = new WeakMap<JsonSchema, JsonSchema>();

/** The schema with our metadata in place of whatever it says of it. */
export function rootOf(schema: JsonSchema): JsonSchema {
  if (schema.properties?.['metadata'] === METADATA) return schema;
  const known = roots.get(schema);
  if (known) return known;
  const root = { ...schema, properties: { ...schema.properties, metadata: METADATA } };
  roots.set(schema, root);
  return root;
}

/** `leaf`: owned as a whole (scalars, atomic lists and maps). The others are owned by their members, values or keyed items. */
export type Structure = 'leaf' | 'object' | 'set' | 'map';

/** Lists are atomic and objects granular unless the schema says otherwise. */
export function structureOf(value: unknown, schema: JsonSchema | undefined): Structure {
  if (Array.isArray(value)) {
    const type = schema?.['x-kubernetes-list-type'];
    return type === 'set' || (type === 'map' && schema?.['x-kubernetes-list-map-keys']?.length) ? type : 'leaf';
  }
  return isObject(value) && schema?.['x-kubernetes-map-type'] !== 'atomic' ? 'object' : 'leaf';
}

export function childSchema(schema: JsonSchema | undefined, name: string): JsonSchema | undefined {
  if (isNamed(schema, name)) return schema?.properties?.[name];
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** Does the schema itself name this member, as opposed to an entry of a map? */
const isNamed = (schema: JsonSchema | undefined, name: string): boolean =>
  schema?.properties !== undefined && Object.hasOwn(schema.properties, name);

/** The path element of an item of a set or map list; undefined for an item without a key, which nobody can own. */
export function itemElement(item: unknown, schema: JsonSchema | undefined): string | undefined {
  const keys = schema?.['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys'] : undefined;
  if (!keys) return typeof item === 'string' ? `v:${JSON.stringify(item)}` : `v:${canonicalJson(item)}`;
  if (!isObject(item)) return undefined;
  const key: Record<string, unknown> = {};
  for (const name of keys) {
    const value = own(item, name) ?? schema?.items?.properties?.[name]?.default;
    if (value === undefined) return undefined;
    key[name] = value;
  }
  return `k:${canonicalJson(key)}`;
}

/** `named`: a member that the schema names. Items with the same key come as one child: the list of them. */
export type Visit = (element: string, child: unknown, schema: JsonSchema | undefined, named: boolean) => void;

/** Visits what a granular value (see `structureOf`) consists of. Members whose value is undefined are absent. */
export function eachChild(value: unknown, schema: JsonSchema | undefined, visit: Visit): void {
  if (!Array.isArray(value)) {
    const object = value as JsonObject;
    for (const name of Object.keys(object)) {
      const child = object[name];
      if (child !== undefined) visit(`f:${name}`, child, childSchema(schema, name), isNamed(schema, name));
    }
    return;
  }
  for (const [element, items] of itemsByElement(value, schema)) {
    visit(element, items.length === 1 ? items[0] : items, schema?.items, false);
  }
}

export function itemsByElement(list: readonly unknown[], schema: JsonSchema | undefined): Map<string, unknown[]> {
  const byElement = new Map<string, unknown[]>();
  for (const item of list) {
    const element = itemElement(item, schema);
    if (element === undefined) continue;
    const same = byElement.get(element);
    if (same) same.push(item);
    else byElement.set(element, [item]);
  }
  return byElement;
}
