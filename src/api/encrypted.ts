import { memoised } from '../base/memoised.ts';
import type { JsonSchema, KindDefinition } from './kind.ts';
import { LAST_APPLIED } from './metadata.ts';

type Path = readonly string[];

/** The members of a kind's documents that rest encrypted, and the copy of them that kubectl keeps in an annotation. */
const encryptedPaths = memoised((kind: Pick<KindDefinition, 'content'>): readonly Path[] => {
  const paths = Object.entries(kind.content).flatMap(([member, schema]) => within(schema, [member]));
  return paths.length === 0 ? [] : [...paths, ['metadata', 'annotations', LAST_APPLIED]];
});

function within(schema: JsonSchema, at: Path): Path[] {
  if (schema['x-encrypted'] === true) return [at];
  return Object.entries(schema.properties ?? {}).flatMap(([member, inner]) => within(inner, [...at, member]));
}

/** Whether documents of the kind hold what nobody may read beside who reads the document itself. */
export const holdsSecrets = (kind: Pick<KindDefinition, 'content'>): boolean => encryptedPaths(kind).length > 0;

/** The document with each of these values replaced; itself when it has none of them. `path` tells them apart. */
export function mapEncrypted<T extends object>(
  kind: Pick<KindDefinition, 'content'>,
  document: T,
  change: (value: unknown, path: string) => unknown,
): T {
  return encryptedPaths(kind).reduce((all, path) => replaced(all, path, path.join('.'), change) as T, document);
}

function replaced(
  node: unknown,
  path: Path,
  whole: string,
  change: (value: unknown, path: string) => unknown,
): unknown {
  const [member, ...rest] = path;
  if (member === undefined) return change(node, whole);
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, member)) return node;
  const before = (node as Record<string, unknown>)[member];
  const after = replaced(before, rest, whole, change);
  return after === before ? node : { ...node, [member]: after };
}

/** Two versions of a document for people: of what is secret they show which keys there are and whether each has changed, as kubectl diff does. */
export function maskedPair<T extends object>(
  kind: Pick<KindDefinition, 'content'>,
  [before, after]: readonly [T | undefined, T | undefined],
): [T | undefined, T | undefined] {
  const values: Record<'before' | 'after', Map<string, unknown>> = { before: new Map(), after: new Map() };
  const read = (side: 'before' | 'after', document: T | undefined) =>
    document &&
    mapEncrypted(kind, document, (value, path) => {
      values[side].set(path, value);
      return value;
    });
  read('before', before);
  read('after', after);
  const hide = (side: 'before' | 'after', document: T | undefined) => {
    const other = values[side === 'before' ? 'after' : 'before'];
    return document && mapEncrypted(kind, document, (value, path) => hidden(value, other.get(path), side));
  };
  return [hide('before', before), hide('after', after)];
}

/** One document for people, without what is secret in it. */
export const masked = <T extends object>(kind: Pick<KindDefinition, 'content'>, document: T): T =>
  mapEncrypted(kind, document, (value) => hidden(value, value, 'after'));

const MASK = '***';

function hidden(value: unknown, other: unknown, side: 'before' | 'after'): unknown {
  if (!isMapping(value)) return other === undefined || other === value ? MASK : `${MASK} (${side})`;
  const beside = isMapping(other) ? other : {};
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hidden(inner, beside[key], side)]));
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
