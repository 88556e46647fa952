import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonPatch, mergePatch } from '../../../src/admission/fields/patch.ts';
import { messageOf } from './support.ts';

const deep = (n: number): unknown => JSON.parse(`${'{"a":'.repeat(n)}1${'}'.repeat(n)}`);
const op = (operation: string, path: string, value?: unknown) => ({ op: operation, path, value });

describe('mergePatch', () => {
  // The examples of RFC 7386, appendix A, that have an object as patch.
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ constructor: 1 }, { toString: { a: 1 } }, { constructor: 1, toString: { a: 1 } }],
  ])('%j with %j', (target, patch, result) => {
    const before = structuredClone(target);
    expect(mergePatch<object>(target, patch)).toEqual(result);
    expect(target).toEqual(before);
  });

  test.each([
    [[], 'a merge patch is an object'],
    [deep(70), 'nested deeper than 64'],
    [{ a: 'x'.repeat(4_000_000) }, 'larger than'],
    [JSON.parse('{"__proto__":{"polluted":1}}'), '__proto__'],
  ])('I13: refuses hostile patches', (patch, message) => {
    expect(messageOf(() => mergePatch({}, patch))).toContain(message);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('jsonPatch', () => {
  test.each([
    [[op('add', '/list/1', 'x')], { a: { b: 1 }, list: [1, 'x', 2] }],
    [[op('add', '/list/-', 3)], { a: { b: 1 }, list: [1, 2, 3] }],
    [[op('remove', '/a')], { list: [1, 2] }],
    [[op('replace', '/a/b', null)], { a: { b: null }, list: [1, 2] }],
    [[{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, list: [1, 2], c: 1 }],
    [[{ op: 'move', from: '/list/0', path: '/list/1' }], { a: { b: 1 }, list: [2, 1] }],
    [[{ op: 'copy', from: '/a', path: '/x~1y~0' }], { a: { b: 1 }, list: [1, 2], 'x/y~': { b: 1 } }],
    [[op('test', '/a', { b: 1 }), op('replace', '', { z: 1 })], { z: 1 }],
  ])('%j', (operations, result) => {
    const target = { a: { b: 1 }, list: [1, 2] };
    expect(jsonPatch<object>(target, operations)).toEqual(result);
    expect(target).toEqual({ a: { b: 1 }, list: [1, 2] });
  });

  test('never changes the patch, even when one operation changes what another added', () => {
    const operations = [op('add', '/x', { y: 1 }), op('add', '/x/z', 2)];
    expect(jsonPatch<object>({}, operations)).toEqual({ x: { y: 1, z: 2 } });
    expect(operations[0]?.value).toEqual({ y: 1 });
  });

  test.each([
    [{}, 'a JSON patch is a list'],
    [[1], 'operation 0 of the JSON patch is not an object'],
    [[op('_get', '/a')], 'op must be one of'],
    [[op('add', '/a')], 'has no value'],
    [[op('add', 'a', 1)], 'must be empty or start with /'],
    [[{ op: 'move', path: '/b' }], 'from must be empty or start with /'],
    [
      [op('test', '/a/secret', 'guess')],
      'operation 0 of the JSON patch (test /a/secret) failed: the value there is not the one given',
    ],
    [[op('remove', '/nothing')], 'nothing is at /nothing'],
    [[op('replace', '/a/nothing', 1)], 'nothing is at /a/nothing'],
    [[op('add', '/no/where', 1)], 'the parent of the path does not exist'],
    [[op('add', '/list/9', 1)], 'beyond the end of the list'],
    [[op('add', '/list/x', 1)], 'an index of a list is a number'],
    [[{ op: 'copy', from: '/no', path: '/b' }], 'nothing is at /no'],
    [[{ op: 'copy', from: '/list/length', path: '/b' }], 'nothing is at /list/length'],
    [[{ op: 'copy', from: '/a', path: '/list/9' }], 'beyond the end of the list'],
    [[{ op: 'move', from: '/a', path: '/a/b' }], 'cannot be moved into itself'],
    [[op('remove', '')], 'leaves no object'],
    [[op('add', '/__proto__/polluted', 1)], 'may not contain "__proto__"'],
    [[op('add', '/constructor/prototype/polluted', 1)], 'may not contain "constructor"'],
    [[op('add', '/a/toString/polluted', 1)], 'may not contain "toString"'],
    [[op('add', '/x', JSON.parse('{"__proto__":1}'))], '"__proto__"'],
    [[op('add', '/x', deep(70))], 'nested deeper than 64'],
    [[op('add', '/a'.repeat(70), 1)], 'deeper than 64'],
    [Array.from({ length: 1_001 }, () => op('test', '/a', 1)), 'at most 1000 operations'],
  ])('I13: refuses %j', (operations, message) => {
    const text = messageOf(() => jsonPatch({ a: { secret: 'hidden' }, list: [] }, operations));
    expect(text).toContain(message);
    expect(text).not.toContain('hidden');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('copies that double and nestings that grow are refused in time', () => {
    const doubling = Array.from({ length: 1_000 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/x${i}` }));
    expect(messageOf(() => jsonPatch({ a: { text: 'x'.repeat(1000) } }, doubling))).toMatch(
      /larger than|nested deeper/,
    );
    const chain = '/a'.repeat(60);
    const growing = Array.from({ length: 900 }, () => [
      op('add', '/b', deep(60)),
      { op: 'move', from: '/b', path: chain },
    ]).flat();
    expect(messageOf(() => jsonPatch(deep(62) as object, growing.slice(0, 1000)))).toMatch(
      /nested deeper|nothing is at/,
    );
  });

  test('refuses whatever nonsense with a StatusError, never another error', () => {
    const pointer = fc.constantFrom(
      '',
      '/',
      '/a',
      '/a/b',
      '/list',
      '/list/0',
      '/list/-',
      '/list/01',
      '/nil',
      '/nil/x',
      '/a/b/c',
    );
    const operation = fc.record({
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
      path: pointer,
      from: pointer,
      value: fc.jsonValue({ maxDepth: 2 }),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 5 }), (operations) => {
        try {
          expect(typeof jsonPatch({ a: { b: 1 }, list: [1, 2], nil: null }, operations)).toBe('object');
        } catch (error) {
          expect((error as Error).name).toBe('StatusError');
        }
      }),
    );
  });
});
