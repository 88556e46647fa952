/** From documents to sets of fields: what a value holds, what differs between two, and what of a set still exists. */
import type { FieldsV1 } from '../../api/metadata.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { sameJson } from '../../base/hash.ts';
import { EMPTY, LEAF, isEmpty, isMember, withoutMember } from './fieldset.ts';
import type { FieldSet } from './fieldset.ts';
import { eachChild, structureOf } from './structure.ts';
import type { JsonObject } from './structure.ts';

/** The fields that a configuration claims: its leaves, its list items and its map entries. */
export const fieldsOf = (document: JsonObject, schema: JsonSchema): FieldSet =>
  withoutMember(isEmptyObject(document) ? EMPTY : claim(document, schema, false), 'f:metadata');

const isEmptyObject = (document: JsonObject): boolean => Object.values(document).every((value) => value === undefined);

/** With `containers`, every object and list on the way is claimed too: the fields that come and go with the value. */
function claim(value: unknown, schema: JsonSchema | undefined, containers: boolean): FieldSet {
  if (structureOf(value, schema) === 'leaf') return LEAF;
  const node: FieldsV1 = {};
  eachChild(value, schema, (element, child, below, named) => {
    const claimed = claim(child, below, containers);
    node[element] = claimed === LEAF || (named && !containers) ? claimed : { '.': LEAF, ...claimed };
  });
  return isEmpty(node) ? LEAF : node;
}

/** What comes and goes with a value: itself and all that is in it. */
function everyField(value: unknown, schema: JsonSchema | undefined): FieldSet {
  const below = claim(value, schema, true);
  return below === LEAF ? LEAF : { '.': LEAF, ...below };
}

/** A value that appeared is added with all below it, one that went is removed with all below it. */
export interface Changes {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

const NO_CHANGES: Changes = { added: EMPTY, modified: EMPTY, removed: EMPTY };

/** What differs between two documents. Parts that are the same reference cost nothing. */
export function compare(before: JsonObject, after: JsonObject, schema: JsonSchema): Changes {
  const { added = EMPTY, modified = EMPTY, removed = EMPTY } = compareChildren(before, after, schema) ?? NO_CHANGES;
  return { added: withoutMember(added, 'f:metadata'), modified, removed: withoutMember(removed, 'f:metadata') };
}

export const isUnchanged = (changes: Changes): boolean =>
  isEmpty(changes.added) && isEmpty(changes.modified) && isEmpty(changes.removed);

function compareValues(before: unknown, after: unknown, schema: JsonSchema | undefined): Partial<Changes> | undefined {
  if (before === after) return undefined;
  if (before === undefined) return { added: everyField(after, schema) };
  if (after === undefined) return { removed: everyField(before, schema) };
  const structure = structureOf(before, schema);
  if (structure !== structureOf(after, schema)) {
    return { modified: everyField(before, schema), added: everyField(after, schema) };
  }
  if (structure !== 'leaf') return compareChildren(before, after, schema);
  return sameJson(before, after) ? undefined : { modified: LEAF };
}

function compareChildren(
  before: unknown,
  after: unknown,
  schema: JsonSchema | undefined,
): Partial<Changes> | undefined {
  if (before === after) return undefined;
  const rest = new Map<string, unknown>();
  eachChild(before, schema, (element, child) => rest.set(element, child));
  let out: { added?: FieldsV1; modified?: FieldsV1; removed?: FieldsV1 } | undefined;
  const note = (element: string, changes: Partial<Changes> | undefined): void => {
    if (!changes) return;
    out ??= {};
    if (changes.added) (out.added ??= {})[element] = changes.added;
    if (changes.modified) (out.modified ??= {})[element] = changes.modified;
    if (changes.removed) (out.removed ??= {})[element] = changes.removed;
  };
  eachChild(after, schema, (element, child, below) => {
    note(element, compareValues(rest.get(element), child, below));
    rest.delete(element);
  });
  if (rest.size > 0) {
    eachChild(before, schema, (element, child, below) => {
      if (rest.has(element)) note(element, compareValues(child, undefined, below));
    });
  }
  return out;
}

/** The members of the set that the document has. Fields below what the schema calls atomic become that whole. */
export function existing(set: FieldSet, document: JsonObject, schema: JsonSchema): FieldSet {
  return existingChildren(set, document, schema) ?? EMPTY;
}

function existingNode(node: FieldSet, value: unknown, schema: JsonSchema | undefined): FieldSet | undefined {
  if (structureOf(value, schema) !== 'leaf')
    return existingChildren(node, value, schema) ?? (isMember(node) ? LEAF : undefined);
  return isMember(node) || (typeof value === 'object' && value !== null) ? LEAF : undefined;
}

function existingChildren(node: FieldSet, value: unknown, schema: JsonSchema | undefined): FieldSet | undefined {
  const out: FieldsV1 = {};
  eachChild(value, schema, (element, child, below) => {
    const owned = node[element];
    const left = owned && existingNode(owned, child, below);
    if (left) out[element] = left;
  });
  if (isEmpty(out)) return undefined;
  if (node['.']) out['.'] = LEAF;
  return out;
}
