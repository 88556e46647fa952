import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuid7 } from '../../src/base/uuid7.ts';
import type { NewRow } from '../../src/s3/bucket-draft.ts';
import { compareKeys } from '../../src/base/compare-keys.ts';
import { commonPrefixOf } from '../../src/s3/keys.ts';
import { NULL_VERSION } from '../../src/s3/row.ts';
import type { BucketId } from '../../src/s3/row.ts';
import type { ObjectRows } from '../../src/s3/rows.ts';
import { runs } from '../support/prove.ts';

export interface RowsSubject {
  rows: ObjectRows;
  /** One whose document is there. */
  bucket: (name: string) => Promise<BucketId>;
  close: () => Promise<void>;
}

export const newRow = (key: string, over: Partial<NewRow> = {}): NewRow => ({
  id: uuid7(new Date()),
  key,
  versionId: NULL_VERSION,
  isDeleteMarker: false,
  sizeBytes: 3,
  etag: 'e',
  contentType: 'text/plain',
  pieceSums: Buffer.from('00ff10', 'hex'),
  checksum: undefined,
  headers: {},
  metadata: {},
  tags: {},
  createdAt: new Date('2026-01-01T00:00:00Z'),
  declaredBy: undefined,
  partCount: 0,
  owner: undefined,
  grants: undefined,
  retention: undefined,
  legalHold: false,
  encryption: undefined,
  ...over,
});

export const RELEASE = { now: new Date('2026-06-01T00:00:00Z') };

