import { stringify } from 'yaml';
import { contentOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { JsonSchema } from '../api/kind.ts';

/** Documents as people read them: keys in the order of the schema, without what only machines need. */

const FIRST = ['apiVersion', 'kind', 'metadata'];
const METADATA = ['name', 'namespace', 'labels', 'annotations'];

type Members = Readonly<Record<string, unknown>>;
const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const toYaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, indentSeq: true });

/** The document with its keys in their natural order. Field owners are left out unless asked for. */
export function natural(kinds: KindRegistry, resource: Resource, showManagedFields = false): object {
  const kind = kinds.get(resource.kind);
  const { managedFields, ...metadata } = resource.metadata;
  const shown = showManagedFields && managedFields ? { ...metadata, managedFields } : metadata;
  const members: Members = {
    ...resource,
    metadata: inOrder(shown, METADATA),
    ...contentInOrder(kinds, resource),
    ...(resource.status ? { status: bySchema(resource.status, kind?.status) } : {}),
  };
  return inOrder(members, [...FIRST, ...Object.keys(contentOf(resource)), 'status']);
}

/** What people want, in the order of the kind's schema. */
export function contentInOrder(kinds: KindRegistry, resource: Resource): Members {
  const schemas = kinds.get(resource.kind)?.content ?? {};
  const content = Object.entries(contentOf(resource)).map(([name, value]) => [name, bySchema(value, schemas[name])]);
  return inOrder(Object.fromEntries(content) as Members, Object.keys(schemas));
}

function inOrder(members: Members, first: readonly string[]): Members {
  const rest = Object.keys(members).filter((key) => !first.includes(key));
  const keys = [...first.filter((key) => members[key] !== undefined), ...rest];
  return Object.fromEntries(keys.map((key) => [key, members[key]]));
}

/** With its members in the order of the schema. */
export function bySchema(value: unknown, schema: JsonSchema | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => bySchema(item, schema?.items));
  if (!isMembers(value)) return value;
  const ordered = inOrder(value, Object.keys(schema?.properties ?? {}));
  return Object.fromEntries(
    Object.entries(ordered).map(([key, member]) => [key, bySchema(member, schema?.properties?.[key])]),
  );
}

/** What a person wrote of a document: what `edit` shows and `diff` compares. */
export function desired(kinds: KindRegistry, resource: Resource): object {
  const { name, namespace, labels, annotations } = resource.metadata;
  const metadata = {
    name,
    ...(namespace ? { namespace } : {}),
    ...(labels ? { labels } : {}),
    ...(annotations ? { annotations } : {}),
  };
  const { apiVersion, kind } = resource;
  return { apiVersion, kind, metadata, ...contentInOrder(kinds, resource) };
}
