import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LAST_APPLIED } from '../../../src/api/metadata.ts';
import { toPaths } from '../../../src/admission/fields/fieldset.ts';
import { jsonPatch } from '../../../src/admission/fields/patch.ts';
import { SCHEMA, anyDoc, applied, doc, fieldsBy, messageOf, updated, values } from './support.ts';
import { apply } from '../../../src/admission/fields/apply.ts';
import { conflictError } from '../../../src/admission/fields/conflicts.ts';
import type { StatusError } from '../../../src/base/errors.ts';
import { at } from './support.ts';
import type { Doc } from './support.ts';

const web = { image: 'nginx:1', env: { PORT: '80' } };

describe('apply', () => {
  test('creates the object with its manager as the owner of what was sent', () => {
    const object = applied(
      undefined,
      { ...doc(web, { uid: 'u', labels: { app: 'web' } }), status: { phase: 'x' } },
      'miniaws',
    );
    expect(object).toEqual({
      ...doc(web, { labels: { app: 'web' } }),
      metadata: {
        name: 'web',
        namespace: 'default',
        labels: { app: 'web' },
        managedFields: [
          {
            manager: 'miniaws',
            operation: 'Apply',
            apiVersion: 'miniaws.dev/v1',
            time: '2026-11-01T00:00:00Z',
            fieldsType: 'FieldsV1',
            fieldsV1: {
              'f:metadata': { 'f:labels': { 'f:app': {} } },
              'f:spec': { 'f:image': {}, 'f:env': { 'f:PORT': {} } },
            },
          },
        ],
      },
    });
  });

  test('I2: the same again gives back the very object, its time unmoved', () => {
    const live = applied(undefined, doc(web), 'miniaws');
    expect(applied(live, doc(web), 'miniaws', { second: 9 })).toBe(live);
  });

  test('I2: what only defaults tell from the live object changes nothing, atomic lists included', () => {
    const live = applied(undefined, doc({ mounts: [{ path: '/a' }] }), 'a');
    const defaulted: Doc = { ...live, spec: { mounts: [{ path: '/a', mode: 'rw' }], replicas: 1 } };
    expect(applied(defaulted, doc({ mounts: [{ path: '/a' }] }), 'a', { second: 9 })).toBe(defaulted);
    expect(applied(defaulted, doc({ mounts: [{ path: '/a' }] }), 'b').spec).toEqual(defaulted.spec);
    expect(applied(defaulted, doc({ mounts: [{ path: '/b' }] }), 'a').spec).toEqual({
      mounts: [{ path: '/b' }],
      replicas: 1,
    });
  });

  test('a field no longer sent goes, unless another manager owns it too (I6)', () => {
    const first = applied(undefined, doc(web), 'a');
    const both = applied(first, doc({ env: { PORT: '80' } }), 'b');
    const left = applied(both, doc({}), 'a');
    expect(left.spec).toEqual({ env: { PORT: '80' } });
    expect(toPaths(fieldsBy(left, 'a') ?? {})).toEqual(['.spec']);
    expect(applied(left, doc({}), 'b').spec).toEqual({});
  });

  test('a struct without owners goes with its defaults; a map keeps the entries of others', () => {
    const live = applied(undefined, doc({ check: { path: '/' }, env: { A: '1' } }, { finalizers: ['mine'] }), 'a');
    const defaulted = {
      ...live,
      metadata: { ...live.metadata, finalizers: ['miniaws.dev/teardown', 'mine'] },
      spec: { check: { path: '/', interval: 10 }, env: { A: '1', SERVER: '2' } },
    };
    const left = applied(defaulted, doc({}), 'a');
    expect(left.spec).toEqual({ env: { SERVER: '2' } });
    expect(left.metadata.finalizers).toEqual(['miniaws.dev/teardown']);
  });

  test('never touches what the server owns', () => {
    const live: Doc = { ...doc(web, { uid: 'u', resourceVersion: '7', generation: 2 }), status: { phase: 'Ready' } };
    const object = applied(live, { ...doc(web, { uid: 'other', generation: 9 }), status: { phase: 'x' } }, 'a');
    expect(object).toMatchObject({
      metadata: { uid: 'u', resourceVersion: '7', generation: 2 },
      status: { phase: 'Ready' },
    });
    const status = applied(object, { ...doc({ image: 'x' }), status: { phase: 'Gone' } }, 'engine', {
      subresource: 'status',
    });
    expect(status).toMatchObject({ spec: web, status: { phase: 'Gone' }, metadata: { uid: 'u' } });
    expect(fieldsBy(status, 'engine')).toEqual({ 'f:status': { 'f:phase': {} } });
  });

  test('map lists merge by key, set lists by value, in the order applied; atomic ones are replaced', () => {
    const first = applied(
      undefined,
      doc({ ports: [{ port: 80, host: 1 }, { port: 81 }], zones: ['a', 'b'], command: ['x'] }),
      'a',
    );
    const second = applied(
      first,
      doc({
        ports: [
          { port: 80, protocol: 'udp' },
          { port: 81, note: 'n' },
        ],
        zones: ['b', 'c'],
      }),
      'b',
    );
    expect(second.spec).toEqual({
      ports: [
        { port: 80, protocol: 'udp' },
        { port: 80, host: 1 },
        { port: 81, note: 'n' },
      ],
      zones: ['a', 'b', 'c'],
      command: ['x'],
    });
    const left = applied(second, doc({ ports: [{ port: 81 }], zones: ['a'], command: ['y', 'z'] }), 'a');
    expect(left.spec).toEqual({
      ports: [
        { port: 80, protocol: 'udp' },
        { port: 81, note: 'n' },
      ],
      zones: ['a', 'b', 'c'],
      command: ['y', 'z'],
    });
  });

  test('a member that is null is not sent', () => {
    const live = applied(undefined, doc(web), 'a');
    expect(applied(live, doc({ image: null, env: { PORT: '80' } }), 'a').spec).toEqual({ env: { PORT: '80' } });
  });

  test.each<[string, Doc, string]>([
    ['managedFields', doc({}, { managedFields: [{}] }), 'metadata.managedFields must be nil'],
    [
      'a duplicate key',
      doc({ ports: [{ port: 1 }, { port: 1, protocol: 'tcp' }] }),
      '.spec.ports: there are duplicate entries for [port=1,protocol="tcp"]',
    ],
    ['a duplicate value', doc({ zones: ['a', 'a'] }), '.spec.zones: there are duplicate entries for [="a"]'],
    ['an item without its key', doc({ ports: [{ host: 1 }] }), '.spec.ports[0]: an item needs port and protocol'],
    [
      'a prototype',
      doc(JSON.parse('{"__proto__":{"a":1}}') as Record<string, unknown>),
      'has a member named "__proto__"',
    ],
    [
      'hostile depth',
      doc(JSON.parse(`${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`) as Record<string, unknown>),
      'is nested deeper than 64',
    ],
    ['hostile size', doc({ image: 'x'.repeat(4_000_000) }), 'is larger than 3145728 bytes'],
  ])('I13: refuses %s', (_, config, message) => {
    expect(messageOf(() => applied(undefined, config, 'a'))).toContain(message);
  });

  test('members named like inherited ones are ordinary members', () => {
    const env = { constructor: 'a', toString: 'b' };
    const live = applied(undefined, doc({ env }), 'a');
    expect(live.spec).toEqual({ env });
    expect(applied(live, doc({ env: { toString: 'b' } }), 'a').spec).toEqual({ env: { toString: 'b' } });
  });
});