/** What every way to keep rows of objects promises. */
export function rowsContract(what: string, open: () => Promise<RowsSubject>): void {
  describe(what, () => {
    let subject: RowsSubject;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(() => subject?.close());
    const put = (bucket: BucketId, row: NewRow, keepsVersions = false) =>
      subject.rows.change(bucket, [{ key: row.key, versionId: NULL_VERSION }], (now) => {
        const before = now.version(row.key, NULL_VERSION);
        if (before && !keepsVersions) now.remove(before, RELEASE);
        return now.add(row);
      });
    const useOf = async ({ uid }: BucketId) => (await subject.rows.uses([uid])).get(uid);

    it('finds what was put, as it was put', async () => {
      const bucket = await subject.bucket('finds');
      const row = newRow('a/ü\n%41', {
        checksum: { algorithm: 'CRC32', type: 'FULL_OBJECT', value: 'AAAA' },
        headers: { 'Cache-Control': 'no-store' },
        metadata: { colour: 'blue' },
        tags: { team: 'a b' },
        declaredBy: bucket.uid,
      });
      const added = await put(bucket, row);
      expect(added).toEqual({ ...row, bucket: 'finds', sequence: 1, isLatest: true });
      expect(await subject.rows.find('finds', row.key)).toEqual(added);
      expect(await subject.rows.find('finds', row.key, NULL_VERSION)).toEqual(added);
      expect(await subject.rows.find('finds', 'a/u')).toBeUndefined();
      expect(await subject.rows.find('others', row.key)).toBeUndefined();
      expect(await useOf(bucket)).toEqual({ objects: 1, bytes: 3 });
    });

    it('one of a key is current; what is replaced goes, and its bytes can be collected', async () => {
      const bucket = await subject.bucket('replaces');
      const first = await put(bucket, newRow('k'));
      const second = await put(bucket, newRow('k', { sizeBytes: 5 }));
      expect((await subject.rows.find('replaces', 'k'))?.id).toBe(second.id);
      expect(await useOf(bucket)).toEqual({ objects: 1, bytes: 5 });
      const later = new Date(Date.now() + 60_000);
      expect(await subject.rows.removed(later, 100)).toContain(first.id);
      expect(await subject.rows.known([first.id, second.id, bucket.uid])).toEqual(new Set([first.id, second.id]));
      await subject.rows.forget([first.id, second.id]);
      expect(await subject.rows.known([first.id, second.id])).toEqual(new Set([second.id]));
      expect(await subject.rows.removed(later, 100)).not.toContain(first.id);
    });

    it('versions stay beside the current one; when that goes, the newest before it is current', async () => {
      const bucket = await subject.bucket('versions');
      for (const versionId of ['v1', 'v2', 'v3']) await put(bucket, newRow('k', { versionId }), true);
      const remove = (versionId: string) =>
        subject.rows.change(bucket, [{ key: 'k', versionId }], (now) => {
          const row = now.version('k', versionId);
          if (row) now.remove(row, RELEASE);
        });
      const newest = await subject.rows.find('versions', 'k');
      expect(newest?.versionId).toBe('v3');
      const before = await subject.rows.find('versions', 'k', 'v2');
      expect(await subject.rows.latest([newest, before].map((row) => row?.id ?? ''))).toEqual(new Set([newest?.id]));
      expect((await subject.rows.find('versions', 'k', 'v1'))?.isLatest).toBe(false);
      await remove('v3');
      expect((await subject.rows.find('versions', 'k'))?.versionId).toBe('v2');
      await remove('v1');
      expect((await subject.rows.find('versions', 'k'))?.versionId).toBe('v2');
      await put(bucket, newRow('k', { versionId: 'v4', isDeleteMarker: true, sizeBytes: 0 }), true);
      expect(await useOf(bucket)).toEqual({ objects: 1, bytes: 3 });
      expect((await subject.rows.page('versions', { prefix: '', delimiter: '', after: '', most: 9 })).items).toEqual(
        [],
      );
      await remove('v4');
      expect((await subject.rows.find('versions', 'k'))?.versionId).toBe('v2');
    });

    it('damage is noted once, told by bucket, and forgotten with its object', async () => {
      const bucket = await subject.bucket('damaged');
      const rows = [];
      for (const key of ['a', 'b', 'c']) rows.push(await put(bucket, newRow(key)));
      const at = new Date('2026-01-02T00:00:00Z');
      expect(await subject.rows.damage.note(rows[2]!, 'gone', at)).toBe(true);
      expect(await subject.rows.damage.note(rows[2]!, 'gone again', at)).toBe(false);
      await subject.rows.damage.note(rows[0]!, 'cut', at);
      expect(await subject.rows.damage.of('damaged', 1)).toEqual({
        count: 2,
        first: [{ id: rows[0]!.id, key: 'a', versionId: NULL_VERSION, what: 'cut', foundAt: at }],
      });
      await subject.rows.damage.clear([rows[0]!.id]);
      expect((await subject.rows.damage.of('damaged', 9)).first.map(({ key }) => key)).toEqual(['c']);
      await put(bucket, newRow('c'));
      expect(await subject.rows.damage.of('damaged', 9)).toEqual({ count: 0, first: [] });
      expect(await subject.rows.damage.of('others', 9)).toEqual({ count: 0, first: [] });
    });

    it('a decision that refuses changes nothing, and its neighbours in the group pass', async () => {
      const bucket = await subject.bucket('refuses');
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) =>
          subject.rows.change(bucket, [{ key: `k${i}` }], (now) => {
            now.add(newRow(`k${i}`));
            if (i % 2 === 1) throw new Error(`no ${i}`);
            return i;
          }),
        ),
      );
      expect(outcomes.flatMap((o) => (o.status === 'fulfilled' ? o.value : []))).toEqual([
        0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
      ]);
      expect(await useOf(bucket)).toEqual({ objects: 10, bytes: 30 });
      expect(await subject.rows.find('refuses', 'k1')).toBeUndefined();
    });

    it('who writes the same key at once writes one after the other', async () => {
      const bucket = await subject.bucket('serial');
      const once = () =>
        subject.rows.change(bucket, [{ key: 'k' }], (now) => {
          if (now.current('k')) throw new Error('there already');
          return now.add(newRow('k'));
        });
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, once));
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await useOf(bucket)).toEqual({ objects: 1, bytes: 3 });
    });

    it('is closed when it is empty, and not before', async () => {
      const bucket = await subject.bucket('closes');
      const row = await put(bucket, newRow('k', { isDeleteMarker: true, sizeBytes: 0 }));
      expect(await subject.rows.close(bucket)).toBe(false);
      expect((await subject.rows.some('closes', 5)).map(({ id }) => id)).toEqual([row.id]);
      await subject.rows.change(bucket, [row], (now) => now.remove(now.version('k', NULL_VERSION)!, RELEASE));
      expect(await subject.rows.close(bucket)).toBe(true);
      expect(await useOf(bucket)).toBeUndefined();
      expect(await subject.rows.close(await subject.bucket('never-used'))).toBe(true);
    });

    const character = fc.constantFrom(
      'a',
      'b',
      '/',
      '-',
      '0',
      'é',
      '\u{1F600}',
      '\u{E000}',
      '\uD7FF',
      '\u{10FFFF}',
      '\u0001',
      '%',
    );
    const text = (maxLength: number) => fc.array(character, { maxLength }).map((all) => all.join(''));
    let buckets = 0;
    it('pages tell all keys once, in the order of their bytes, folded by delimiters', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(
            fc.array(character, { minLength: 1, maxLength: 5 }).map((all) => all.join('')),
            { maxLength: 25 },
          ),
          text(2),
          fc.constantFrom('', '/', 'a', '/-', '\uD7FF'),
          fc.integer({ min: 1, max: 4 }),
          async (keys, prefix, delimiter, most) => {
            const bucket = await subject.bucket(`pages-${buckets++}`);
            await Promise.all(keys.map((key) => put(bucket, newRow(key))));
            const wanted = keys.filter((key) => key.startsWith(prefix)).toSorted(compareKeys);
            const expected = [...new Set(wanted.map((key) => commonPrefixOf(key, prefix, delimiter) ?? key))];
            const found: string[] = [];
            for (let after = ''; ; after = found.at(-1)!) {
              const { items, isTruncated } = await subject.rows.page(bucket.name, { prefix, delimiter, after, most });
              found.push(...items.map((item) => ('prefix' in item ? item.prefix : item.row.key)));
              expect(items.length <= most).toBe(true);
              if (!isTruncated) break;
            }
            expect(found).toEqual(expected);
          },
        ),
        { numRuns: runs(40, 600) },
      );
    });
  });
}
