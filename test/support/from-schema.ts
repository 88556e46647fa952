import fc from 'fast-check';
import type { JsonSchema } from '../../src/api/kind.ts';

/** Values that a schema cannot tell apart from wrong ones, by path: `ports[]`, `resources.memory`. */
export type Hints = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** Few of each: what is generated is read by people when a walk fails. */
const MOST = 3;
const TEXT = 12;

/** Values that the schema allows: optional fields come and go. Rules beyond the schema may still refuse one. */
export function fromSchema(schema: JsonSchema, hints: Hints = {}, path = ''): fc.Arbitrary<unknown> {
  const hint = hints[path];
  if (hint) return hint;
  if (schema.enum) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'object':
      return schema.properties ? record(schema, hints, path) : dictionary(schema, hints, path);
    case 'array':
      return list(schema, hints, path);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({
        min: schema.minimum ?? 0,
        max: Math.min(schema.maximum ?? 100, (schema.minimum ?? 0) + 100),
      });
    case 'number':
      return fc.integer({ min: Math.ceil(schema.minimum ?? 0), max: 8 });
    default:
      return text(schema);
  }
}

function record(schema: JsonSchema, hints: Hints, path: string): fc.Arbitrary<unknown> {
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [
    name,
    fromSchema(field, hints, path === '' ? name : `${path}.${name}`),
  ]);
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
    requiredKeys: [...(schema.required ?? [])],
    noNullPrototype: true,
  });
}

function dictionary(schema: JsonSchema, hints: Hints, path: string): fc.Arbitrary<unknown> {
  const keys = hints[`${path}{}`] ?? text(schema.propertyNames ?? {});
  const values =
    typeof schema.additionalProperties === 'object'
      ? fromSchema(schema.additionalProperties, hints, `${path}.*`)
      : fc.string();
  return fc.dictionary(keys as fc.Arbitrary<string>, values, { maxKeys: MOST, noNullPrototype: true });
}

function list(schema: JsonSchema, hints: Hints, path: string): fc.Arbitrary<unknown> {
  const item = fromSchema(schema.items ?? {}, hints, `${path}[]`);
  const length = { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? MOST, MOST) };
  return schema.uniqueItems ? fc.uniqueArray(item, length) : fc.array(item, length);
}

function text({ pattern, minLength = 1, maxLength = TEXT }: JsonSchema): fc.Arbitrary<string> {
  if (pattern === undefined)
    return fc.string({ minLength, maxLength: Math.min(maxLength, TEXT), unit: 'grapheme-ascii' });
  return fc
    .stringMatching(new RegExp(pattern))
    .filter((s) => s.length >= minLength && s.length <= maxLength && s.length < 40);
}

/** One field of a specification set anew or, where it may be, taken away. */
export interface FieldChange {
  field: string;
  value: unknown;
}

export function fieldChanges(schema: JsonSchema, hints: Hints = {}): fc.Arbitrary<FieldChange> {
  const required = new Set(schema.required);
  return fc.oneof(
    ...Object.entries(schema.properties ?? {}).map(([field, of]) => {
      const value = fromSchema(of, hints, field);
      return fc.record({
        field: fc.constant(field),
        value: required.has(field) ? value : fc.option(value, { nil: undefined }),
      });
    }),
  );
}
