import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { create, patch } from '../../../src/admission/operations.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { planObject } from '../../../src/kinds/object/plan.ts';
import type { ObjectObserved } from '../../../src/kinds/object/plan.ts';
import { reportObject } from '../../../src/kinds/object/report.ts';
import type { DeclaredObject, ObjectStatus } from '../../../src/kinds/object/types.ts';
import type { ObjectRow } from '../../../src/s3/row.ts';
import { settings } from '../../../src/proof/person.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { DECLARED } from './scenarios.ts';
import { refusal } from '../../support/refusal.ts';

const now = new Date('2026-01-01T00:00:00Z');
const context = () => ({ settings, now, fieldValidation: 'Strict' as const, warnings: [], manager: 'test' });
const view = new Mirror(KINDS);
const kind = KINDS.must('Object');
const made = (spec: object = {}) =>
  create(
    kind,
    { apiVersion: 'miniaws.dev/v1', kind: 'Object', metadata: { name: 'page' }, spec: { ...DECLARED, ...spec } },
    view,
    context(),
  ) as DeclaredObject;
const object = made();
const etag = createHash('md5').update(DECLARED.content).digest('hex');
const WRITTEN: ObjectStatus = { etag };
const written: DeclaredObject = { ...object, status: WRITTEN };
const deleted: DeclaredObject = {
  ...written,
  metadata: { ...object.metadata, deletionTimestamp: now.toISOString() },
};

const bucket = { uid: 'b', name: 'files', versioning: 'Off' as const, quotaBytes: undefined };
const row = (over: Partial<ObjectRow> = {}): ObjectRow =>
  ({
    id: 'r',
    versionId: 'null',
    etag,
    contentType: 'binary/octet-stream',
    metadata: {},
    sizeBytes: 14,
    declaredBy: object.metadata.uid,
    ...over,
  }) as ObjectRow;
const seen = (over: Partial<ObjectObserved> = {}): ObjectObserved => ({
  bucket: { is: 'there', bucket },
  content: { bytes: Buffer.from(DECLARED.content), etag },
  row: row(),
  damage: undefined,
  outage: undefined,
  ...over,
});
const theirs = row({ declaredBy: undefined });
const plan = (o: DeclaredObject, observed: ObjectObserved) => planObject(o, observed).map((s) => `${s.do}: ${s.why}`);
const report = (o: DeclaredObject, observed: ObjectObserved) => {
  const { conditions, outcome, status } = reportObject(o, observed, planObject(o, observed));
  return { ready: conditions.find(({ type }) => type === 'Ready'), conditions, outcome, status };
};
const missing: Partial<ObjectObserved> = { bucket: { is: 'missing' } };
const deleting: Partial<ObjectObserved> = { bucket: { is: 'deleting', bucket } };

describe('the plan of an object', () => {
  it.each<[string, DeclaredObject, Partial<ObjectObserved>, string[]]>([
    ['as it is to be', written, {}, []],
    ['new', object, { row: undefined }, ['write: it is not there yet']],
    ['written, and the pass did not come to its end', object, {}, []],
    ['of other content', written, { row: row({ etag: 'x' }) }, ['write: the content changed']],
    [
      'of another type',
      written,
      { row: row({ contentType: 'text/html' }) },
      ['write: the content type changed from text/html'],
    ],
    ['with other metadata', written, { row: row({ metadata: { a: 'b' } }) }, ['write: the metadata changed']],
    ['deleted by a client', written, { row: undefined }, ['write: the object was deleted']],
    ['replaced by a client', written, { row: theirs }, ['write: somebody put another object under the key']],
    ["a client's, from before", object, { row: theirs }, []],
    ['damaged', written, { damage: 'the file was deleted' }, ['restore: the file was deleted']],
    ['damaged, and to change', written, { damage: 'gone', row: row({ etag: 'x' }) }, ['write: the content changed']],
    ['without its bucket', object, { ...missing, row: undefined }, []],
    ['of a bucket that is being deleted', written, { ...deleting, row: undefined }, []],
    ['without its content', written, { content: { missing: 'Secret default/s is not there: create it' } }, []],
    ['while the place of the bytes is away', written, { outage: 'away', row: undefined }, []],
    ['to be deleted', deleted, {}, ['delete: the document was deleted']],
    ['to be deleted, with its bucket', deleted, deleting, ['delete: the document was deleted']],
    ['to be deleted while bytes are away', deleted, { outage: 'away' }, ['delete: the document was deleted']],
    ['deleted', deleted, { row: undefined }, []],
    ["deleted, and a client's is there", deleted, { row: theirs }, []],
  ])('%s', (_, document, observed, steps) => {
    expect(plan(document, seen(observed))).toEqual(steps);
  });
});

