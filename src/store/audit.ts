import { and, desc, eq, gte, inArray, lt, sql } from 'drizzle-orm';
import type { AuditEvent } from '../api/audit.ts';
import type { SideStore } from './beside.ts';
import { bulkInsert } from './bulk.ts';
import type { Pool, Statement } from './pool.ts';
import { auditEvents } from './schema.ts';

interface AuditQuery {
  user?: string;
  key?: string;
  verb?: string;
  resource?: string;
  namespace?: string;
  name?: string;
  /** Refusals alone: answers from 400 on. */
  refused?: boolean;
  since?: Date;
  /** The newest so many. */
  limit: number;
}

/** What was done by whom. Rows are added, and removed by retention alone; those of writes are added by their own commit. */
export interface AuditStore {
  append(events: readonly AuditEvent[]): Promise<void>;
  /** Oldest first. */
  find(query: AuditQuery): Promise<readonly AuditEvent[]>;
  /** Returns rows removed. */
  prune(before: Date): Promise<number>;
}

/** Rows that one statement of the pruning removes. */
const PRUNE_ROWS = 5_000;

const insert = bulkInsert(auditEvents, {});

export const insertAudit = (events: readonly AuditEvent[]): Statement => insert(events.map(toRow));

const toRow = (event: AuditEvent): typeof auditEvents.$inferInsert => ({ ...event, at: new Date(event.at) });

const postgresAudit = (pool: Pool): AuditStore => ({
  async append(events) {
    await pool.run(insertAudit(events));
  },
  find: (query) =>
    pool.use(async (db) => {
      const rows = await db
        .select()
        .from(auditEvents)
        .where(
          and(
            query.user === undefined ? undefined : eq(auditEvents.user, query.user),
            query.key === undefined ? undefined : eq(auditEvents.key, query.key),
            query.verb === undefined ? undefined : eq(auditEvents.verb, query.verb),
            query.resource === undefined ? undefined : eq(auditEvents.resource, query.resource),
            query.namespace === undefined ? undefined : eq(auditEvents.namespace, query.namespace),
            query.name === undefined ? undefined : eq(auditEvents.name, query.name),
            query.refused ? gte(auditEvents.code, 400) : undefined,
            query.since && gte(auditEvents.at, query.since),
          ),
        )
        .orderBy(desc(auditEvents.id))
        .limit(query.limit);
      return rows.map(({ at, ...row }) => ({ ...row, at: at.toISOString() })).reverse();
    }),
  async prune(before) {
    let removed = 0;
    for (;;) {
      const some = await pool.use((db) =>
        db.transaction(async (tx) => {
          await tx.execute(sql`SET LOCAL miniaws.audit_retention = 'on'`);
          const old = tx.select({ id: auditEvents.id }).from(auditEvents).where(lt(auditEvents.at, before));
          return (await tx.delete(auditEvents).where(inArray(auditEvents.id, old.limit(PRUNE_ROWS)))).rowCount ?? 0;
        }),
      );
      removed += some;
      if (some < PRUNE_ROWS) return removed;
    }
  },
});

/** The same in memory. */
class MemoryAudit implements AuditStore {
  #rows: AuditEvent[] = [];

  async append(events: readonly AuditEvent[]): Promise<void> {
    this.#rows.push(...events);
  }

  async find({ refused, since, limit, ...fields }: AuditQuery): Promise<readonly AuditEvent[]> {
    const asked = Object.entries(fields).filter(([, value]) => value !== undefined);
    return this.#rows
      .filter((row) => asked.every(([field, value]) => row[field as keyof AuditEvent] === value))
      .filter((row) => (!refused || row.code >= 400) && (!since || new Date(row.at) >= since))
      .slice(-limit);
  }

  async prune(before: Date): Promise<number> {
    const kept = this.#rows.filter((row) => new Date(row.at) >= before);
    const removed = this.#rows.length - kept.length;
    this.#rows = kept;
    return removed;
  }
}

export const AUDIT: SideStore<AuditStore> = { postgres: postgresAudit, memory: () => new MemoryAudit() };
