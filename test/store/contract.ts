import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import type { EventRecord, LogEntry } from '../../src/api/records.ts';
import { StatusError } from '../../src/base/errors.ts';
import { FencedError } from '../../src/store/store.ts';
import type { Change, Store } from '../../src/store/store.ts';
import type { StoreSubject } from './subject.ts';
import { auditContract } from './audit-contract.ts';
import { SETTINGS } from '../../src/store/settings.ts';
import { recommendationsContract } from '../kinds/scaling-group/recommendations-contract.ts';
import { eventually } from '../support/wait.ts';
import { metricsContract } from '../kinds/instance/metrics-contract.ts';
import { trafficContract } from '../kinds/load-balancer/traffic-contract.ts';

const doc = (name: string, spec: object = {}): Resource => ({
  apiVersion: 'miniaws.dev/v1',
  kind: 'VPC',
  metadata: {
    name,
    namespace: 'default',
    uid: randomUUID(),
    resourceVersion: '0',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { cidrBlock: '10.0.0.0/24', gateway: '10.0.0.1', internetGateway: true, ...spec },
});

const put = (store: Store, resource: Resource, fence?: number) =>
  store.commit({ decide: () => ({ put: [resource] }), ...(fence === undefined ? {} : { fence }) });
const ref = (name: string) => ({ kind: 'VPC', namespace: 'default', name });

async function collect(store: Store, from: number, count: number): Promise<Change[]> {
  const end = new AbortController();
  const seen: Change[] = [];
  for await (const batch of store.watchResources(from, end.signal)) {
    seen.push(...batch);
    if (seen.length >= count) break;
  }
  end.abort();
  return seen;
}

const entry = (over: Partial<LogEntry> = {}): LogEntry => ({
  id: randomUUID(),
  kind: 'VPC',
  namespace: 'default',
  name: 'a',
  uid: randomUUID(),
  generation: 1,
  trigger: { type: 'spec', detail: 'created by test', revision: 3 },
  difference: ['there is no network yet'],
  steps: [{ step: 'create network', milliseconds: 3, result: 'done' }],
  outcome: 'reconciled',
  attempts: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:01.000Z',
  ...over,
});

const event = (over: Partial<EventRecord> = {}): EventRecord => ({
  id: randomUUID(),
  type: 'Normal',
  reason: 'Created',
  message: 'made',
  kind: 'VPC',
  namespace: 'default',
  name: 'a',
  uid: randomUUID(),
  count: 1,
  firstSeen: '2026-01-01T00:00:00.000Z',
  lastSeen: '2026-01-01T00:00:00.000Z',
  ...over,
});

const RETENTION = { changesMs: 3_600_000, changesMax: 1000, eventsMs: 3_600_000, logMs: 3_600_000, logMax: 1000 };

/** The promises of `store.ts`, for every implementation. */
export function storeContract(name: string, make: () => Promise<StoreSubject>): void {
  describe(name, () => {
    const subjects: StoreSubject[] = [];
    const fresh = async () => {
      const subject = await make();
      subjects.push(subject);
      return subject;
    };
    afterAll(async () => {
      for (const subject of subjects) await subject.close();
    });

    it('gives back what was stored, also after it is opened again (I11)', async () => {
      const { open } = await fresh();
      const store = await open();
      const resource = { ...doc('kept'), status: { phase: 'Available', conditions: [] } } as Resource;
      const { resources, revision } = await put(store, resource);
      expect(resources[0]?.metadata.resourceVersion).toBe(String(revision));
      const again = await open();
      expect((await again.current()).get(ref('kept'))).toEqual(resources[0]);
      expect((await again.current()).byUid(resource.metadata.uid)).toEqual(resources[0]);
    });

    it('reads are current: what another daemon committed is in the next answer', async () => {
      const { open } = await fresh();
      const [a, b] = [await open(), await open()];
      await put(a, doc('one'));
      expect([...(await b.current()).list('VPC')].map((r) => r.metadata.name)).toEqual(['one']);
      await b.commit({
        decide: (view) => ({ put: [{ ...(view.get(ref('one')) as Resource), spec: { changed: true } }] }),
      });
      expect((await a.current()).get(ref('one'))?.spec).toEqual({ changed: true });
    });

    it('decisions are exact: of many that create one name over two daemons, one succeeds', async () => {
      const { open } = await fresh();
      const stores = [await open(), await open()];
      const attempts = Array.from({ length: 40 }, (_, i) =>
        (stores[i % 2] as Store).commit({
          decide: (view) => {
            if (view.get(ref('taken'))) throw new StatusError('AlreadyExists', 'taken');
            return { put: [doc('taken')] };
          },
        }),
      );
      const outcomes = await Promise.allSettled(attempts);
      expect(outcomes.filter((o) => o.status === 'fulfilled')).toHaveLength(1);
    });

    it('one refused write does not fail its neighbours', async () => {
      const { open } = await fresh();
      const store = await open();
      const refused = store.commit({
        decide: () => {
          throw new StatusError('Invalid', 'no');
        },
      });
      const [good, bad] = await Promise.allSettled([put(store, doc('good')), refused]);
      expect(good.status).toBe('fulfilled');
      expect(bad).toMatchObject({ status: 'rejected', reason: { reason: 'Invalid' } });
      expect((await store.current()).get(ref('good'))).toBeDefined();
    });

    it('a put in the place of another document is refused as itself: its neighbours land, and so does what follows', async () => {
      const { open } = await fresh();
      const store = await open();
      const [one, two] = [doc('one'), doc('two')];
      await store.commit({ decide: () => ({ put: [one, two] }) });
      const before = (await store.current()).revision;
      const renamed = { ...one, metadata: { ...one.metadata, name: 'three' } };
      const bad = [
        [doc('one')],
        [renamed],
        [doc('four'), doc('four')],
        [doc('five'), { ...one, metadata: two.metadata }, renamed],
      ];
      const outcomes = await Promise.allSettled([
        put(store, doc('left')),
        ...bad.flatMap((documents) =>
          [false, true].map((dryRun) => store.commit({ dryRun, decide: () => ({ put: documents }) })),
        ),
        put(store, doc('right')),
      ]);
      expect(outcomes.map((o) => (o.status === 'fulfilled' ? 'landed' : (o.reason as StatusError).reason))).toEqual([
        'landed',
        ...bad.flatMap(() => ['Conflict', 'Conflict']),
        'landed',
      ]);
      expect((await collect(store, before, 2)).map((c) => c.object.metadata.name)).toEqual(['left', 'right']);
      const again = await open();
      const names = [...(await again.current()).all()].map((r) => r.metadata.name).sort();
      expect(names).toEqual(['left', 'one', 'right', 'two']);
      await again.commit({ decide: () => ({ remove: [ref('one')] }) });
      expect((await put(again, doc('one'))).resources).toHaveLength(1);
    });

    it('a decision that throws or is a dry run leaves no trace', async () => {
      const { open } = await fresh();
      const store = await open();
      const before = (await store.current()).revision;
      const dry = await store.commit({ dryRun: true, decide: () => ({ put: [doc('dry')] }) });
      expect(dry.resources[0]?.metadata.name).toBe('dry');
      expect((await store.current()).get(ref('dry'))).toBeUndefined();
      expect((await store.current()).revision).toBe(before);
    });

    it('every commit is seen once, in revision order, by every watcher (I7)', async () => {
      const { open } = await fresh();
      const stores = [await open(), await open()];
      const from = (await (stores[0] as Store).current()).revision;
      const watchers = stores.flatMap((s) => [collect(s, from, 60), collect(s, from, 60)]);
      const writes = Array.from({ length: 60 }, (_, i) => put(stores[i % 2] as Store, doc(`w${i}`)));
      const committed = (await Promise.all(writes))
        .map((c) => Number(c.resources[0]?.metadata.resourceVersion))
        .sort((x, y) => x - y);
      for (const seen of await Promise.all(watchers)) expect(seen.map((c) => c.revision)).toEqual(committed);
    });

    it('a watch resumes where it left off and tells added, modified and deleted', async () => {
      const { open } = await fresh();
      const store = await open();
      const start = (await store.current()).revision;
      const first = await put(store, doc('life'));
      const one = first.resources[0] as Resource;
      await put(store, { ...one, spec: { x: 1 } });
      await store.commit({ decide: () => ({ remove: [ref('life')] }) });
      const all = await collect(store, start, 3);
      expect(all.map((c) => c.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
      expect(all[2]?.object.metadata.uid).toBe(one.metadata.uid);
      expect(await collect(store, all[0]?.revision ?? 0, 2)).toMatchObject(
        all.slice(1).map(({ type, revision }) => ({ type, revision })),
      );
    });

    it('a watch from before the horizon, or from beyond the newest revision, gets 410', async () => {
      const { open } = await fresh();
      const store = await open();
      const start = (await store.current()).revision;
      for (let i = 0; i < 5; i++) await put(store, doc(`c${i}`));
      await store.compact({ ...RETENTION, changesMax: 2 }, new Date());
      await expect(collect(store, start, 1)).rejects.toMatchObject({ reason: 'Expired', code: 410 });
      await expect(collect(store, 1_000_000, 1)).rejects.toMatchObject({ reason: 'Expired' });
      const { revision } = await store.current();
      expect(await collect(store, revision - 2, 2)).toHaveLength(2);
    });

    it('history is oldest first, page by page, with its times; what lived at the horizon stays', async () => {
      const { open } = await fresh();
      const store = await open();
      const first = (await put(store, doc('kept', { x: 0 }))).resources[0] as Resource;
      for (let x = 1; x < 4; x++) await put(store, { ...first, spec: { x } });
      await put(store, doc('gone'));
      await store.commit({ decide: () => ({ remove: [ref('gone')] }) });
      const all = await store.history(ref('kept'), 10);
      expect(all.map(({ type, object }) => [type, 'x' in object.spec && object.spec.x])).toEqual([
        ['ADDED', 0],
        ...[1, 2, 3].map((x) => ['MODIFIED', x]),
      ]);
      expect(Math.abs(Date.parse(all[0]?.committedAt ?? '') - Date.now())).toBeLessThan(600_000);
      expect(await store.history(ref('kept'), 2, all[3]?.revision)).toEqual(all.slice(1, 3));
      const compact = () => store.compact({ ...RETENTION, changesMax: 1 }, new Date());
      await compact();
      expect(await store.history(ref('kept'), 10)).toEqual(all.slice(-1));
      expect((await store.history(ref('gone'), 10)).map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
      await put(store, { ...first, spec: { x: 4 } });
      await compact();
      expect((await store.history(ref('kept'), 10)).map(({ object }) => object.spec)).toEqual([{ x: 3 }, { x: 4 }]);
      expect(await store.history(ref('gone'), 10)).toEqual([]);
      await put(store, doc('other'));
      await compact();
      expect((await store.history(ref('kept'), 10)).map(({ object }) => object.spec)).toEqual([{ x: 4 }]);
      await expect(collect(store, (all[3]?.revision ?? 0) - 1, 1)).rejects.toMatchObject({ reason: 'Expired' });
    });

    it('a write of a passed leader is refused, whole (I9)', async () => {
      const { open } = await fresh();
      const [a, b] = [await open(), await open()];
      const first = await a.leases.acquire('leader', 'a', 60_000);
      if (!first.held) throw new Error('the lease is free');
      await put(a, doc('led'), first.epoch);
      expect(await b.leases.acquire('leader', 'b', 60_000)).toEqual({ held: false, holder: 'a' });
      await a.leases.release('leader', 'a');
      const second = await b.leases.acquire('leader', 'b', 60_000);
      expect(second).toMatchObject({ held: true, epoch: first.epoch + 1 });
      await expect(put(a, doc('late'), first.epoch)).rejects.toBeInstanceOf(FencedError);
      expect((await a.current()).get(ref('late'))).toBeUndefined();
      await put(b, doc('new'), first.epoch + 1);
    });

    it('a released lease wakes who waits for it; the holder renews without a new epoch', async () => {
      const { open } = await fresh();
      const [a, b] = [await open(), await open()];
      const first = await a.leases.acquire('leader', 'a', 60_000);
      expect(await a.leases.acquire('leader', 'a', 60_000)).toEqual(first);
      let woken = false;
      b.leases.onRelease(() => (woken = true));
      await eventually('the wake-up', async () => {
        await a.leases.acquire('leader', 'a', 60_000);
        await a.leases.release('leader', 'a');
        return woken;
      });
    });

    it('events and the reconcile log are fed in order and found again', async () => {
      const { open } = await fresh();
      const [a, b] = [await open(), await open()];
      const from = (await a.current()).revision;
      const uid = randomUUID();
      const failing = entry({
        uid,
        outcome: 'retrying',
        reason: 'ImageUnavailable',
        message: 'no such image',
        nextAttemptAt: '2026-01-01T00:00:05.000Z',
      });
      await a.commit({ decide: () => ({ log: [failing], events: [event({ uid }), event()] }) });
      await a.commit({ decide: () => ({ log: [{ ...failing, attempts: 2 }] }) });
      const seen: LogEntry[] = [];
      const end = new AbortController();
      for await (const batch of b.watchLog(from, end.signal)) {
        seen.push(...batch.map((r) => r.record));
        if (seen.some((e) => e.attempts === 2)) break;
      }
      end.abort();
      expect(seen.at(-1)).toEqual({ ...failing, attempts: 2 });
      const page = await b.log({ uid, limit: 10 });
      expect(page.items.map((i) => i.record)).toEqual([{ ...failing, attempts: 2 }]);
      expect((await b.events({ uid, limit: 10 })).items).toHaveLength(1);
    });

    it('inventory rows appear, change and go with the pass that says so', async () => {
      const { open } = await fresh();
      const store = await open();
      const id = randomUUID();
      const row = {
        table: 'instances' as const,
        id,
        namespace: 'default',
        name: 'a',
        image: 'x:1',
        status: 'Running',
        containerId: 'c1',
        ports: '8080:80',
      };
      await store.commit({ decide: () => ({ inventory: [row] }) });
      await store.commit({ decide: () => ({ inventory: [{ ...row, status: 'Stopped' }] }) });
      expect(await store.inventory()).toEqual([{ ...row, status: 'Stopped' }]);
      await store.commit({ decide: () => ({ inventoryGone: [{ table: 'instances', id }] }) });
      expect(await store.inventory()).toEqual([]);
    });

    it('settings are set once', async () => {
      const { open } = await fresh();
      const [a, b] = [await open(), await open()];
      expect(await a.beside(SETTINGS).setOnce('installation', 'first')).toBe('first');
      expect(await b.beside(SETTINGS).setOnce('installation', 'second')).toBe('first');
    });

    auditContract(fresh);
    metricsContract(fresh);
    trafficContract(fresh);
    recommendationsContract(fresh);
  });
}