describe('conflicts (I6)', () => {
  const conflictOf = (live: Doc, config: Doc, manager: string): StatusError =>
    conflictError(apply({ live, applied: config, manager, schema: SCHEMA, now: at(0) }).conflicts);

  test('one, in the words of kubectl', () => {
    const live = updated(undefined, doc(web), 'kubectl-patch');
    const error = conflictOf(live, doc({ image: 'nginx:2' }), 'miniaws');
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-patch" using miniaws.dev/v1: .spec.image',
    );
    expect(error).toMatchObject({
      reason: 'Conflict',
      causes: [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "kubectl-patch" using miniaws.dev/v1',
          field: '.spec.image',
        },
      ],
    });
  });

  test('several, sorted by manager; one that applies is named without a version', () => {
    const created = updated(undefined, doc({ image: 'a', replicas: 1 }), 'b');
    const live = applied(created, doc({ env: { PORT: '80' } }), 'a');
    const error = conflictOf(live, doc({ image: 'b', replicas: 2, env: { PORT: '81' } }), 'miniaws');
    expect(error.message).toBe(
      'Apply failed with 3 conflicts: conflicts with "a":\n- .spec.env.PORT\nconflicts with "b" using miniaws.dev/v1:\n- .spec.image\n- .spec.replicas',
    );
    const scaled = updated(live, doc({ image: 'a', replicas: 5, env: { PORT: '80' } }), 'hpa', {
      subresource: 'scale',
    });
    expect(conflictOf(scaled, doc({ replicas: 2 }), 'm').message).toBe(
      'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using miniaws.dev/v1: .spec.replicas',
    );
  });

  test('change nothing: the result is the live object', () => {
    const live = updated(undefined, doc(web), 'x');
    expect(apply({ live, applied: doc({ image: 'y' }), manager: 'm', schema: SCHEMA, now: at(1) }).object).toBe(live);
  });

  test('the same value is no conflict: both own it', () => {
    const live = applied(undefined, doc(web), 'a');
    const both = applied(live, doc(web), 'b');
    expect(fieldsBy(both, 'a')).toEqual(fieldsBy(both, 'b'));
    expect(messageOf(() => applied(both, doc({ image: 'other' }), 'b'))).toContain('conflict with "a": .spec.image');
  });

  test('an atomic list, a set and an item of a map list conflict as wholes, values and items', () => {
    const live = applied(undefined, doc({ command: ['a'], zones: ['x'], ports: [{ port: 80, host: 1 }] }), 'a');
    expect(messageOf(() => applied(live, doc({ command: ['b'] }), 'b'))).toContain('.spec.command');
    expect(applied(live, doc({ zones: ['y'] }), 'b').spec).toMatchObject({ zones: ['y', 'x'] });
    expect(messageOf(() => applied(live, doc({ ports: [{ port: 80, host: 2 }] }), 'b'))).toContain(
      '.spec.ports[port=80,protocol="tcp"].host',
    );
  });

  test('force: the field has the new owner only, the rest of the old one stays', () => {
    const live = updated(undefined, doc(web), 'x');
    const forced = applied(live, doc({ image: 'nginx:2' }), 'm', { force: true });
    expect(forced.spec).toEqual({ ...web, image: 'nginx:2' });
    expect(toPaths(fieldsBy(forced, 'x') ?? {})).toEqual(['.spec', '.spec.env', '.spec.env.PORT']);
    expect(toPaths(fieldsBy(forced, 'm') ?? {})).toEqual(['.spec.image']);
  });
});

