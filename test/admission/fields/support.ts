import fc from 'fast-check';
import type { JsonSchema } from '../../../src/api/kind.ts';
import type { Document } from '../../../src/admission/fields/document.ts';
import { apply } from '../../../src/admission/fields/apply.ts';
import { conflictError } from '../../../src/admission/fields/conflicts.ts';
import { trackUpdate } from '../../../src/admission/fields/update.ts';
import type { FieldSet } from '../../../src/admission/fields/fieldset.ts';
import { has } from '../../../src/admission/fields/fieldset.ts';
import { rootOf } from '../../../src/admission/fields/structure.ts';
import { compare } from '../../../src/admission/fields/compare.ts';

/** One of each list and map type. */
export const SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        image: { type: 'string' },
        replicas: { type: 'integer' },
        env: { type: 'object', additionalProperties: { type: 'string' } },
        command: { type: 'array', items: { type: 'string' } },
        zones: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'tcp' },
              host: { type: 'integer' },
              note: { type: 'string' },
            },
          },
        },
        mounts: {
          type: 'array',
          items: { type: 'object', properties: { path: { type: 'string' }, mode: { type: 'string', default: 'rw' } } },
        },
        check: { type: 'object', properties: { path: { type: 'string' }, interval: { type: 'integer' } } },
        selector: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'string' } },
      },
    },
    status: { type: 'object', properties: { phase: { type: 'string' } } },
  },
};

export const ROOT = rootOf(SCHEMA);

export type Doc = Document & { spec?: Record<string, unknown>; status?: Record<string, unknown> };

export const doc = (spec?: Record<string, unknown>, metadata: Record<string, unknown> = {}): Doc => ({
  apiVersion: 'miniaws.dev/v1',
  kind: 'Instance',
  metadata: { name: 'web', namespace: 'default', ...metadata },
  ...(spec ? { spec } : {}),
});

export const at = (second: number): Date => new Date(Date.UTC(2026, 10, 1, 0, 0, second));

export interface Options {
  force?: boolean;
  second?: number;
  subresource?: string;
}

/** Applies and gives the object; throws the conflict. */
export function applied(live: Doc | undefined, config: Doc, manager: string, options: Options = {}): Doc {
  const { second = 0, ...rest } = options;
  const result = apply({ live, applied: config, manager, schema: SCHEMA, now: at(second), ...rest });
  if (result.conflicts.length > 0) throw conflictError(result.conflicts);
  return result.object as Doc;
}

/** Writes `after` as a PUT does. */
export function updated(before: Doc | undefined, after: Doc, manager: string, options: Options = {}): Doc {
  const { second = 0, subresource } = options;
  const managedFields = trackUpdate({
    before,
    after,
    manager,
    schema: SCHEMA,
    now: at(second),
    ...(subresource ? { subresource } : {}),
  });
  return { ...after, metadata: { ...after.metadata, managedFields } };
}

export const fieldsBy = (object: Doc, manager: string): FieldSet | undefined =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;

export const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return 'did not throw';
};

/** The document without ownership and without the order of keyed lists, which appliers may set in turn. */
export function values(object: Doc): unknown {
  const { managedFields: _, ...metadata } = object.metadata;
  const spec = { ...object.spec };
  for (const list of ['zones', 'ports']) {
    if (Array.isArray(spec[list])) spec[list] = (spec[list] as unknown[]).map((x) => JSON.stringify(x)).sort();
  }
  return { ...object, metadata, spec };
}

const word = fc.constantFrom('a', 'b', 'c');
const number = fc.integer({ min: 1, max: 3 });
const port = fc.record(
  { port: number, protocol: fc.constantFrom('tcp', 'udp'), host: number, note: word },
  { requiredKeys: ['port', 'protocol'] },
);

/** A configuration that may say anything that the schema has. */
const anySpec = fc.record(
  {
    image: word,
    replicas: number,
    env: fc.dictionary(word, word, { noNullPrototype: true }),
    command: fc.array(word, { maxLength: 3 }),
    zones: fc.uniqueArray(word),
    ports: fc.uniqueArray(port, { selector: (p) => `${p.port}/${p.protocol}`, maxLength: 3 }),
    check: fc.record({ path: word, interval: number }, { requiredKeys: [] }),
    selector: fc.dictionary(word, word, { noNullPrototype: true }),
    extra: fc.oneof(
      word,
      fc.array(word),
      fc.dictionary(word, fc.dictionary(word, word, { noNullPrototype: true }), { noNullPrototype: true }),
    ),
  },
  { requiredKeys: [] },
);

export const anyDoc: fc.Arbitrary<Doc> = fc
  .record({
    spec: anySpec,
    labels: fc.option(fc.dictionary(word, word, { noNullPrototype: true }), { nil: undefined }),
  })
  .map(({ spec, labels }) => doc(spec, labels ? { labels } : {}));

/** Every member of the set is a field of the document: shown by what appears when the document comes from nothing. */
export function allExist(set: FieldSet, object: Doc): boolean {
  const { added } = compare(
    {},
    { metadata: { labels: object.metadata.labels }, spec: object.spec, status: object.status },
    ROOT,
  );
  const visit = (node: FieldSet, path: string[]): boolean =>
    Object.entries(node).every(([element, child]) => {
      if (element === '.') return path.length === 0 || has(added, path);
      const here = [...path, element];
      return Object.keys(child).length === 0 ? has(added, here) : visit(child, here);
    });
  return visit(set, []);
}
