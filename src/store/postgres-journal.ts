import { and, asc, desc, eq, gt, inArray, lt, lte, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { keyOf } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import { statementsOf } from './append.ts';
import type { Encryption } from './encryption.ts';
import { readInventory } from './inventory.ts';
import type { InventoryRow } from './inventory.ts';
import type { Batch, Journal, Position, Tail } from './journal.ts';
import { LOCK } from './lock.ts';
import type { Notifications } from './notifications.ts';
import type { Database, Pool, Statement } from './pool.ts';
import { reencrypt } from './reencrypt.ts';
import { fromChangeRow, fromPastChangeRow, fromEventRow, fromLogRow, fromResourceRow } from './rows.ts';
import { changes, events, reconcileLog, resources, revisions } from './schema.ts';
import type { Change, PastChange, RecordQuery, Retention } from './store.ts';

/** The lease whose epoch fences the writes of passes. */
export const LEADER = 'leader';
/** Rows that one statement of the compaction removes: short locks, however much there is to remove. */
const COMPACT_ROWS = 5_000;

/**
 * Beside the lock a statement of its own, because it must take its snapshot after the lock is ours: else a lease that changed hands
 * while we waited would still look like ours.
 */
const POSITION: Statement = {
  name: 'position',
  text: `SELECT value, horizon, COALESCE((SELECT epoch FROM leases WHERE name = '${LEADER}'), 0) AS epoch FROM revisions WHERE id = 1`,
};

/** The journal in PostgreSQL. The one row of `revisions`, locked for update, is the lock. */
export class PostgresJournal implements Journal {
  /** A notification can be lost with its connection. */
  readonly pollMs = 2_000;
  readonly #pool: Pool;
  readonly #kinds: KindRegistry;
  readonly #notifications: Notifications;
  readonly #encryption: Encryption;

  constructor(pool: Pool, notifications: Notifications, kinds: KindRegistry, encryption: Encryption) {
    this.#pool = pool;
    this.#kinds = kinds;
    this.#notifications = notifications;
    this.#encryption = encryption;
  }

  async transact(
    fn: (at: Position, tailAfter: (revision: number) => Promise<Tail>) => Promise<Batch | undefined>,
  ): Promise<void> {
    await this.#pool.transaction([LOCK, POSITION], async (db, began) => {
      const position = readPosition(began.at(-1)?.rows[0]);
      const batch = await fn(position, (after) => tailAt(db, this.#encryption, position, after));
      if (!batch) return undefined;
      const notify = { name: 'notify', text: `SELECT pg_notify('${this.#notifications.changes}', '')` };
      const end = `UPDATE revisions SET value = ${batch.revision} WHERE id = 1`;
      return { statements: [...statementsOf(batch, this.#encryption), notify], end };
    });
  }

  async wasCommitted(commitId: string, firstChange: number): Promise<boolean> {
    // Under the lock: the server may still be carrying out what the lost connection had sent.
    let is = false;
    await this.#pool.transaction([LOCK], async (db) => {
      const rows = await db.select({ id: changes.commitId }).from(changes).where(eq(changes.revision, firstChange));
      is = rows[0]?.id === commitId;
      return undefined;
    });
    return is;
  }

  async position(): Promise<Position> {
    return readPosition((await this.#pool.run(POSITION)).rows[0]);
  }

  async tail(at: Position, after: number): Promise<Tail> {
    const tail = await this.#pool.use((db) => tailAt(db, this.#encryption, at, after));
    return { ...tail, position: { ...at, horizon: (await this.position()).horizon } };
  }

  async load(): Promise<{ position: Position; resources: readonly Resource[] }> {
    let loaded: { position: Position; resources: readonly Resource[] } | undefined;
    await this.#pool.transaction(['SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', POSITION], async (db, began) => {
      const rows = await db.select().from(resources);
      loaded = {
        position: readPosition(began.at(-1)?.rows[0]),
        resources: rows.map((row) => fromResourceRow(row, this.#kinds, this.#encryption)),
      };
      return undefined;
    });
    if (!loaded) throw new Error('the database gave no position');
    return loaded;
  }

  changesAfter(revision: number, limit: number): Promise<readonly Change[]> {
    return this.#pool.use(async (db) =>
      (
        await db
          .select()
          .from(changes)
          .where(gt(changes.revision, revision))
          .orderBy(asc(changes.revision))
          .limit(limit)
      ).map(fromChangeRow(this.#encryption)),
    );
  }

  eventsAfter(revision: number, limit: number) {
    return this.#pool.use(async (db) =>
      (
        await db.select().from(events).where(gt(events.revision, revision)).orderBy(asc(events.revision)).limit(limit)
      ).map(fromEventRow),
    );
  }

  logAfter(revision: number, limit: number) {
    return this.#pool.use(async (db) =>
      (
        await db
          .select()
          .from(reconcileLog)
          .where(gt(reconcileLog.revision, revision))
          .orderBy(asc(reconcileLog.revision))
          .limit(limit)
      ).map(fromLogRow),
    );
  }

  events(query: RecordQuery) {
    return this.#pool.use(async (db) =>
      (await db.select().from(events).where(matching(events, query)).orderBy(desc(events.revision)).limit(query.limit))
        .map(fromEventRow)
        .reverse(),
    );
  }

  log(query: RecordQuery) {
    return this.#pool.use(async (db) =>
      (
        await db
          .select()
          .from(reconcileLog)
          .where(matching(reconcileLog, query))
          .orderBy(desc(reconcileLog.revision))
          .limit(query.limit)
      )
        .map(fromLogRow)
        .reverse(),
    );
  }

  history(ref: Ref, limit: number, before?: number): Promise<readonly PastChange[]> {
    const older = before === undefined ? undefined : lt(changes.revision, before);
    return this.#pool.use(async (db) =>
      (
        await db
          .select()
          .from(changes)
          .where(and(eq(changes.key, keyOf(ref)), older))
          .orderBy(desc(changes.revision))
          .limit(limit)
      )
        .map(fromPastChangeRow(this.#encryption))
        .reverse(),
    );
  }

  inventory(): Promise<readonly InventoryRow[]> {
    return this.#pool.use(readInventory);
  }

  async compact(retention: Retention, now: Date): Promise<number> {
    const before = (ms: number) => new Date(now.getTime() - ms);
    return this.#pool.use(async (db) => {
      const { revision } = await this.position();
      const old = await db
        .select({ at: sql<number>`coalesce(max(revision), 0)::bigint` })
        .from(changes)
        .where(lt(changes.committedAt, before(retention.changesMs)));
      const nth = await db
        .select({ at: changes.revision })
        .from(changes)
        .orderBy(desc(changes.revision))
        .offset(retention.changesMax)
        .limit(1);
      const bound = Math.min(revision, Math.max(Number(old[0]?.at ?? 0), nth[0]?.at ?? 0));
      // The horizon moves before the rows go: a watch that begins in between is refused, never given a gap.
      const moved = await db
        .update(revisions)
        .set({ horizon: sql`greatest(horizon, ${bound})` })
        .returning({ horizon: revisions.horizon });
      const horizon = moved[0]?.horizon ?? bound;
      const logNth = await db
        .select({ at: reconcileLog.revision })
        .from(reconcileLog)
        .orderBy(desc(reconcileLog.revision))
        .offset(retention.logMax)
        .limit(1);
      return (
        (await removeAll(db, changes, changes.revision, isSuperseded(horizon))) +
        // Last: what a deletion has ended looks alive without it.
        (await removeAll(db, changes, changes.revision, isEnd(horizon))) +
        (await removeAll(db, events, events.id, lt(events.lastSeen, before(retention.eventsMs)))) +
        (await removeAll(db, reconcileLog, reconcileLog.id, lt(reconcileLog.endedAt, before(retention.logMs)))) +
        (await removeAll(db, reconcileLog, reconcileLog.id, lte(reconcileLog.revision, logNth[0]?.at ?? 0)))
      );
    });
  }

  /** Our own commits publish themselves: a look at the database after each would find nothing, at a query's price. */
  reencrypt(): Promise<number> {
    return reencrypt(this.#pool, this.#kinds, this.#encryption);
  }

  onWake(listener: () => void): () => void {
    return this.#notifications.on(this.#notifications.changes, (from) => {
      if (from === undefined || !this.#pool.isOwnBackend(from)) listener();
    });
  }

  outage(): string | undefined {
    return this.#pool.outage;
  }

  async close(): Promise<void> {
    await this.#notifications.close();
    await this.#pool.close();
  }
}

