import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openPostgresStore } from '../../src/store/postgres-store.ts';
import type { Change, Store } from '../../src/store/store.ts';
import { databaseForTest, freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { runs } from '../support/prove.ts';
import { seedOf } from '../support/random.ts';
import { eventually } from '../support/wait.ts';
import { document, hashOf, lineOf, Picture, refTo } from './support/feed.ts';
import type { Watched, WatcherOrders, WatcherTold, WriterOrders, WriterTold, Written } from './support/feed.ts';
import { Worker } from './support/workers.ts';

const WRITERS = 8;
const WRITES = Number(process.env['FEED_WRITES'] ?? runs(1_500, 10_000));
const WATCHERS = 4;
const WATCHERS_EACH = 4;
/** Changes that the compaction keeps: more than those who come and go miss, fewer than one who stands still does. */
const KEEP = Math.floor((WRITERS * WRITES) / 4);
const HELD_MS = 1_500;
const LIMIT_MS = 600_000;

let database: TestDatabase;
let stranger: pg.Client;
const workers: Worker<{ is: string }>[] = [];
const start = <Told extends { is: string }>(script: string): Worker<Told> => {
  const worker = new Worker<Told>(script);
  workers.push(worker as unknown as Worker<{ is: string }>);
  return worker;
};

beforeAll(async () => {
  database = await freshDatabase();
  stranger = new pg.Client({ connectionString: database.url });
  await stranger.connect();
});
afterAll(async () => {
  for (const worker of workers) worker.kill();
  await stranger?.end();
  await database?.drop();
});

/** A transaction of a program of its own, which takes a revision as ours do, is slow, and then commits or does not. */
async function slowly(name: string, heldMs: number, end: 'COMMIT' | 'ROLLBACK'): Promise<Written> {
  await stranger.query('BEGIN');
  const { rows } = await stranger.query<{ value: string }>('SELECT value FROM revisions WHERE id = 1 FOR UPDATE');
  const revision = Number(rows[0]?.value) + 1;
  const made = document(name, name, randomUUID());
  const object = { ...made, metadata: { ...made.metadata, resourceVersion: String(revision) } };
  const { uid, namespace, generation, creationTimestamp } = object.metadata;
  await stranger.query(
    `INSERT INTO resources (uid, kind, namespace, name, spec, generation, revision, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [uid, object.kind, namespace, name, object.spec, generation, revision, creationTimestamp],
  );
  await stranger.query(
    `INSERT INTO changes (revision, kind, key, type, object, commit_id) VALUES ($1, $2, $3, 'ADDED', $4, $5)`,
    [revision, object.kind, `${object.kind}/${namespace}/${name}`, object, randomUUID()],
  );
  await stranger.query(`UPDATE revisions SET value = ${revision}`);
  await pause(heldMs);
  await stranger.query(end);
  return [revision, lineOf({ revision, type: 'ADDED', object })];
}

describe('the feed of eight writers, to watchers that come, go and resume (I7)', () => {
  it('shows every commit exactly once and in order, while it is compacted', { timeout: LIMIT_MS }, async () => {
    const seed = seedOf('FEED_SEED');
    process.stdout.write(`feed: FEED_SEED=${seed}\n`);
    const writers = Array.from({ length: WRITERS }, () => start<WriterTold>('./feed-writer.ts'));
    const watchers = Array.from({ length: WATCHERS }, () => start<WatcherTold>('./feed-watcher.ts'));
    const { url } = database;
    for (const [writer, worker] of writers.entries())
      worker.send({
        url,
        seed: seed + writer,
        writer,
        writes: WRITES,
        ...(writer === 0 ? { keep: KEEP } : {}),
      } satisfies WriterOrders);
    for (const [i, worker] of watchers.entries())
      worker.send({ url, seed: seed + 1_000 * (i + 1), watchers: WATCHERS_EACH } satisfies WatcherOrders);
    for (const worker of [...writers, ...watchers]) await worker.next('ready');

    const began = performance.now();
    for (const worker of writers) worker.send('go');
    const written: Written[] = [];
    // One of the processes stands still until what it has seen last is compacted away.
    const still = watchers.at(-1)!;
    await eventually('some commits', async () => (await position()).value > KEEP / 2, LIMIT_MS);
    still.process.kill('SIGSTOP');
    const { value: stoppedAt } = await position();
    for (let i = 0; i < 5; i++) await slowly(`never-${i}`, 20, 'ROLLBACK');
    written.push(await slowly('slow', HELD_MS, 'COMMIT'));
    await eventually('a horizon past it', async () => (await position()).horizon > stoppedAt, LIMIT_MS);
    still.process.kill('SIGCONT');
    for (let i = 5; i < 10; i++) await slowly(`never-${i}`, 20, 'ROLLBACK');

    const told = await Promise.all(writers.map((worker) => worker.next('done')));
    const seconds = (performance.now() - began) / 1_000;
    written.push(...told.flatMap((t) => t.written));
    written.sort(([a], [b]) => a - b);
    const { value: last, horizon } = await position();
    for (const worker of watchers) worker.send(last);
    const seen = (await Promise.all(watchers.map((worker) => worker.next('done')))).map((t) => t.watchers);
    const of = (key: 'rolledBack' | 'compacted') => told.reduce((sum, t) => sum + t[key], 0);
    process.stdout.write(
      `feed: ${written.length} commits in ${seconds.toFixed(1)} s (${Math.round(written.length / seconds)}/s), ` +
        `${of('rolledBack')} refused, ${of('compacted')} compacted up to ${horizon}; ${seen.flat().length} watchers ` +
        `resumed ${sum(seen.flat().map((w) => w.resumes))} times and listed ${seen.map((s) => sum(s.map((w) => w.segments.length - 1))).join(' ')} times; ` +
        `${((performance.now() - began) / 1_000).toFixed(1)} s in all\n`,
    );

    // Every revision is one acknowledged commit, and none is missing.
    expect(written.map(([revision]) => revision)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    expect(written).toHaveLength(WRITERS * WRITES + 1);
    // Decisions were exact across the processes: nobody counted over another.
    const [counter] = await database.query<{ mark: number }>(
      `SELECT spec->'mark' AS mark FROM resources WHERE name = 'counter'`,
    );
    expect(Number(counter?.mark)).toBe(sum(told.map((t) => t.counted)));
    const picture = await pictureOf();
    for (const watched of seen.flat()) judge(watched, written, last, picture);
    // One that stood still past the horizon was told so, and began anew.
    for (const watched of seen.at(-1)!) expect(watched.segments.length).toBeGreaterThan(1);
    expect(of('compacted')).toBeGreaterThan(0);
  });
});

describe('one that fell behind what is kept (I7)', () => {
  const hour = 3_600_000;
  const keepTen = { changesMs: hour, changesMax: 10, eventsMs: hour, logMs: hour, logMax: 10 };
  const open = async () => {
    const { url } = await databaseForTest();
    const store = await openPostgresStore({ url, kinds: KINDS, clock: systemClock, log: silentLog });
    onTestFinished(() => store.close());
    return { url, store };
  };
  const put = (store: Store, name: string) =>
    store.commit({
      decide: (view) => ({ put: [document(name, name, view.get(refTo(name))?.metadata.uid ?? randomUUID())] }),
    });

  it('a watcher that is catching up while another daemon compacts is told so: it is never given a gap', async () => {
    const { url, store } = await open();
    // More than one page of them, and none of them in the other one's memory.
    for (let i = 0; i < 12; i++) await Promise.all(Array.from({ length: 100 }, (_, n) => put(store, `d${n}`)));
    const other = await openPostgresStore({ url, kinds: KINDS, clock: systemClock, log: silentLog });
    onTestFinished(() => other.close());
    const watching = other.watchResources(0, new AbortController().signal)[Symbol.asyncIterator]();
    const first = (await watching.next()).value as readonly Change[];
    expect(first.map((change) => change.revision)).toEqual(Array.from(first, (_, i) => i + 1));
    await store.compact(keepTen, new Date());
    await expect(watching.next()).rejects.toMatchObject({ reason: 'Expired' });
  });

  it('a daemon that stood still meanwhile reads everything anew: what was deleted is gone from its lists', async () => {
    const { url, store } = await open();
    await Promise.all(['kept', 'deleted', 'changed'].map((name) => put(store, name)));
    const watcher = start<WatcherTold>('./feed-watcher.ts');
    watcher.send({ url, seed: 1, watchers: 1 } satisfies WatcherOrders);
    await watcher.next('ready');
    watcher.process.kill('SIGSTOP');
    await store.commit({ decide: () => ({ remove: [refTo('deleted')] }) });
    for (let i = 0; i < 20; i++) await put(store, 'changed');
    expect(await store.compact(keepTen, new Date())).toBeGreaterThan(10);
    watcher.process.kill('SIGCONT');
    const snapshot = await store.current();
    watcher.send(snapshot.revision);
    const [watched] = (await watcher.next('done')).watchers;
    const picture = new Picture();
    picture.list(snapshot.all());
    expect(watched?.picture).toBe(picture.hash());
    expect(watched?.faults).toEqual([]);
  });
});

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

async function position(): Promise<{ value: number; horizon: number }> {
  const [row] = await database.query<{ value: string; horizon: string }>('SELECT value, horizon FROM revisions');
  return { value: Number(row?.value), horizon: Number(row?.horizon) };
}

/** What a list of the whole database would be. */
async function pictureOf(): Promise<string> {
  const rows = await database.query<{ name: string; uid: string; revision: string; spec: { mark: string } }>(
    'SELECT name, uid, revision, spec FROM resources',
  );
  const picture = new Picture();
  picture.list(
    rows.map(({ name, uid, revision, spec }) => {
      const made = document(name, spec.mark, uid);
      return { ...made, metadata: { ...made.metadata, resourceVersion: revision } };
    }),
  );
  return picture.hash();
}

/** What it saw after each of its lists is what was acknowledged in between, and it ends with the world as it is. */
function judge(watched: Watched, written: readonly Written[], last: number, picture: string): void {
  expect(watched.faults).toEqual([]);
  for (const { from, to, count, hash } of watched.segments) {
    const between = written.slice(from, to).map(([, line]) => line);
    expect([count, hash]).toEqual([between.length, hashOf(between)]);
  }
  expect(watched.segments.at(-1)?.to).toBe(last);
  expect(watched.picture).toBe(picture);
}
