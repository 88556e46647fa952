import { compareKeys } from '../base/compare-keys.ts';

export const arnOf = ({ bucket, key }: { bucket: string; key: string }): string => `arn:miniaws:s3:::${bucket}/${key}`;

/** Code points that are no characters, and stand for nothing in UTF-8. */
const [FIRST_SURROGATE, LAST_SURROGATE] = [0xd800, 0xdfff];
const LAST_CODE_POINT = 0x10ffff;

/** The first text after all that begin with this one; `undefined`: there is none. */
export function afterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  if (last === undefined) return undefined;
  const next = last + 1 === FIRST_SURROGATE ? LAST_SURROGATE + 1 : last + 1;
  return String.fromCodePoint(...points, next);
}

/** The first text after this one: a key has no NUL. */
export const afterKey = (key: string): string => `${key}\u0001`;

/** Where a page begins, and the first text that is not of it any more; null: it has no end. */
export function rangeOf(prefix: string, delimiter: string, after: string): { from: string; until: string | null } {
  const until = afterPrefix(prefix) ?? null;
  if (compareKeys(after, prefix) < 0) return { from: prefix, until };
  // After a common prefix come the keys behind all that it stands for.
  const isCommon = after !== '' && commonPrefixOf(after, prefix, delimiter) === after;
  const from = isCommon ? afterPrefix(after) : afterKey(after);
  return from === undefined ? { from: '', until: '' } : { from: after === '' ? '' : from, until };
}

/** What a key is told by, where the delimiter is in it after the prefix. */
export function commonPrefixOf(key: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '' || !key.startsWith(prefix)) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}