const readPosition = (row: Record<string, unknown> | undefined): Position => ({
  revision: Number(row?.['value'] ?? 0),
  horizon: Number(row?.['horizon'] ?? 0),
  epoch: Number(row?.['epoch'] ?? 0),
});

async function tailAt(db: Database, encryption: Encryption, position: Position, after: number): Promise<Tail> {
  const upTo = position.revision;
  const changeRows = await db
    .select()
    .from(changes)
    .where(and(gt(changes.revision, after), lte(changes.revision, upTo)))
    .orderBy(asc(changes.revision));
  const eventRows = await db
    .select()
    .from(events)
    .where(and(gt(events.revision, after), lte(events.revision, upTo)))
    .orderBy(asc(events.revision));
  const logRows = await db
    .select()
    .from(reconcileLog)
    .where(and(gt(reconcileLog.revision, after), lte(reconcileLog.revision, upTo)))
    .orderBy(asc(reconcileLog.revision));
  return {
    position,
    changes: changeRows.map(fromChangeRow(encryption)),
    events: eventRows.map(fromEventRow),
    log: logRows.map(fromLogRow),
  };
}

function matching(table: typeof events | typeof reconcileLog, query: RecordQuery): SQL | undefined {
  return and(
    query.kind === undefined ? undefined : eq(table.kind, query.kind),
    query.namespace === undefined ? undefined : eq(table.namespace, query.namespace),
    query.namespaces && inArray(table.namespace, [...query.namespaces]),
    query.name === undefined ? undefined : eq(table.name, query.name),
    query.uid === undefined ? undefined : eq(table.uid, query.uid),
  );
}

/** Changes up to the horizon that another one up to it has replaced. */
const isSuperseded = (horizon: number): SQL =>
  sql`${changes.revision} <= ${horizon} AND EXISTS (SELECT 1 FROM changes later
    WHERE later.key = ${changes.key} AND later.revision > ${changes.revision} AND later.revision <= ${horizon})`;

const isEnd = (horizon: number): SQL => sql`${changes.revision} <= ${horizon} AND ${changes.type} = 'DELETED'`;

async function removeAll(
  db: Database,
  table: typeof changes | typeof events | typeof reconcileLog,
  key: typeof changes.revision | typeof events.id | typeof reconcileLog.id,
  where: SQL,
): Promise<number> {
  let removed = 0;
  for (;;) {
    const some = db.select({ key }).from(table).where(where).limit(COMPACT_ROWS);
    const { rowCount } = await db.delete(table).where(inArray(key, some));
    removed += rowCount ?? 0;
    if ((rowCount ?? 0) < COMPACT_ROWS) return removed;
  }
}
