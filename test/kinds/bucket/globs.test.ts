import { describe, expect, it } from 'vitest';
import { Filters, matchesGlob } from '../../../src/kinds/bucket/cli/globs.ts';

describe('--include and --exclude', () => {
  it.each([
    ['*', 'a/b/c', true],
    ['*.jpg', 'deep/er/x.jpg', true],
    ['*.jpg', 'x.jpg.txt', false],
    ['a?c', 'a/c', true],
    ['a?c', 'ac', false],
    ['?', '\u{1F600}', true],
    ['[a-c]*', 'box', true],
    ['[!a-c]*', 'box', false],
    ['[]x]', ']', true],
    ['[!]]', ']', false],
    ['[a', '[a', true],
    ['a-[0-9-]', 'a--', true],
    ['*a*b', 'xxaxxaxb', true],
    ['*a*b', 'xxaxxax', false],
    ['', '', true],
    ['**', '', true],
    ['a.c', 'abc', false],
  ])('%s of %s: %s', (glob, text, expected) => {
    expect(matchesGlob(text, glob)).toBe(expected);
  });

  it('take no time that grows faster than both texts', () => {
    expect(matchesGlob('a'.repeat(3_000), `${'*a'.repeat(1_000)}b`)).toBe(false);
  });

  it('the last one that matches decides; what none matches is meant', () => {
    const filters = new Filters();
    expect(filters.has('a.txt')).toBe(true);
    filters.exclude('*');
    filters.include('*.txt');
    filters.exclude('secret*');
    expect(['a.txt', 'a.jpg', 'secret.txt'].map((name) => filters.has(name))).toEqual([true, false, false]);
  });
});
