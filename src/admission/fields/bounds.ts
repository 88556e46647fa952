import { StatusError } from '../../base/errors.ts';

/** Deepest nesting of a document or patch. No kind needs a fourth of it; recursion over less is safe on any stack. */
export const MAX_DEPTH = 64;
/** Largest document or patch, in bytes of JSON as estimated by `checkJsonSize`: the limit of the Kubernetes API server (3 MiB). */
export const MAX_BYTES = 3 * 1024 * 1024;

/** What PostgreSQL's JSONB takes in no text: NUL, and half of a surrogate pair. */
const UNSTORABLE = /[\0\p{Cs}]/u;

/**
 * The JSON size of `value`, estimated from below (escapes and multi-byte characters count one). Throws a StatusError as soon as it is more
 * than `limit`, nested deeper than MAX_DEPTH, holds something that is not JSON, text that cannot be stored, or a member named `__proto__`.
 */
export function checkJsonSize(value: unknown, what: string, limit = MAX_BYTES, depth = 0): number {
  if (typeof value === 'string') return within(textWeight(value, what), limit, what);
  if (typeof value !== 'object' || value === null) return within(scalarWeight(value, what), limit, what);
  if (depth >= MAX_DEPTH) throw refused('Invalid', what, `is nested deeper than ${MAX_DEPTH}`, 'flatten it');
  return Array.isArray(value) ? weighList(value, what, limit, depth) : weighObject(value, what, limit, depth);
}

function weighList(list: readonly unknown[], what: string, limit: number, depth: number): number {
  let weight = 2;
  for (const item of list) weight += 1 + checkJsonSize(item, what, limit - weight, depth + 1);
  return within(weight, limit, what);
}

function weighObject(object: object, what: string, limit: number, depth: number): number {
  let weight = 2;
  for (const [name, member] of Object.entries(object)) {
    if (name === '__proto__') throw refused('Invalid', what, 'has a member named "__proto__"', 'remove it');
    if (member === undefined) continue;
    weight += textWeight(name, what) + 2;
    weight += checkJsonSize(member, what, limit - weight, depth + 1);
  }
  return within(weight, limit, what);
}

function textWeight(text: string, what: string): number {
  if (UNSTORABLE.test(text))
    throw refused('Invalid', what, 'holds text with NUL or half of a surrogate pair', 'take that character out');
  return text.length + 2;
}

function scalarWeight(value: unknown, what: string): number {
  if (value === null || typeof value === 'boolean') return 4;
  if (typeof value === 'number' && Number.isFinite(value)) return 1;
  throw refused('Invalid', what, `holds a value of type ${typeof value}, which JSON does not have`, 'send JSON');
}

function within(weight: number, limit: number, what: string): number {
  if (weight <= limit) return weight;
  throw refused('RequestEntityTooLarge', what, `is larger than ${MAX_BYTES} bytes`, 'split it into several objects');
}

const refused = (reason: 'Invalid' | 'RequestEntityTooLarge', what: string, is: string, todo: string): StatusError =>
  new StatusError(reason, `${what} ${is}; ${todo}`, {
    causes: [{ reason: 'FieldValueInvalid', message: `${what} ${is}` }],
  });
