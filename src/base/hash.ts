import { createHash, createHmac } from 'node:crypto';
import { own } from './own.ts';

/** JSON with sorted keys and no `undefined`: equal values give equal text, whatever order they were written in. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`);
  return `{${entries.join(',')}}`;
}

/** SHA-256 as 64 hex digits. */
export function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Twelve hex digits that name a content and tell nothing of it to who has not the key. */
export type Digest = (content: string | Buffer) => string;

/** HMAC-SHA-256 as 64 hex digits. */
export type Mac = (content: string | Buffer) => string;

export const macWith =
  (key: Buffer): Mac =>
  (content) =>
    createHmac('sha256', key).update(content).digest('hex');

/** Keyed, because digests are shown: of a plain hash, a short password could be guessed. */
export const digestBy =
  (mac: Mac): Digest =>
  (content) =>
    mac(content).slice(0, 12);

/** Structural equality of JSON values; an absent key equals an `undefined` one. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((v, i) => sameJson(v, b[i]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) if (!sameJson(left[key], own(right, key))) return false;
  for (const key in right) if (right[key] !== undefined && own(left, key) === undefined) return false;
  return true;
}
