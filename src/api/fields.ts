import type { JsonSchema, KindDefinition } from './kind.ts';

/** What the fields of a kind are called and may hold, as its schemas say it: for OpenAPI, `explain` and the kinds' pages. */

export interface Field {
  name: string;
  schema: JsonSchema;
  required: boolean;
}

const text = (description: string): JsonSchema => ({ type: 'string', description });
const texts = (description: string): JsonSchema => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
});

/** Every kind's, as Kubernetes has it. */
const METADATA: JsonSchema = {
  type: 'object',
  description: 'Name, namespace, labels and annotations.',
  properties: {
    name: text('Its name, one of its kind in its namespace.'),
    namespace: text('The namespace; default when none is named.'),
    labels: texts('What selectors see.'),
    annotations: texts('What else is to be remembered of it.'),
    ownerReferences: {
      type: 'array',
      items: { type: 'object' },
      description: 'Objects that it belongs to: it goes with the last of them.',
    },
    finalizers: { type: 'array', items: { type: 'string' }, description: 'Its deletion waits until there are none.' },
    uid: text('Names it for ever; read only.'),
    resourceVersion: text('The revision of its last change; read only.'),
    generation: { type: 'integer', description: 'Counts changes of what is wanted; read only.' },
    creationTimestamp: text('When it was made; read only.'),
    deletionTimestamp: text('Since when it is being deleted; read only.'),
  },
};

/** The schema of a whole document of the kind. */
export function documentSchema(kind: KindDefinition): JsonSchema {
  const { spec, ...others } = kind.content;
  return {
    type: 'object',
    description: kind.description,
    properties: {
      apiVersion: text(`Always ${kind.apiVersion}.`),
      kind: text(`Always ${kind.kind}.`),
      metadata: METADATA,
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
