import { describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../../src/api/kind.ts';
import { strategicPatch } from '../../../src/admission/fields/strategic-patch.ts';
import { messageOf } from './support.ts';

/** A list of each kind, as Kubernetes marks them. */
const SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    map: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    atomic: { type: 'array' },
    data: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

describe('a strategic merge patch', () => {
  test.each<[string, object, object, object]>([
    ['merges maps', { data: { a: '1', b: '2' } }, { data: { b: null, c: '3' } }, { data: { a: '1', c: '3' } }],
    ['makes what is not there', {}, { data: { a: '1', b: null } }, { data: { a: '1' } }],
    ['replaces an atomic list', { atomic: [1, 2] }, { atomic: [3] }, { atomic: [3] }],
    ['adds to a set', { set: ['a'] }, { set: ['a', 'b'] }, { set: ['a', 'b'] }],
    [
      'takes away from a set, and orders it',
      { set: ['a', 'b', 'c'] },
      { '$deleteFromPrimitiveList/set': ['b'], '$setElementOrder/set': ['c', 'a'] },
      { set: ['c', 'a'] },
    ],
    [
      'merges items by their key',
      { map: [{ name: 'a', v: 1, w: 1 }, { name: 'b' }] },
      { map: [{ name: 'a', v: 2 }, { name: 'c' }] },
      { map: [{ name: 'a', v: 2, w: 1 }, { name: 'b' }, { name: 'c' }] },
    ],
    [
      'removes an item by its key',
      { map: [{ name: 'a' }, { name: 'b' }] },
      {
        map: [
          { name: 'a', $patch: 'delete' },
          { name: 'z', $patch: 'delete' },
        ],
      },
      { map: [{ name: 'b' }] },
    ],
    [
      'replaces a list of items',
      { map: [{ name: 'a' }] },
      { map: [{ name: 'b' }, { $patch: 'replace' }] },
      { map: [{ name: 'b' }] },
    ],
    ['replaces a map', { data: { a: '1' } }, { data: { b: '2', $patch: 'replace' } }, { data: { b: '2' } }],
    [
      'keeps the keys that it names',
      { data: { a: '1', b: '2' } },
      { data: { $retainKeys: ['b'], c: '3' } },
      { data: { b: '2', c: '3' } },
    ],
  ])('%s', (_, target, patch, result) => {
    const before = structuredClone(target);
    expect(strategicPatch<object>(target, patch, SCHEMA)).toEqual(result);
    expect(target).toEqual(before);
  });

  test.each<[unknown, string]>([
    [[], 'a strategic merge patch is an object'],
    [{ data: { $patch: 'explode' } }, '$patch: expected replace, merge or delete'],
    [{ '$deleteFromPrimitiveList/set': 'a' }, 'expected a list of values'],
    [{ $retainKeys: 'a' }, 'expected a list of names'],
    [JSON.parse('{"data":{"__proto__":{"polluted":"1"}}}'), '__proto__'],
  ])('I13: is refused: %j', (patch, message) => {
    expect(messageOf(() => strategicPatch({}, patch, SCHEMA))).toContain(message);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
