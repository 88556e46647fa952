import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesSegment, selectionOf } from '../../../src/drivers/git/file-filter.ts';
import { GIT_LIMITS, type FileFilter } from '../../../src/drivers/git/git.ts';
import { folderPatternOf, linkTarget, selectFrom, type TreeEntry } from '../../../src/drivers/git/selected-tree.ts';

describe('which files are read', () => {
  it.each<[filter: FileFilter, taken: string[], left: string[]]>([
    [
      {},
      ['a.yaml', 'x/b.yml', 'x/y/c.json', 'my.package.json'],
      [
        'README.md',
        'x/package.json',
        '.github/a.yaml',
        'x/.b.yaml',
        'node_modules/x/a.yaml',
        'docker-compose.dev.yml',
        'x/kustomization.yaml',
      ],
    ],
    [{ exclude: ['test'] }, ['a.yaml', 'test.yaml', 'testing/a.yaml'], ['test/a.yaml', 'x/test/y/a.yaml']],
    [{ exclude: ['x/test/'] }, ['test/a.yaml', 'y/x/test/a.yaml'], ['x/test/a.yaml']],
    [{ exclude: ['/a.yaml'] }, ['x/a.yaml'], ['a.yaml']],
    [{ exclude: ['**/secret-*.yaml'] }, ['secret/a.yaml'], ['secret-a.yaml', 'x/y/secret-b.yaml']],
    [{ include: ['apps/**/*.yaml'] }, ['apps/a.yaml', 'apps/x/y/a.yaml'], ['a.yaml', 'apps/a.json', 'x/apps/a.yaml']],
    [{ include: ['x/'] }, ['x/a.txt', 'x/y/b'], ['x', 'y/a.yaml']],
    [{ include: ['*.yaml', '.ci/compose.yaml'] }, ['.ci/compose.yaml', 'a.yaml'], ['.ci/a.yaml', 'compose.yaml']],
    [{ include: ['v?.yaml'] }, ['v1.yaml', 'x/v2.yaml'], ['v10.yaml', 'v/.yaml']],
  ])('%j takes %j and leaves %j', (filter, taken, left) => {
    const selection = selectionOf(filter);
    expect([...taken, ...left].filter((path) => selection.takes(path))).toEqual(taken);
  });

  it('nothing is left out of a folder that path names, for its own name', () => {
    expect(selectionOf({}, 1).takes('.cloud/a.yaml')).toBe(true);
    expect(selectionOf({}, 1).takes('.cloud/.git/a.yaml')).toBe(false);
    expect(selectionOf({ exclude: ['.cloud'] }, 1).takes('.cloud/a.yaml')).toBe(false);
  });

  it('a walk skips no folder that holds a file which is taken', () => {
    const name = fc.constantFrom('a', '.ci', 'x', 'node_modules', 'compose.yaml', 'b.yaml');
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(path, fc.array(path), fc.array(path), (file, include, exclude) => {
        const selection = selectionOf({ include: ['*.yaml', ...include], exclude });
        const folders = file.split('/').slice(0, -1);
        if (selection.takes(file))
          folders.forEach((_, i) => expect(selection.skips(folders.slice(0, i + 1).join('/'))).toBe(false));
      }),
    );
  });

  it('stars match as a regular expression would, without its time', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(part, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (pattern, text) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matchesSegment(pattern, text)).toBe(expression.test(text));
      }),
    );
    expect(matchesSegment('*a'.repeat(100), `${'a'.repeat(5000)}b`)).toBe(false);
  });
});

describe('folders', () => {
  const file = (path: string, mode = '100644'): TreeEntry => ({ mode, oid: path, path });
  const folder = (path: string) => file(path, '040000');
  const select = (path: string, entries: TreeEntry[], filter: FileFilter = {}) => {
    const pattern = folderPatternOf(path);
    return selectFrom(
      entries,
      pattern,
      selectionOf(filter, pattern.segments.length),
      { ...GIT_LIMITS, files: 3 },
      'here',
    );
  };
  const tree = [
    folder('apps'),
    folder('apps/a'),
    file('apps/a/x.yaml'),
    folder('apps/b'),
    file('apps/b/y.md'),
    file('apps/z.yaml'),
    file('w.yaml'),
  ];

  it('path is a folder, all of the repository, or each folder that matches', () => {
    expect(select('', tree)).toMatchObject({
      folders: [''],
      files: [{ path: 'apps/a/x.yaml' }, { path: 'apps/z.yaml' }, { path: 'w.yaml' }],
    });
    expect(select('./apps/a/', tree)).toMatchObject({
      folders: ['apps/a'],
      files: [{ path: 'apps/a/x.yaml', folder: 'apps/a' }],
    });
    expect(select('apps/*', tree)).toMatchObject({ folders: ['apps/a', 'apps/b'], files: [{ path: 'apps/a/x.yaml' }] });
  });

  it.each([
    ['nowhere', 'here has no folder nowhere', 'PathNotFound'],
    ['w.yaml', 'w.yaml is no folder', 'PathNotFound'],
    ['apps/*/q', 'here has no folder apps/*/q', 'PathNotFound'],
    ['../x', 'leaves the repository', 'Refused'],
    ['apps/**', '"**"', 'Refused'],
  ])('%s is refused', (path, message, reason) => {
    expect(() => select(path, tree)).toThrow(
      expect.objectContaining({ reason, message: expect.stringContaining(message) as string }),
    );
  });

  it('a submodule is refused, unless it is excluded or elsewhere', () => {
    const entries = [...tree, file('apps/a/lib', '160000')];
    expect(() => select('apps', entries)).toThrow('apps/a/lib is a submodule');
    expect(select('apps/b', entries).files).toEqual([]);
    expect(select('apps', entries, { exclude: ['lib'] }).files).toHaveLength(2);
  });

  it('too many files are refused', () => {
    expect(() => select('', [...tree, file('v.yaml')])).toThrow('4 files are selected, more than 3');
  });

  it.each([
    ['a/b.yaml', '../c.yaml', 'c.yaml'],
    ['a/b.yaml', './d/../c.yaml', 'a/c.yaml'],
    ['b.yaml', 'c.yaml', 'c.yaml'],
    ['a/b.yaml', '../../c.yaml', undefined],
    ['b.yaml', '..', undefined],
    ['a/b.yaml', '/etc/passwd', undefined],
  ])('the link %s to %s leads to %s', (path, target, expected) => {
    if (expected === undefined) expect(() => linkTarget(path, target, 'here')).toThrow('leaves the tree');
    else expect(linkTarget(path, target, 'here')).toBe(expected);
  });
});
