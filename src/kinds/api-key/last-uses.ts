import { eq, inArray, isNull, sql } from 'drizzle-orm';
import type { SideStore } from '../../store/beside.ts';
import type { Pool } from '../../store/pool.ts';
import { apiKeys } from '../../store/schema.ts';

/** When keys were used: written now and then for all together, so that a read is no write. By the key's uid. */
export interface LastUseStore {
  /** Moves forward only. */
  note(uses: ReadonlyMap<string, Date>): Promise<void>;
  /** Of all keys, or of this one. */
  known(uid?: string): Promise<ReadonlyMap<string, Date>>;
  /** Of releases that had keys in this table alone. They named no user, and every row of a document does. */
  withoutDocument(): Promise<readonly { id: string; sha256: string }[]>;
  forget(ids: readonly string[]): Promise<void>;
}

const postgresLastUses = (pool: Pool): LastUseStore => ({
  async note(uses) {
    const rows = JSON.stringify([...uses].map(([id, at]) => ({ id, at: at.toISOString() })));
    await pool.use((db) =>
      db.execute(sql`UPDATE api_keys SET last_used = greatest(last_used, used.at)
        FROM jsonb_to_recordset(${rows}::jsonb) AS used (id uuid, at timestamptz) WHERE api_keys.id = used.id`),
    );
  },
  async known(uid) {
    const asked = uid === undefined ? undefined : eq(apiKeys.id, uid);
    const rows = await pool.use((db) => db.select({ id: apiKeys.id, at: apiKeys.lastUsed }).from(apiKeys).where(asked));
    return new Map(rows.flatMap(({ id, at }) => (at === null ? [] : [[id, at] as const])));
  },
  withoutDocument: () =>
    pool.use((db) => db.select({ id: apiKeys.id, sha256: apiKeys.key }).from(apiKeys).where(isNull(apiKeys.userId))),
  async forget(ids) {
    if (ids.length > 0) await pool.use((db) => db.delete(apiKeys).where(inArray(apiKeys.id, [...ids])));
  },
});

function memoryLastUses(): LastUseStore {
  const known = new Map<string, Date>();
  return {
    note: async (uses) => uses.forEach((at, id) => known.set(id, at)),
    known: async () => known,
    withoutDocument: async () => [],
    forget: async () => undefined,
  };
}

export const LAST_USES: SideStore<LastUseStore> = { postgres: postgresLastUses, memory: memoryLastUses };
