import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { KEYS } from '../support/s3.ts';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { BytesGoneError } from '../../src/drivers/objects/bytes.ts';
import { MemoryBytes } from '../../src/drivers/objects/memory.ts';
import { collectRemoved, collectUnknown } from '../../src/s3/collector.ts';
import { MemoryRows } from '../../src/s3/memory-rows.ts';
import { Objects, QuotaError } from '../../src/s3/objects.ts';
import type { ObjectBucket } from '../../src/s3/objects.ts';
import { PIECE_BYTES } from '../../src/s3/pieces.ts';
import { NULL_VERSION } from '../../src/s3/row.ts';
import type { ObjectRow } from '../../src/s3/row.ts';
import { ManualClock } from '../../src/proof/manual-clock.ts';
import { chunksOf } from '../drivers/objects/contract.ts';

const bucketOf = (over: Partial<ObjectBucket> = {}): ObjectBucket => ({
  uid: randomUUID(),
  name: 'b',
  versioning: 'Off',
  quotaBytes: undefined,
  ...over,
});
function setUp(clock = systemClock) {
  const bytes = new MemoryBytes(clock);
  const objects = new Objects({ rows: new MemoryRows(() => clock.now()), bytes, clock, keys: KEYS });
  const put = (bucket: ObjectBucket, key: string, content: string | Buffer) =>
    objects.put(bucket, { key, contentType: 'text/plain' }, chunksOf(Buffer.from(content), 70_000));
  const read = async (row: ObjectRow, range?: { first: number; last: number }) => {
    const chunks: Buffer[] = [];
    for await (const chunk of objects.read(row, range)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  return { bytes, objects, put, read };
}

describe('objects', () => {
  it('are what was put, whole and in ranges', async () => {
    const { put, read } = setUp();
    const content = Buffer.alloc(PIECE_BYTES * 3 + 17);
    for (let i = 0; i < content.length; i++) content[i] = (i * 31) % 251;
    const row = await put(bucketOf(), 'k', content);
    expect(row).toMatchObject({ sizeBytes: content.length, versionId: NULL_VERSION, isLatest: true });
    expect((await read(row)).equals(content)).toBe(true);
    await fc.assert(
      fc.asyncProperty(fc.nat(content.length - 1), fc.nat(content.length - 1), async (a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        expect((await read(row, { first, last })).equals(content.subarray(first, last + 1))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('whose bytes are not what was put are never given wrongly: what is right before them is, and then an error', async () => {
    const { bytes, objects, put } = setUp();
    const content = Buffer.alloc(PIECE_BYTES * 2 + 5, 'x');
    const tamperings: ((stored: Buffer) => Buffer | undefined)[] = [
      (stored) =>
        Buffer.concat([stored.subarray(0, PIECE_BYTES + 9), Buffer.from('!'), stored.subarray(PIECE_BYTES + 10)]),
      (stored) => stored.subarray(0, PIECE_BYTES + 9),
      (stored) => stored.subarray(0, PIECE_BYTES),
      () => undefined,
    ];
    for (const tamper of tamperings) {
      const row = await put(bucketOf(), 'k', content);
      const stored = bytes.stored.get(row.id)!;
      const tampered = tamper(stored.bytes);
      if (tampered) bytes.stored.set(row.id, { ...stored, bytes: tampered });
      else bytes.stored.delete(row.id);
      let given = 0;
      const reading = async () => {
        for await (const chunk of objects.read(row)) {
          expect(chunk.equals(content.subarray(given, given + chunk.length))).toBe(true);
          given += chunk.length;
        }
      };
      await expect(reading()).rejects.toThrow(BytesGoneError);
      expect(given % PIECE_BYTES).toBe(0);
      expect(await objects.damageOf(row)).toMatch(/gone|not what was put/);
    }
    expect(await objects.damageOf(await put(bucketOf(), 'good', content))).toBeUndefined();
  });

  it('one that is refused leaves no bytes', async () => {
    const { bytes, objects, put } = setUp();
    const bucket = bucketOf({ quotaBytes: 10 });
    await put(bucket, 'a', '123456');
    await expect(put(bucket, 'b', '12345')).rejects.toThrow(QuotaError);
    await put(bucket, 'a', '1234567890');
    const body = chunksOf(Buffer.from('x'));
    const condition = () => {
      throw new Error('there already');
    };
    await expect(objects.put(bucketOf(), { key: 'a', contentType: '' }, body, { condition })).rejects.toThrow(
      'already',
    );
    expect(bytes.stored.size).toBe(2);
  });

  it('versions: off, enabled and suspended, as S3 has them', async () => {
    const { objects, put } = setUp();
    const bucket = bucketOf();
    const as = (versioning: ObjectBucket['versioning']) => ({ ...bucket, versioning });
    const there = async () =>
      (await objects.rows.some('b', 99)).map(
        (r) => (r.versionId === NULL_VERSION ? 'null' : 'v') + (r.isDeleteMarker ? ' marker' : ''),
      );
    await put(as('Off'), 'k', '0');
    await put(as('Off'), 'k', '1');
    expect(await there()).toEqual(['null']);
    const second = await put(as('Enabled'), 'k', '2');
    expect(second.versionId).toMatch(/^[0-9a-f]{32}$/);
    expect(await there()).toEqual(['null', 'v']);
    expect(await objects.delete(as('Enabled'), 'k')).toMatchObject({ isDeleteMarker: true });
    expect(await there()).toEqual(['null', 'v', 'v marker']);
    await put(as('Suspended'), 'k', '3');
    expect(await there()).toEqual(['v', 'v marker', 'null']);
    expect(await objects.delete(as('Suspended'), 'k')).toMatchObject({ isDeleteMarker: true, versionId: NULL_VERSION });
    expect(await there()).toEqual(['v', 'v marker', 'null marker']);
    await objects.deleteVersion(as('Suspended'), 'k', NULL_VERSION);
    await objects.deleteVersion(as('Suspended'), 'k', second.versionId);
    expect(await there()).toEqual(['v marker']);
    expect(await objects.deleteVersion(as('Enabled'), 'k', 'none')).toBeUndefined();
  });

  it('bytes of removed objects go after a while, and bytes that no row has', async () => {
    const clock = new ManualClock();
    const { bytes, objects, put } = setUp(clock);
    const bucket = bucketOf();
    await put(bucket, 'k', 'old');
    const kept = await put(bucket, 'k', 'new');
    const stray = randomUUID();
    await bytes.put(stray, chunksOf(Buffer.from('stray')));
    expect([await collectRemoved(objects, clock), await collectUnknown(objects, clock)]).toEqual([0, 0]);
    await clock.advance(61_000);
    expect(await collectRemoved(objects, clock)).toBe(1);
    expect([...bytes.stored.keys()].sort()).toEqual([kept.id, stray].sort());
    await clock.advance(86_400_000);
    expect(await collectUnknown(objects, clock)).toBe(1);
    expect([...bytes.stored.keys()]).toEqual([kept.id]);
  });
});
