import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GitRef } from '../../../src/drivers/git/git.ts';
import { questionOf, revisionOf } from '../../../src/drivers/git/refs.ts';

const id = (digit: string): string => digit.repeat(40);
const answer = (refs: Record<string, string>): string =>
  Object.entries(refs)
    .map(([name, sha]) => `${sha}\t${name}\n`)
    .join('');
const resolve = (ref: GitRef, refs: Record<string, string>) => revisionOf(ref, answer(refs), 'https://host/x');

describe('what a ref names', () => {
  it('a branch by its whole name, not by the end of another one', () => {
    const refs = { 'refs/heads/x/refs/heads/main': id('1'), 'refs/heads/main': id('2') };
    expect(resolve({ branch: 'main' }, refs)).toEqual({ sha: id('2'), ref: 'refs/heads/main' });
    expect(() => resolve({ branch: 'mai' }, refs)).toThrow('https://host/x has no branch "mai"');
  });

  it('the default branch, by its name where it has one', () => {
    const head = `ref: refs/heads/trunk\tHEAD\n${id('1')}\tHEAD\n`;
    expect(revisionOf({ head: true }, head, 'x')).toEqual({ sha: id('1'), ref: 'refs/heads/trunk' });
    expect(revisionOf({ head: true }, `${id('1')}\tHEAD\n`, 'x')).toEqual({ sha: id('1'), ref: 'HEAD' });
    expect(() => revisionOf({ head: true }, '', 'x')).toThrow('x has no commit yet');
  });

  it('the commit of an annotated tag, not the tag itself', () => {
    const refs = { 'refs/tags/v1': id('1'), 'refs/tags/v1^{}': id('2') };
    expect(resolve({ tag: 'v1' }, refs)).toEqual({ sha: id('2'), ref: 'refs/tags/v1' });
  });

  it.each<[range: string, tags: string[], expected: string | undefined]>([
    ['>=1.2 <2', ['v1.1.9', 'v1.10.0', 'v1.9.0', 'v2.0.0'], 'v1.10.0'],
    ['*', ['1.0.0', 'v0.9.0', 'nightly', 'chart-3.0.0'], '1.0.0'],
    ['^1.0.0', ['v1.1.0-rc.1', 'v1.0.0'], 'v1.0.0'],
    ['>=1.1.0-0', ['v1.1.0-rc.1', 'v1.0.0'], 'v1.1.0-rc.1'],
    ['1.x', ['1.0.0', 'v1.0.0'], 'v1.0.0'],
    ['~3', ['v1.0.0'], undefined],
  ])('the highest tag in the range %s of %j: %s', (semver, tags, expected) => {
    const refs = Object.fromEntries(tags.map((tag, i) => [`refs/tags/${tag}`, id(String(i))]));
    const found = () => resolve({ semver }, refs).ref;
    if (expected === undefined) expect(found).toThrow('no tag in the range "~3"');
    else expect(found()).toBe(`refs/tags/${expected}`);
  });

  it('the same tag in whatever order the server lists them', () => {
    const tags = ['v1.0.0', '1.0.0', 'v1.2.0+a', 'v1.2.0+b', 'v0.1.0'];
    fc.assert(
      fc.property(fc.shuffledSubarray(tags, { minLength: tags.length }), (order) => {
        expect(
          resolve({ semver: '*' }, Object.fromEntries(order.map((tag) => [`refs/tags/${tag}`, id('1')]))).ref,
        ).toBe('refs/tags/v1.2.0+b');
      }),
    );
  });
});

describe('what is refused before git sees it', () => {
  it.each<[GitRef]>([
    [{ branch: '' }],
    [{ branch: '--upload-pack=touch /tmp/x' }],
    [{ branch: '-x' }],
    [{ branch: 'a..b' }],
    [{ branch: 'a b' }],
    [{ branch: 'main:refs/heads/other' }],
    [{ branch: 'ma*' }],
    [{ branch: 'x.lock' }],
    [{ branch: '@' }],
    [{ tag: 'v1^{}' }],
    [{ tag: 'v1~1' }],
    [{ tag: 'a\nb' }],
    [{ tag: 'x/.hidden' }],
    [{ semver: 'not a range' }],
    [{ commit: 'abc123' }],
    [{ commit: `${id('a')}^` }],
    [{ commit: '--all' }],
  ])('%j', (ref) => {
    expect(() => questionOf(ref)).toThrow(expect.objectContaining({ reason: 'Refused' }));
  });

  it.each<[GitRef]>([
    [{ branch: 'main' }],
    [{ branch: 'feature/x-1.2_3' }],
    [{ branch: 'renovate/größer' }],
    [{ tag: 'v1.2.3+build.5' }],
    [{ semver: '>=1 <3 || 5.x' }],
    [{ commit: id('0') }],
  ])('and %j is not', (ref) => {
    expect(() => questionOf(ref)).not.toThrow();
  });
});