describe('the report of an object', () => {
  it.each<[string, DeclaredObject, Partial<ObjectObserved>, string, string, string]>([
    ['as it is to be', written, {}, 'True', 'ObjectAvailable', 'reconciled'],
    ['new', object, { row: undefined }, 'False', 'ObjectPending', 'progressing'],
    ["a client's, from before", object, { row: theirs }, 'False', 'KeyTaken', 'blocked'],
    ['without its bucket', object, { ...missing, row: undefined }, 'False', 'DependencyNotReady', 'waiting'],
    ['of a bucket that goes', written, deleting, 'False', 'DependencyNotReady', 'waiting'],
    ['without its content', written, { content: { missing: 'no map' } }, 'False', 'DependencyNotReady', 'waiting'],
    ['while the place of the bytes is away', written, { outage: 'away' }, 'False', 'StorageUnavailable', 'waiting'],
    ['to be deleted', deleted, {}, 'False', 'Deleting', 'progressing'],
    ['deleted', deleted, { row: undefined }, 'False', 'Deleting', 'gone'],
    ["deleted, and a client's is there", deleted, { row: theirs }, 'False', 'Deleting', 'gone'],
  ])('%s', (_, document, observed, status, reason, outcome) => {
    const told = report(document, seen(observed));
    expect(told.ready).toMatchObject({ status, reason });
    expect(told.outcome.is).toBe(outcome);
  });

  it('tells what it has written, and remembers that it has while the bucket is there', () => {
    expect(report(written, seen()).status).toEqual({ phase: 'Available', etag, versionId: 'null', bytes: 14 });
    expect(report(written, seen({ row: undefined })).status).toEqual({ phase: 'Pending', etag });
    expect(report(written, seen({ row: undefined, ...missing })).status).toEqual({ phase: 'Pending' });
  });

  it('is Ready only where nothing is left to do, is gone only where nothing of it is left, and touches nothing of a client from before', () => {
    const observed: fc.Arbitrary<ObjectObserved> = fc.record({
      bucket: fc.constantFrom(seen().bucket, { is: 'missing' as const }, { is: 'deleting' as const, bucket }),
      content: fc.constantFrom(seen().content, { missing: 'no map' }),
      row: fc.constantFrom(undefined, row(), row({ etag: 'x' }), theirs),
      damage: fc.constantFrom(undefined, 'the file was deleted'),
      outage: fc.constantFrom(undefined, 'away'),
    });
    fc.assert(
      fc.property(observed, fc.constantFrom(object, written, deleted), (given, document) => {
        const steps = planObject(document, given);
        const { ready, outcome } = report(document, given);
        if (ready?.status === 'True') expect(steps).toEqual([]);
        const ours = given.row?.declaredBy === object.metadata.uid;
        expect(outcome.is === 'gone').toBe(document === deleted && !ours);
        if (given.row === theirs && document === object) expect(steps).toEqual([]);
        if (given.row === theirs && document === deleted) expect(steps).toEqual([]);
        expect(steps.length).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('the specification of an object', () => {
  const changed = (spec: object) => patch(kind, { type: 'merge', body: { spec } }, object, view, context());
  const { content: _, ...bare } = DECLARED;
  const without = (spec: object) =>
    create(
      kind,
      { apiVersion: 'miniaws.dev/v1', kind: 'Object', metadata: { name: 'page' }, spec: { ...bare, ...spec } },
      view,
      context(),
    );

  it.each<[string, () => unknown, string]>([
    ['no content', () => without({}), 'spec.content: is missing: give one of content, contentBase64 and contentFrom'],
    ['two contents', () => made({ contentBase64: 'AAEC' }), 'spec.contentBase64: content is there too'],
    ['two sources', () => without({ contentFrom: {} }), 'spec.contentFrom: give one of configMap and secret'],
    ['bytes that are no base64', () => without({ contentBase64: '???' }), 'spec.contentBase64: expected base64'],
    ['too much', () => made({ content: 'ä'.repeat(600_000) }), 'spec.content: has 1200000 bytes; at most 1048576 fit'],
    ['a long key', () => made({ key: 'ä'.repeat(600) }), 'spec.key: has 1200 bytes; at most 1024 fit'],
    [
      'capital names',
      () => made({ metadata: { Author: 'x' } }),
      'spec.metadata.Author: the key is not a name in small letters',
    ],
    ['much metadata', () => made({ metadata: { a: 'x'.repeat(2_048) } }), 'spec.metadata: has 2049 bytes'],
    ['another bucket', () => changed({ bucket: 'other' }), 'spec.bucket: bucket cannot change from "files"'],
    ['another key', () => changed({ key: 'other' }), 'spec.key: key cannot change from "site/index.html"'],
  ])('is refused with its place: %s', (_name, act, message) => {
    expect(refusal(act)).toContain(message);
  });

  it('that changes in other ways is another generation', () => {
    expect(changed({ content: 'other' }).metadata.generation).toBe(2);
  });
});
