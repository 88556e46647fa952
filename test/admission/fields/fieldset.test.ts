import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compare, fieldsOf } from '../../../src/admission/fields/compare.ts';
import {
  difference,
  has,
  intersection,
  isEmpty,
  parseFields,
  toPaths,
  union,
} from '../../../src/admission/fields/fieldset.ts';
import type { FieldSet } from '../../../src/admission/fields/fieldset.ts';
import { ROOT, anyDoc, doc, messageOf } from './support.ts';

const claimed = anyDoc.map((d) => fieldsOf({ metadata: { labels: d.metadata.labels ?? {} }, spec: d.spec }, ROOT));
const appeared = anyDoc.map((d) => compare({}, { spec: d.spec }, ROOT).added);
const anySet: fc.Arbitrary<FieldSet> = fc.oneof(claimed, appeared);

describe('a set of fields', () => {
  test('is claimed by the leaves, keyed items and map entries of a configuration', () => {
    const spec = {
      image: 'nginx',
      env: { PORT: '80' },
      command: ['a', 'b'],
      zones: ['x'],
      ports: [{ port: 80, host: 8080 }],
      selector: { a: 'b' },
      check: {},
    };
    expect(fieldsOf({ metadata: { labels: { app: 'web' } }, spec }, ROOT)).toEqual({
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': {
        'f:image': {},
        'f:env': { 'f:PORT': {} },
        'f:command': {},
        'f:zones': { 'v:"x"': {} },
        'f:ports': { 'k:{"port":80,"protocol":"tcp"}': { '.': {}, 'f:port': {}, 'f:host': {} } },
        'f:selector': {},
        'f:check': {},
      },
    });
  });

  test('prints its members as kubectl shows them', () => {
    const set = fieldsOf(
      { spec: { image: 'n', env: { PORT: '1' }, zones: ['x'], ports: [{ port: 80, protocol: 'udp' }] } },
      ROOT,
    );
    expect(toPaths(set)).toEqual([
      '.spec.image',
      '.spec.env.PORT',
      '.spec.zones[="x"]',
      '.spec.ports[port=80,protocol="udp"]',
      '.spec.ports[port=80,protocol="udp"].port',
      '.spec.ports[port=80,protocol="udp"].protocol',
    ]);
    expect(toPaths({ 'f:spec': { 'f:list': { 'k:{"name":"a"}': {} } } })).toEqual(['.spec.list[name="a"]']);
  });

  test('keeps what lies below a removed container, and knows containers from their content', () => {
    const set = { 'f:spec': { '.': {}, 'f:image': {} } };
    expect(difference(set, { 'f:spec': {} })).toEqual({ 'f:spec': { 'f:image': {} } });
    expect(has(set, ['f:spec'])).toBe(true);
    expect(has({ 'f:spec': { 'f:image': {} } }, ['f:spec'])).toBe(false);
    expect(has(set, [])).toBe(false);
  });

  test('FieldsV1 round trip: what is written is read back as the same set', () => {
    fc.assert(
      fc.property(anySet, (set) => {
        expect(parseFields(JSON.parse(JSON.stringify(set)))).toEqual(set);
      }),
    );
    expect(parseFields({ 'f:a': { '.': {} }, 'k:{"b":1,"a":2}': {} })).toEqual({ 'f:a': {}, 'k:{"a":2,"b":1}': {} });
  });

  test.each([
    [{ spec: {} }, '"spec" is not f:<name>'],
    [{ 'k:1': {} }, '"k:1" is not'],
    [{ 'k:{': {} }, 'does not hold JSON'],
    [JSON.parse('{"__proto__":{}}') as object, '"__proto__" is not'],
    [{ 'f:a': 1 }, 'a set of fields is an object'],
    [Array.from({ length: 70 }).reduce<object>((inner) => ({ 'f:a': inner }), {}), 'nested deeper than 64'],
  ])('refuses FieldsV1 that no server writes: %j', (value, message) => {
    expect(messageOf(() => parseFields(value))).toContain(message);
  });

  test('union, difference and intersection obey the laws of sets', () => {
    const members = (set: FieldSet): string[] => toPaths(set).sort();
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const [left, right] = [members(a), members(b)];
        expect(members(union(a, b))).toEqual([...new Set([...left, ...right])].sort());
        expect(members(difference(a, b))).toEqual(left.filter((path) => !right.includes(path)));
        expect(members(intersection(a, b))).toEqual(left.filter((path) => right.includes(path)));
        expect(union(a, a)).toEqual(a);
        expect(isEmpty(difference(a, a))).toBe(true);
        expect(union(difference(a, b), intersection(a, b))).toEqual(a);
      }),
    );
  });

  test('an empty document claims nothing', () => {
    expect(fieldsOf({}, ROOT)).toEqual({});
    expect(doc().metadata.name).toBe('web');
  });
});
