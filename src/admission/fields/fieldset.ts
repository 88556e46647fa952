/**
 * A set of fields, in the form in which objects store it (FieldsV1): `{"f:spec":{"f:image":{}}}`.
 *
 * An element of a path is `f:<member>`, `k:<keys of a list item as JSON>`, `v:<value of a set as JSON>` or `i:<index>`.
 * A node without elements is itself in the set; a node with elements is in the set only when it also has `.`.
 * The root is never in the set, so `{}` is the empty set. Sets are immutable and share their parts.
 */
import type { FieldsV1 } from '../../api/metadata.ts';
import { StatusError } from '../../base/errors.ts';
import { canonicalJson } from '../../base/hash.ts';
import { MAX_DEPTH } from './bounds.ts';

export type FieldSet = Readonly<FieldsV1>;

export const EMPTY: FieldSet = Object.freeze({});
/** A node that is in the set and has nothing below it. */
export const LEAF: FieldSet = EMPTY;

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Is this node, reached by a path of at least one element, itself in the set? */
export const isMember = (node: FieldSet): boolean => node['.'] !== undefined || isEmpty(node);

/** `path` holds elements such as `f:spec`; a container counts only when it is itself in the set. */
export function has(set: FieldSet, path: readonly string[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node?.[element];
  return path.length > 0 && node !== undefined && isMember(node);
}

/** Which members an operation keeps: those only of the left, only of the right, and of both. */
interface Keep {
  left: boolean;
  right: boolean;
  both: boolean;
}

const UNION: Keep = { left: true, right: true, both: true };
const DIFFERENCE: Keep = { left: true, right: false, both: false };
const INTERSECTION: Keep = { left: false, right: false, both: true };

export const union = (a: FieldSet, b: FieldSet): FieldSet => combineRoots(a, b, UNION);
/** The members of `a` that are not members of `b`; what lies below a member of `b` stays. */
export const difference = (a: FieldSet, b: FieldSet): FieldSet => combineRoots(a, b, DIFFERENCE);
export const intersection = (a: FieldSet, b: FieldSet): FieldSet => combineRoots(a, b, INTERSECTION);

const combineRoots = (a: FieldSet, b: FieldSet, keep: Keep): FieldSet =>
  combine(isEmpty(a) ? undefined : a, isEmpty(b) ? undefined : b, keep) ?? EMPTY;

function combine(a: FieldSet | undefined, b: FieldSet | undefined, keep: Keep): FieldSet | undefined {
  if (a === undefined) return keep.right ? b : undefined;
  if (b === undefined) return keep.left ? a : undefined;
  const out: FieldsV1 = {};
  for (const element in a) {
    const child = element === '.' ? undefined : combine(a[element], b[element], keep);
    if (child) out[element] = child;
  }
  if (keep.right) for (const element in b) if (element !== '.' && !a[element]) out[element] = b[element] ?? LEAF;
  const member = isMember(a) ? (isMember(b) ? keep.both : keep.left) : keep.right && isMember(b);
  if (isEmpty(out)) return member ? LEAF : undefined;
  if (member) out['.'] = LEAF;
  return out;
}

/** The set without one member of its first level; what lies below it stays. */
export function withoutMember(set: FieldSet, element: string): FieldSet {
  return set[element] === undefined ? set : difference(set, { [element]: LEAF });
}

/** The members as people write them: `.spec.image`, `.spec.list[name="a"]`, `.metadata.finalizers[="x"]`. */
export function toPaths(set: FieldSet): string[] {
  const paths: string[] = [];
  const visit = (node: FieldSet, path: string): void => {
    if (path !== '' && isMember(node)) paths.push(path);
    for (const element in node) if (element !== '.') visit(node[element] ?? LEAF, path + describeElement(element));
  };
  visit(set, '');
  return paths;
}

export function describeElement(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('i:')) return `[${rest}]`;
  if (element.startsWith('v:')) return `[=${rest}]`;
  const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>);
  return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}

/** Checks FieldsV1 that came from a client and gives it in canonical form. Throws a StatusError (Invalid). */
export function parseFields(value: unknown, depth = 0): FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('a set of fields is an object');
  if (depth > MAX_DEPTH) throw invalid(`it is nested deeper than ${MAX_DEPTH}`);
  const out: FieldsV1 = {};
  for (const [element, child] of Object.entries(value)) {
    if (element !== '.') out[parseElement(element)] = parseFields(child, depth + 1);
    else if (depth > 0) out['.'] = LEAF;
  }
  const elements = Object.keys(out);
  return elements.length === 1 && elements[0] === '.' ? LEAF : out;
}

function parseElement(element: string): string {
  const [kind, rest] = [element.slice(0, 2), element.slice(2)];
  if (kind === 'f:' || (kind === 'i:' && /^\d{1,9}$/.test(rest))) return element;
  if (kind === 'k:' || kind === 'v:') {
    const value = parseJson(rest, element);
    if (kind === 'v:' || (typeof value === 'object' && value !== null && !Array.isArray(value)))
      return kind + canonicalJson(value);
  }
  throw invalid(`"${element.slice(0, 80)}" is not f:<name>, k:<keys>, v:<value> or i:<index>`);
}

function parseJson(text: string, element: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(`"${element.slice(0, 80)}" does not hold JSON after its first colon`);
  }
}

const invalid = (why: string): StatusError =>
  new StatusError('Invalid', `metadata.managedFields: fieldsV1 cannot be read: ${why}`, {
    causes: [{ reason: 'FieldValueInvalid', field: 'metadata.managedFields', message: why }],
  });
