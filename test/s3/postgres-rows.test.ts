import { expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { OBJECT_ROWS } from '../../src/s3/object-rows.ts';
import { NULL_VERSION } from '../../src/s3/row.ts';
import { BucketGoneError } from '../../src/s3/rows.ts';
import type { BucketId } from '../../src/s3/row.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import type { Store } from '../../src/store/store.ts';
import { databaseForTest, freshDatabase } from '../support/database.ts';
import { storedVpc } from '../support/stored.ts';
import { newRow, RELEASE, rowsContract } from './rows-contract.ts';

const open = (url: string) => openPostgresStore({ url, kinds: KINDS, clock: systemClock, log: silentLog });

/** Rows ask only whether the bucket's document is there, and whether it is being deleted. */
async function bucketOf(store: Store, name: string): Promise<BucketId> {
  const document = { ...storedVpc(name), kind: 'Bucket', spec: {} };
  await store.commit({ decide: () => ({ put: [document] }) });
  return { uid: document.metadata.uid, name };
}

rowsContract('rows of objects in PostgreSQL', async () => {
  const database = await freshDatabase();
  const store = await open(database.url);
  return {
    rows: store.beside(OBJECT_ROWS),
    bucket: (name) => bucketOf(store, name),
    async close() {
      await store.close();
      await database.drop();
    },
  };
});

it('nothing is put into a bucket that is gone, or is being deleted; what is there can be removed', async () => {
  const database = await databaseForTest();
  const store = await open(database.url);
  try {
    const rows = store.beside(OBJECT_ROWS);
    const bucket = await bucketOf(store, 'ends');
    const add = () => rows.change(bucket, [{ key: 'k' }], (now) => now.add(newRow('k')));
    await expect(
      rows.change({ ...bucket, uid: crypto.randomUUID() }, [], (now) => now.add(newRow('k'))),
    ).rejects.toThrow(BucketGoneError);
    const row = await add();
    const document = store.cached().byUid(bucket.uid)!;
    const deleted = { ...document, metadata: { ...document.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    await store.commit({ decide: () => ({ put: [deleted] }) });
    await expect(add()).rejects.toThrow(BucketGoneError);
    expect(await rows.close(bucket)).toBe(false);
    await rows.change(bucket, [row], (now) => now.remove(now.version('k', NULL_VERSION)!, RELEASE));
    expect(await rows.close(bucket)).toBe(true);
    await expect(add()).rejects.toThrow(BucketGoneError);
  } finally {
    await store.close();
  }
});

it('what the database cannot take fails alone: others of its group pass', async () => {
  const database = await databaseForTest();
  const store = await open(database.url);
  try {
    const rows = store.beside(OBJECT_ROWS);
    const bucket = await bucketOf(store, 'groups');
    const put = (key: string, contentType: string) =>
      rows.change(bucket, [{ key }], (now) => now.add(newRow(key, { contentType })));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => put(`k${i}`, i === 7 ? 'half \ud800' : 'text/plain')),
    );
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(outcomes.map((_, i) => i !== 7));
    expect((await rows.uses([bucket.uid])).get(bucket.uid)?.objects).toBe(19);
  } finally {
    await store.close();
  }
});

it('two daemons write to one bucket: its sums are those of what is there', async () => {
  const database = await databaseForTest();
  const stores = [await open(database.url), await open(database.url)];
  try {
    const bucket = await bucketOf(stores[0]!, 'shared');
    const daemons = stores.map((store) => store.beside(OBJECT_ROWS));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, (_, i) =>
        daemons[i % 2]!.change(bucket, [{ key: `k${i % 40}` }], (now) => {
          const before = now.current(`k${i % 40}`);
          if (before) now.remove(before, RELEASE);
          return now.add(newRow(`k${i % 40}`, { sizeBytes: i }));
        }),
      ),
    );
    expect(outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason] : []))).toEqual([]);
    const there = await daemons[0]!.some('shared', 1_000);
    expect(there).toHaveLength(40);
    const bytes = there.reduce((sum, row) => sum + row.sizeBytes, 0);
    expect((await daemons[1]!.uses([bucket.uid])).get(bucket.uid)).toEqual({ objects: 40, bytes });
    expect(new Set(there.map(({ sequence }) => sequence)).size).toBe(40);
  } finally {
    for (const store of stores) await store.close();
  }
});
