import type { JsonSchema, KindDefinition } from './kind.ts';

/** What the fields of a kind are called and may hold, as its schemas say it: for OpenAPI, `explain` and the kinds' pages. */

export interface Field {
  name: string;
  schema: JsonSchema;
  required: boolean;
}

/** The schema of a whole document of the kind. */
export function documentSchema(kind: KindDefinition): JsonSchema {
  const text = (description: string): JsonSchema => ({ type: 'string', description });
  const { spec, ...others } = kind.content;
  return {
    type: 'object',
    description: kind.description,
    properties: {
      apiVersion: text(`Always ${kind.apiVersion}.`),
      kind: text(`Always ${kind.kind}.`),
      metadata: { type: 'object', description: 'Name, namespace, labels and annotations.' },
      ...(spec ? { spec: { description: 'What is wanted.', ...spec } } : {}),
      ...others,
      status: { description: 'What was last seen.', ...kind.status },
    },
  };
}

/** What a list or a map holds; nothing of another schema. */
export const itemsOf = ({ items, additionalProperties }: JsonSchema): JsonSchema | undefined =>
  items ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);

/** The fields of an object, or of the objects in a list or a map. */
export function fieldsIn(schema: JsonSchema): readonly Field[] {
  const items = itemsOf(schema);
  if (items && !schema.properties) return fieldsIn(items);
  return Object.entries(schema.properties ?? {}).map(([name, field]) => ({
    name,
    schema: field,
    required: schema.required?.includes(name) ?? false,
  }));
}

/** As `kubectl explain` names types: `string`, `[]string`, `map[string]string`, `Object`. */
export function typeName(schema: JsonSchema): string {
  const items = itemsOf(schema);
  if (schema.type === 'array') return `[]${typeName(items ?? {})}`;
  if (schema['x-kubernetes-int-or-string']) return 'int-or-string';
  if (schema.type !== 'object') return schema.type ?? 'any';
  return items && !schema.properties ? `map[string]${typeName(items)}` : 'Object';
}

/** What may be written, of a value or of each item of a list, where the schema names it. */
export const allowedValues = (schema: JsonSchema): readonly unknown[] => schema.enum ?? itemsOf(schema)?.enum ?? [];

/** The default, as it would be written in JSON. An empty object is none: its own fields tell theirs. */
export const defaultText = ({ default: value }: JsonSchema): string | undefined => {
  const text = JSON.stringify(value) as string | undefined;
  return text === '{}' ? undefined : text;
};
