import { KEYS } from '../support/s3.ts';
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { MemoryBytes } from '../../src/drivers/objects/memory.ts';
import { ManualClock } from '../../src/proof/manual-clock.ts';
import { MemoryRows } from '../../src/s3/memory-rows.ts';
import { Objects } from '../../src/s3/objects.ts';
import { Scrub } from '../../src/s3/scrub.ts';
import { chunksOf } from '../drivers/objects/contract.ts';

it('reads everything, slowly, and again every day: damage is known, and known to be gone', async () => {
  const clock = new ManualClock();
  const bytes = new MemoryBytes(clock);
  const found: string[] = [];
  const onDamage = ({ key }: { key: string }) => void found.push(key);
  const objects = new Objects({ rows: new MemoryRows(() => clock.now()), bytes, clock, keys: KEYS, onDamage });
  const bucket = { uid: randomUUID(), name: 'b', versioning: 'Enabled' as const, quotaBytes: undefined };
  const put = (key: string, content: string | Buffer) =>
    objects.put(bucket, { key, contentType: '' }, chunksOf(Buffer.from(content)));
  const old = await put('a', 'old');
  await put('a', 'new');
  await objects.delete(bucket, 'a');
  const large = await put('large', Buffer.alloc(100 << 20));
  for (let i = 0; i < 250; i++) await put(`many/${i}`, `${i}`);
  const kept = bytes.stored.get(old.id)!;
  bytes.stored.delete(old.id);
  bytes.stored.get(large.id)!.bytes.writeUInt8(1, (100 << 20) - 1);
  const end = new AbortController();
  const scrub = new Scrub({ objects, buckets: () => ['b'], clock, log: silentLog });
  const running = scrub.run({ signal: end.signal });
  await clock.advance(599_000);
  expect(found).toEqual([]);
  await clock.advance(2_000);
  // 100 MiB take five seconds.
  expect(found).toEqual(['a']);
  await clock.advance(10_000);
  expect(found).toEqual(['a', 'large']);
  expect((await objects.rows.damage.of('b', 9)).count).toBe(2);
  bytes.stored.set(old.id, kept);
  await clock.advance(86_400_000);
  await clock.advance(20_000);
  expect((await objects.rows.damage.of('b', 9)).first.map(({ key }) => key)).toEqual(['large']);
  expect(found).toEqual(['a', 'large']);
  end.abort();
  await running;
});
