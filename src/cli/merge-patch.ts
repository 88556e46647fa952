import { sameJson } from '../base/hash.ts';

const isMembers = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The RFC 7386 merge patch that makes `after` of `before`; `undefined` when they are equal. Lists are replaced as a whole. */
export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (sameJson(before, after)) return undefined;
  if (!isMembers(before) || !isMembers(after)) return after;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if (after[key] === undefined || after[key] === null) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const change = mergePatchOf(before[key], value);
    if (change !== undefined && change !== null) patch[key] = change;
  }
  return patch;
}
