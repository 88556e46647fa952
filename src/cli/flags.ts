import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../base/quantity.ts';

/** Readers of flags' values. What they refuse, commander reports with the flag's name. */

/** A time span in milliseconds: `30s`, `5m`, `500ms`; a bare number is seconds, as kubectl's; 0 is none. */
export function durationFlag(text: string): number {
  const ms = parseDuration(/^\d{1,9}$/.test(text) ? `${text}s` : text);
  if (ms === undefined) throw new InvalidArgumentError('expected a duration such as 30s, 5m or 500ms.');
  return ms;
}

export function countFlag(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

/** `--wait`, `--wait=false`. */
export function booleanFlag(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidArgumentError('expected true or false.');
}

/** For flags that may be given several times. */
export const collectFlag = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** One of a few words. */
export const oneOfFlag =
  <T extends string>(words: readonly T[]) =>
  (text: string): T => {
    const found = words.find((word) => word === text);
    if (found === undefined) throw new InvalidArgumentError(`expected one of ${words.join(', ')}.`);
    return found;
  };
