import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_UPDATE_MANAGERS } from '../../../src/admission/fields/managers.ts';
import { toPaths } from '../../../src/admission/fields/fieldset.ts';
import { keepTimes, trackUpdate } from '../../../src/admission/fields/update.ts';
import { SCHEMA, allExist, anyDoc, applied, at, doc, fieldsBy, messageOf, updated } from './support.ts';
import type { Doc } from './support.ts';

const track = (before: Doc, after: Doc, manager: string) =>
  trackUpdate({ before, after, manager, schema: SCHEMA, now: at(5) });
const sent = (live: Doc, managedFields: unknown): Doc => ({
  ...live,
  metadata: { ...live.metadata, managedFields } as Doc['metadata'],
});

describe('trackUpdate (I6)', () => {
  const live = updated(undefined, doc({ image: 'a', env: { A: '1' } }, { labels: { x: 'y' } }), 'creator');

  test('a creation gives its manager everything, containers included, and nothing of the server', () => {
    expect(live.metadata.managedFields).toEqual([
      {
        manager: 'creator',
        operation: 'Update',
        apiVersion: 'miniaws.dev/v1',
        time: '2026-11-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } },
          'f:spec': { '.': {}, 'f:image': {}, 'f:env': { '.': {}, 'f:A': {} } },
        },
      },
    ]);
  });

  test('a change moves the field to whoever changed it; a removal drops it everywhere', () => {
    const next = updated(live, { ...live, spec: { image: 'b' } }, 'kubectl-patch', { second: 3 });
    expect(toPaths(fieldsBy(next, 'creator') ?? {})).toEqual(['.metadata.labels', '.metadata.labels.x', '.spec']);
    expect(toPaths(fieldsBy(next, 'kubectl-patch') ?? {})).toEqual(['.spec.image']);
    const gone = updated(next, { ...next, spec: {} }, 'other');
    expect(fieldsBy(gone, 'kubectl-patch')).toBeUndefined();
    expect(fieldsBy(gone, 'other')).toBeUndefined();
  });

  test('nothing changed: the very list, its times unmoved (I2)', () => {
    expect(track(live, structuredClone(live), 'anyone')).toBe(live.metadata.managedFields);
    expect(track(live, { ...live, status: { phase: 'x' } }, 'anyone')).toBe(live.metadata.managedFields);
  });

  test('status and scale have entries of their own', () => {
    const status = updated(live, { ...live, status: { phase: 'Ready' }, spec: { image: 'ignored' } }, 'engine', {
      subresource: 'status',
    });
    expect(status.metadata.managedFields?.at(-1)).toMatchObject({
      manager: 'engine',
      subresource: 'status',
      fieldsV1: { 'f:status': { '.': {}, 'f:phase': {} } },
    });
    const scaled = updated(live, { ...live, spec: { ...live.spec, replicas: 3 } }, 'hpa', { subresource: 'scale' });
    expect(scaled.metadata.managedFields?.find((e) => e.subresource === 'scale')?.fieldsV1).toEqual({
      'f:spec': { 'f:replicas': {} },
    });
  });

  test('[{}] resets; an empty list, null or none keeps, for clients that know nothing of it', () => {
    expect(track(live, sent(live, [{}]), 'x')).toEqual([]);
    for (const value of [[], null, undefined])
      expect(track(live, sent(live, value), 'x')).toBe(live.metadata.managedFields);
    const both = track(live, { ...sent(live, [{}]), spec: { image: 'b', env: { A: '1' } } }, 'x');
    expect(both.map((entry) => [entry.manager, toPaths(entry.fieldsV1)])).toEqual([['x', ['.spec.image']]]);
  });

  test('a list set by a client is checked, canonical, and holds nothing that is not there', () => {
    const entry = { manager: 'm', operation: 'Apply', apiVersion: 'miniaws.dev/v1', fieldsType: 'FieldsV1' };
    const list = track(
      live,
      sent(live, [{ ...entry, fieldsV1: { 'f:spec': { 'f:image': { '.': {} }, 'f:gone': {} } } }]),
      'x',
    );
    expect(list).toEqual([{ ...entry, fieldsV1: { 'f:spec': { 'f:image': {} } } }]);
    expect(messageOf(() => track(live, sent(live, [{ ...entry, operation: 'Own' }]), 'x'))).toContain(
      'operation must be Apply or Update',
    );
    expect(messageOf(() => track(live, sent(live, 'all'), 'x'))).toContain('it is a list');
  });

  test('a manager without a name is refused', () => {
    expect(messageOf(() => track(live, doc(), ''))).toContain('fieldManager must be');
  });

  test('I13: an object too deep to walk is refused, not walked', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`) as Record<string, unknown>;
    expect(messageOf(() => track(live, doc(deep), 'x'))).toContain('nested deeper than 64');
  });

  test('the updates of many managers are folded, so that the list stays bounded', () => {
    let object = live;
    for (let i = 0; i < 30; i++) {
      object = updated(object, { ...object, spec: { ...object.spec, [`f${i}`]: i } }, `manager-${i}`, {
        second: i + 1,
      });
    }
    expect(object.metadata.managedFields).toHaveLength(MAX_UPDATE_MANAGERS);
    expect(toPaths(fieldsBy(object, 'ancient-changes') ?? {})).toEqual(
      expect.arrayContaining(['.spec.image', '.spec.f0', '.spec.f20']),
    );
  });

  test('every managed path exists in the object, after any writes', () => {
    fc.assert(
      fc.property(anyDoc, anyDoc, anyDoc, anyDoc, (a, b, c, d) => {
        const first = updated(applied(undefined, a, 'a'), b, 'b');
        const object = updated(applied(first, c, 'c', { force: true }), d, 'd');
        for (const entry of object.metadata.managedFields ?? []) expect(allExist(entry.fieldsV1, object)).toBe(true);
      }),
    );
  });
});

test('keepTimes: an object that differs from the live one by owners times only is the live one (I2)', () => {
  const live = applied(undefined, doc({ image: 'a' }), 'a');
  const later = applied(undefined, doc({ image: 'a' }), 'a', { second: 9 });
  expect(keepTimes(live, later)).toBe(live);
  const other = applied(undefined, doc({ image: 'b' }), 'a', { second: 9 });
  expect(keepTimes(live, other)).toBe(other);
});
