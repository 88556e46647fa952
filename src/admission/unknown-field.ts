import type { JsonSchema } from '../api/kind.ts';
import { own } from '../base/own.ts';
import { nearest } from '../api/registry.ts';
import { memoised } from '../base/memoised.ts';
import type { Segment } from './path.ts';
import { formatPath } from './path.ts';

/** Where else a field may stand, as a hint has it. */
interface Whole {
  /** Of the document: `spec` and `metadata` are its properties. */
  document: JsonSchema;
  /** Where the unknown field stands. */
  at: readonly Segment[];
}

/** What is told of a field that the schema does not know: what it is called here, or what was most likely meant. */
export function unknownField(field: string, schema: JsonSchema | undefined, whole: Whole): string {
  const names = Object.keys(schema?.properties ?? {});
  const called = schema ? (aliasesOf(schema).get(field.toLowerCase()) ?? []) : [];
  if (called.length > 0) return `unknown field; here it is called ${called.map(quoted).join(' or ')}`;
  const why = own(schema?.['x-not-here'] ?? {}, field);
  if (why) return `unknown field; there is no such thing here: ${why}`;
  const near = nearest(field, names);
  if (near) return `unknown field; did you mean "${near}"?`;
  const place = placeOf(field, whole) ?? (schema ? nestedPlaces(schema).get(field) : undefined);
  return place === undefined ? 'unknown field' : `unknown field; it belongs in ${quoted(place)}`;
}

const quoted = (text: string): string => `"${text}"`;

/** A field of the specification that was written beside it, or one of the metadata that was written into it. */
function placeOf(field: string, { document, at }: Whole): string | undefined {
  const [part, ...below] = at;
  if (below.length > 0) return undefined;
  const other = part === undefined ? ['metadata', 'spec'] : part === 'spec' ? ['metadata'] : ['spec'];
  const found = other.find((name) => Object.hasOwn(document.properties?.[name]?.properties ?? {}, field));
  return found === undefined ? undefined : `${found}.${field}`;
}

/** By the names that others have for them, in lower case: the fields of the schema and of what is nested in it. */
const aliasesOf = memoised((schema: JsonSchema): ReadonlyMap<string, readonly string[]> => {
  const aliases = new Map<string, string[]>();
  for (const { path, property } of fieldsOf(schema))
    for (const alias of property['x-also-known-as'] ?? []) {
      const name = alias.toLowerCase();
      aliases.set(name, [...(aliases.get(name) ?? []), formatPath(path)]);
    }
  return aliases;
});

/** By its name, the one field nested in the schema that is called so. */
const nestedPlaces = memoised((schema: JsonSchema): ReadonlyMap<string, string> => {
  const places = new Map<string, string | undefined>();
  for (const { path } of fieldsOf(schema)) {
    const name = path.at(-1) ?? '';
    if (path.length > 1) places.set(name, places.has(name) ? undefined : formatPath(path));
  }
  return new Map([...places].flatMap(([name, place]) => (place === undefined ? [] : [[name, place]])));
});

interface Field {
  path: readonly string[];
  property: JsonSchema;
}

/** Fields of the schema and of objects in it, not of the items of lists. */
const fieldsOf = (schema: JsonSchema, above: readonly string[] = []): Field[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = [...above, name];
    return [{ path, property }, ...fieldsOf(property, path)];
  });
