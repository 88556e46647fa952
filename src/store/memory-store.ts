import { keyOf, refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { InventoryRow } from './inventory.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { Clock } from '../base/clock.ts';
import { AUDIT } from './audit.ts';
import { besideOf } from './beside.ts';
import type { Beside } from './beside.ts';
import { StoreCore } from './core.ts';
import type { Batch, Journal, Position, Tail } from './journal.ts';
import type { Change, LeaseStore, RecordQuery, Retention, Store } from './store.ts';

/**
 * The journal in memory, for simulations of thousands of runs: the same store above it, the same contract suite in
 * front of it. Several stores over one `MemoryDatabase` are several daemons over one database.
 */
export class MemoryDatabase {
  position: Position = { revision: 0, horizon: 0, epoch: 0 };
  resources = new Map<string, Resource>();
  changes: (Change & { commitId: string; at: number })[] = [];
  events = new Map<string, Recorded<EventRecord>>();
  log = new Map<string, Recorded<LogEntry>>();
  inventory = new Map<string, InventoryRow>();
  lease: { holder: string | undefined; expires: number } = { holder: undefined, expires: 0 };
  /** Bytes of the store that were written: for I2's "no database write". */
  commits = 0;
  readonly wakers = new Set<() => void>();
  readonly releaseListeners = new Set<() => void>();
  readonly clock: Clock;
  readonly beside: Beside = besideOf((side) => side.memory(this.clock));
  /** Writers wait for each other here, as on the revision's row. */
  lock: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.clock = clock;
  }
}

/** `journal` stands between the store and what it keeps: for answers that are late. */
export function openMemoryStore(
  database: MemoryDatabase,
  kinds: KindRegistry,
  journal: (journal: Journal) => Journal = (itself) => itself,
): Promise<Store> {
  const parts = { leases: memoryLeases(database), beside: database.beside };
  return StoreCore.open(journal(memoryJournal(database)), kinds, database.clock, parts);
}

function memoryJournal(db: MemoryDatabase): Journal {
  const after = <T extends { revision: number }>(records: Iterable<T>, revision: number): T[] =>
    [...records].filter((r) => r.revision > revision).sort((a, b) => a.revision - b.revision);
  const tail = (revision: number): Tail => ({
    position: { ...db.position },
    changes: after(db.changes, revision),
    events: after(db.events.values(), revision),
    log: after(db.log.values(), revision),
  });
  return {
    async transact(fn) {
      const turn = db.lock.then(async () => {
        const batch = await fn({ ...db.position }, async (revision) => tail(revision));
        if (batch) land(db, batch);
      });
      db.lock = turn.catch(() => undefined);
      await turn;
      for (const wake of db.wakers) wake();
    },
    wasCommitted: async (commitId, first) => db.changes.some((c) => c.revision === first && c.commitId === commitId),
    position: async () => ({ ...db.position }),
    tail: async (_at, revision) => tail(revision),
    load: async () => ({ position: { ...db.position }, resources: [...db.resources.values()] }),
    changesAfter: async (revision, limit) => after(db.changes, revision).slice(0, limit),
    eventsAfter: async (revision, limit) => after(db.events.values(), revision).slice(0, limit),
    logAfter: async (revision, limit) => after(db.log.values(), revision).slice(0, limit),
    events: async (query) => select(after(db.events.values(), -1), query),
    log: async (query) => select(after(db.log.values(), -1), query),
    history: async (ref: Ref, limit, before = Infinity) =>
      db.changes
        .filter((c) => c.revision < before && keyOf(refOf(c.object)) === keyOf(ref))
        .slice(-limit)
        .map(({ commitId: _, at, ...change }) => ({ ...change, committedAt: new Date(at).toISOString() })),
    inventory: async () => [...db.inventory.values()],
    compact: async (retention, now) => compact(db, retention, now),
    reencrypt: async () => 0,
    onWake(listener) {
      db.wakers.add(listener);
      return () => db.wakers.delete(listener);
    },
    outage: () => undefined,
    close: async () => undefined,
  };
}

function land(db: MemoryDatabase, batch: Batch): void {
  db.commits++;
  db.position.revision = batch.revision;
  for (const change of batch.changes) {
    db.changes.push({ ...change, commitId: batch.commitId, at: db.clock.now().getTime() });
    if (change.type === 'DELETED') db.resources.delete(keyOf(refOf(change.object)));
    else db.resources.set(keyOf(refOf(change.object)), change.object);
  }
  for (const event of batch.events) db.events.set(event.record.id, event);
  for (const entry of batch.log) db.log.set(entry.record.id, entry);
  for (const { id } of batch.inventoryGone) db.inventory.delete(id);
  for (const row of batch.inventory) db.inventory.set(row.id, row);
  if (batch.audit.length > 0) void db.beside(AUDIT).append(batch.audit);
}

function select<T extends EventRecord | LogEntry>(
  records: readonly Recorded<T>[],
  query: RecordQuery,
): readonly Recorded<T>[] {
  const fields = ['kind', 'namespace', 'name', 'uid'] as const;
  return records
    .filter(({ record }) => fields.every((f) => query[f] === undefined || query[f] === record[f]))
    .filter(({ record }) => query.namespaces?.includes(record.namespace) ?? true)
    .slice(-query.limit);
}

function compact(db: MemoryDatabase, retention: Retention, now: Date): number {
  const size = () => db.changes.length + db.events.size + db.log.size;
  const before = size();
  const oldest = now.getTime() - retention.changesMs;
  const keep = db.changes.slice(-retention.changesMax || db.changes.length).filter((c) => c.at >= oldest);
  const first = keep[0]?.revision ?? db.position.revision + 1;
  db.position.horizon = Math.max(
    db.position.horizon,
    db.changes.filter((c) => c.revision < first).at(-1)?.revision ?? 0,
  );
  const { horizon } = db.position;
  const atHorizon = new Map(
    db.changes.filter((c) => c.revision <= horizon).map((c) => [keyOf(refOf(c.object)), c] as const),
  );
  db.changes = db.changes.filter(
    (c) => c.revision > horizon || (c.type !== 'DELETED' && atHorizon.get(keyOf(refOf(c.object))) === c),
  );
  const young = (time: string, ms: number) => Date.parse(time) >= now.getTime() - ms;
  for (const [id, { record }] of db.events) if (!young(record.lastSeen, retention.eventsMs)) db.events.delete(id);
  const newest = new Set([...db.log.values()].sort((a, b) => b.revision - a.revision).slice(0, retention.logMax));
  for (const [id, entry] of db.log)
    if (!newest.has(entry) || !young(entry.record.endedAt, retention.logMs)) db.log.delete(id);
  return before - size();
}

function memoryLeases(db: MemoryDatabase): LeaseStore {
  return {
    async acquire(_name, holder, ttlMs) {
      const now = db.clock.monotonic();
      if (db.lease.holder !== holder) {
        if (db.lease.holder !== undefined && db.lease.expires > now) return { held: false, holder: db.lease.holder };
        db.position.epoch++;
      }
      db.lease = { holder, expires: now + ttlMs };
      return { held: true, epoch: db.position.epoch };
    },
    async release(_name, holder) {
      if (db.lease.holder === holder) db.lease.holder = undefined;
      for (const listener of db.releaseListeners) listener();
    },
    onRelease(listener) {
      db.releaseListeners.add(listener);
      return () => db.releaseListeners.delete(listener);
    },
  };
}
