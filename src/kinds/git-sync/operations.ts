import { and, desc, eq, lt, notInArray } from 'drizzle-orm';
import type { SideStore } from '../../store/beside.ts';
import type { Pool } from '../../store/pool.ts';
import { syncOperations as table } from '../../store/schema.ts';
import type { SyncOperation } from './types.ts';

/** What syncs have done. Its writes are not the quiet world's. */
export interface OperationStore {
  /** In place of what was known of the operation that the sync began then. */
  put(syncId: string, operation: SyncOperation): Promise<void>;
  /** Of one sync, the newest first. */
  newest(syncId: string, limit: number): Promise<readonly SyncOperation[]>;
  /** Removes what was begun before, of all syncs but these. */
  prune(before: Date, but: readonly string[]): Promise<void>;
}

const postgresOperations = (pool: Pool): OperationStore => ({
  async put(syncId, operation) {
    const row = { syncId, startedAt: new Date(operation.startedAt), operation };
    await pool.use((db) =>
      db
        .insert(table)
        .values(row)
        .onConflictDoUpdate({ target: [table.syncId, table.startedAt], set: row }),
    );
  },
  async newest(syncId, limit) {
    const rows = await pool.use((db) =>
      db
        .select({ operation: table.operation })
        .from(table)
        .where(eq(table.syncId, syncId))
        .orderBy(desc(table.startedAt))
        .limit(limit),
    );
    return rows.map(({ operation }) => operation as SyncOperation);
  },
  async prune(before, but) {
    await pool.use((db) =>
      db.delete(table).where(and(lt(table.startedAt, before), notInArray(table.syncId, [...but]))),
    );
  },
});

/** The same in memory. */
class MemoryOperations implements OperationStore {
  #rows: { syncId: string; operation: SyncOperation }[] = [];

  async put(syncId: string, operation: SyncOperation): Promise<void> {
    const isOther = (row: { syncId: string; operation: SyncOperation }) =>
      row.syncId !== syncId || row.operation.startedAt !== operation.startedAt;
    this.#rows = [...this.#rows.filter(isOther), { syncId, operation }];
  }

  async newest(syncId: string, limit: number): Promise<readonly SyncOperation[]> {
    return this.#rows
      .filter((row) => row.syncId === syncId)
      .map(({ operation }) => operation)
      .toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))
      .slice(0, limit);
  }

  async prune(before: Date, but: readonly string[]): Promise<void> {
    const isKept = (row: { syncId: string; operation: SyncOperation }) =>
      but.includes(row.syncId) || new Date(row.operation.startedAt) >= before;
    this.#rows = this.#rows.filter(isKept);
  }
}

export const OPERATIONS: SideStore<OperationStore> = {
  postgres: postgresOperations,
  memory: () => new MemoryOperations(),
};