describe('from client-side to server-side apply', () => {
  const withLast = (spec: Record<string, unknown>, last: Record<string, unknown>): Doc =>
    updated(
      undefined,
      doc(spec, { annotations: { [LAST_APPLIED]: JSON.stringify(doc(last)) } }),
      'kubectl-client-side-apply',
    );

  test('kubectl may change what it set itself and nobody changed since, and the annotation follows', () => {
    const live = withLast(web, web);
    const next = applied(live, doc({ ...web, image: 'nginx:2' }), 'kubectl');
    expect(next.spec).toEqual({ ...web, image: 'nginx:2' });
    expect(JSON.parse(next.metadata.annotations?.[LAST_APPLIED] ?? '')).toEqual(doc({ ...web, image: 'nginx:2' }));
    expect(toPaths(fieldsBy(next, 'kubectl') ?? {})).not.toContain('.metadata.annotations');
    expect(applied(next, doc({ ...web, image: 'nginx:2' }), 'kubectl', { second: 9 })).toBe(next);
  });

  test('not what was changed since, and only kubectl', () => {
    const live = withLast({ ...web, image: 'changed' }, web);
    expect(messageOf(() => applied(live, doc({ ...web, image: 'nginx:2', env: { PORT: '81' } }), 'kubectl'))).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using miniaws.dev/v1: .spec.image',
    );
    expect(messageOf(() => applied(withLast(web, web), doc({ image: 'nginx:2' }), 'other'))).toContain('1 conflict');
  });

  test('the JSON patch by which kubectl moves ownership is honoured', () => {
    const live = withLast(web, web);
    const managedFields = live.metadata.managedFields?.map((entry) => ({
      ...entry,
      manager: 'kubectl',
      operation: 'Apply' as const,
    }));
    const patched = jsonPatch(live, [{ op: 'replace', path: '/metadata/managedFields', value: managedFields }]);
    const moved = updated(live, patched, 'kubectl');
    expect(moved.metadata.managedFields).toEqual(managedFields);
    expect(applied(moved, doc({ image: 'nginx:2' }), 'kubectl').spec).toEqual({ image: 'nginx:2' });
  });

  test('an annotation that is not JSON allows nothing', () => {
    const live = updated(undefined, doc(web, { annotations: { [LAST_APPLIED]: '{' } }), 'x');
    expect(messageOf(() => applied(live, doc({ image: 'y' }), 'kubectl'))).toContain('1 conflict');
  });
});

