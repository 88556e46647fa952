import { describe, expect, it } from 'vitest';
import { applyDocument, create, patch, replace } from '../../../src/admission/operations.ts';
import { masked, maskedPair } from '../../../src/api/encrypted.ts';
import type { Resource } from '../../../src/api/metadata.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import type { Secret } from '../../../src/kinds/secret/types.ts';
import { settings } from '../../../src/proof/person.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { causesOf } from '../../support/refusal.ts';

const kind = KINDS.must('Secret');
const view = new Mirror(KINDS);
const context = () => ({
  settings,
  now: new Date('2026-01-01T00:00:00Z'),
  fieldValidation: 'Strict' as const,
  warnings: [],
  manager: 'test',
});
const base64 = (text: string) => Buffer.from(text).toString('base64');
const document = (more: object) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' }, ...more });
const created = (more: object) => create(kind, document(more), view, context()) as Secret;

describe('a Secret', () => {
  it('has its texts among its data, by whatever way they were written, and shows them nowhere else', () => {
    const made = created({ data: { a: base64('1') }, stringData: { b: 'two', a: 'over' } });
    expect(made).toMatchObject({ type: 'Opaque', data: { a: base64('over'), b: base64('two') } });
    expect(made).not.toHaveProperty('stringData');
    const merged = patch(kind, { type: 'merge', body: { stringData: { c: '3' } } }, made, view, context()) as Secret;
    expect(merged.data).toEqual({ a: base64('over'), b: base64('two'), c: base64('3') });
    const put = replace(kind, document({ stringData: { z: '9' } }), made, view, context()) as Secret;
    expect(put.data).toEqual({ z: base64('9') });
  });

  it('loses a text that its owner says no more', () => {
    const apply = (old: Resource | undefined, stringData: object) =>
      applyDocument(kind, document({ stringData }), old, view, { ...context(), force: false }) as Secret;
    const first = apply(undefined, { a: '1', b: '2' });
    expect(apply(first, { a: '1', b: '2' })).toBe(first);
    expect(apply(first, { a: '1' }).data).toEqual({ a: base64('1') });
  });

  it.each<[string, object, string]>([
    ['no base64', { data: { a: 'p@ss' } }, 'data.a: expected base64, found a string'],
    ['a number', { stringData: { a: 1234 } }, 'stringData.a: expected a string (put it in quotes), found a number'],
    [
      'a key that is no file name',
      { stringData: { 'a/b': 'x' } },
      'data["a/b"]: the key is not a key of letters, digits, "-", "_" and "."',
    ],
    [
      'a certificate without its key',
      { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'x' } },
      'data["tls.key"]: is required by type kubernetes.io/tls',
    ],
    [
      'more than fits',
      { stringData: { a: 'x'.repeat((1 << 20) + 1) } },
      'data: holds 1048577 bytes; at most 1048576 fit',
    ],
  ])('is refused with its place, and never with its value: %s', (_, more, cause) => {
    expect(causesOf(() => created(more))).toEqual([cause]);
  });

  it('keeps its type, and all of it once it is immutable', () => {
    const made = created({ stringData: { a: '1' }, immutable: true });
    const change = (body: object) => causesOf(() => patch(kind, { type: 'merge', body }, made, view, context()));
    expect(change({ type: 'kubernetes.io/ssh-auth', data: null })).toContainEqual(
      expect.stringMatching(/^type: cannot change from Opaque/),
    );
    expect(change({ stringData: { a: '2' } })).toEqual([
      'data: cannot change, because immutable is true; delete the object and create it again',
    ]);
    expect(change({ immutable: false })).toEqual([expect.stringMatching(/^immutable: cannot change/)]);
    expect(change({ metadata: { labels: { a: 'b' } } })).toEqual([]);
  });
});

describe('a Secret that is shown to people', () => {
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{"stringData":{"a":"hunter2"}}' };
  const made = { ...created({ stringData: { a: 'hunter2', b: 'same' } }) };
  const kept = { ...made, metadata: { ...made.metadata, annotations } };

  it('has the names of its keys', () => {
    expect(masked(kind, kept)).toMatchObject({
      data: { a: '***', b: '***' },
      metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '***' } },
    });
  });

  it('beside another version says which of them differ', () => {
    const after = patch(kind, { type: 'merge', body: { stringData: { a: 'other', c: 'new' } } }, made, view, context());
    const [left, right] = maskedPair(kind, [made, after as Secret]);
    expect([left?.data, right?.data]).toEqual([
      { a: '*** (before)', b: '***' },
      { a: '*** (after)', b: '***', c: '***' },
    ]);
    expect(JSON.stringify([left, right])).not.toContain(base64('hunter2'));
  });
});
