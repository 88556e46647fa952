import { describe, expect, it } from 'vitest';
import { create, patch } from '../../../src/admission/operations.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { settings } from '../../../src/proof/person.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { refusal } from '../../support/refusal.ts';

const kind = KINDS.must('ConfigMap');
const view = new Mirror(KINDS);
const context = () => ({
  settings,
  now: new Date('2026-01-01T00:00:00Z'),
  fieldValidation: 'Strict' as const,
  warnings: [],
  manager: 'test',
});
const created = (more: object) =>
  create(kind, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'app.conf' }, ...more }, view, context());

describe('a ConfigMap', () => {
  it('is what was written, with a new generation for each change of its data', () => {
    const made = created({ data: { 'a.txt': 'text' }, binaryData: { b: 'AAEC' } });
    expect(made).toMatchObject({ data: { 'a.txt': 'text' }, binaryData: { b: 'AAEC' }, metadata: { generation: 1 } });
    expect(made.metadata.finalizers).toBeUndefined();
    const next = patch(kind, { type: 'merge', body: { data: { 'a.txt': 'other' } } }, made, view, context());
    expect(next.metadata.generation).toBe(2);
  });

  it.each<[string, object, string]>([
    ['a key twice', { data: { a: 'x' }, binaryData: { a: 'AAEC' } }, 'binaryData["a"]: is in data too'],
    ['bytes that are no base64', { binaryData: { a: '???' } }, 'binaryData.a: expected base64, found "???"'],
    ['a number', { data: { a: 1 } }, 'data.a: expected a string (put it in quotes), found 1'],
    ['a folder for a key', { data: { '..': 'x' } }, 'data[".."]: the key is not a key of letters'],
    ['a specification', { spec: {} }, 'spec: '],
    ['more than fits', { data: { a: 'x'.repeat(1 << 20), b: 'y' } }, 'data: holds 1048577 bytes'],
  ])('is refused with its place: %s', (_, more, message) => {
    expect(refusal(() => created(more))).toContain(message);
  });

  it('that is immutable stays so', () => {
    const made = created({ data: { a: '1' }, immutable: true });
    const change = (body: object) => refusal(() => patch(kind, { type: 'merge', body }, made, view, context()));
    expect(change({ data: { b: '2' } })).toContain('data: cannot change, because immutable is true');
    expect(change({ immutable: null })).toContain('immutable: cannot change');
    expect(change({ metadata: { labels: { a: 'b' } } })).toBe('');
  });
});
