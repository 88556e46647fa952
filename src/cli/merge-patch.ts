import { sameJson } from '../base/hash.ts';
import { own } from '../base/own.ts';

const isMembers = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The RFC 7386 merge patch that makes `after` of `before`; `undefined` when they are equal. Lists are replaced as a whole. */
export function mergePatchOf(before: unknown, after: unknown): unknown {
  if (sameJson(before, after)) return undefined;
  if (!isMembers(before) || !isMembers(after)) return after;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if ((own(after, key) ?? null) === null) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const change = mergePatchOf(own(before, key), value);
    if (change !== undefined && change !== null) patch[key] = change;
  }
  return patch;
}