describe('properties of apply', () => {
  test('idempotent, on whatever is there (I2)', () => {
    fc.assert(
      fc.property(anyDoc, anyDoc, anyDoc, (base, other, config) => {
        const live = applied(updated(undefined, base, 'u'), other, 'o', { force: true });
        const once = applied(live, config, 'a', { force: true, second: 1 });
        expect(applied(once, config, 'a', { second: 2 })).toBe(once);
      }),
    );
  });

  test('leaving everything out removes exactly what only this manager owned', () => {
    fc.assert(
      fc.property(anyDoc, anyDoc, (mine, theirs) => {
        const alone = applied(undefined, theirs, 'b');
        const both = applied(alone, mine, 'a', { force: true });
        const left = applied(both, doc(), 'a');
        expect(fieldsBy(left, 'a')).toBeUndefined();
        const kept = toPaths(fieldsBy(left, 'b') ?? {}).sort();
        expect(
          toPaths(
            fieldsBy(applied(undefined, { ...left, metadata: { ...left.metadata, managedFields: [] } }, 'x'), 'x') ??
              {},
          ).sort(),
        ).toEqual(kept);
        expect(toPaths(fieldsBy(alone, 'b') ?? {})).toEqual(expect.arrayContaining(kept));
      }),
    );
  });

  test('disjoint fields never conflict, and the order of managers does not matter', () => {
    const pick = (d: Doc, even: boolean): Doc =>
      doc(Object.fromEntries(Object.entries(d.spec ?? {}).filter(([name]) => name.length % 2 === (even ? 0 : 1))));
    fc.assert(
      fc.property(anyDoc, (d) => {
        const [a, b] = [pick(d, true), pick(d, false)];
        const ab = applied(applied(undefined, a, 'a'), b, 'b');
        const ba = applied(applied(undefined, b, 'b'), a, 'a');
        expect(values(ab)).toEqual(values(ba));
        expect(fieldsBy(ab, 'a')).toEqual(fieldsBy(ba, 'a'));
      }),
    );
  });

  test('forced: what differed has the new owner only', () => {
    fc.assert(
      fc.property(anyDoc, anyDoc, (theirs, mine) => {
        const live = applied(undefined, theirs, 'b');
        const { conflicts } = apply({ live, applied: mine, manager: 'a', schema: SCHEMA, now: at(0) });
        const forced = applied(live, mine, 'a', { force: true });
        const left = toPaths(fieldsBy(forced, 'b') ?? {});
        for (const path of conflicts.flatMap((c) => toPaths(c.fields))) expect(left).not.toContain(path);
      }),
    );
  });

  test('never changes what it is given', () => {
    const freeze = <T>(value: T): T => {
      if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
      return value;
    };
    fc.assert(
      fc.property(anyDoc, anyDoc, (a, b) => {
        const live = freeze(applied(undefined, freeze(a), 'a'));
        freeze(applied(live, freeze(b), 'b', { force: true }));
        updated(live, b, 'c');
      }),
    );
  });
});
