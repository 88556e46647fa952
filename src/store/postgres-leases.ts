import { and, eq, or, isNull, lt, sql } from 'drizzle-orm';
import type { Notifications } from './notifications.ts';
import type { Pool, Statement } from './pool.ts';
import { LOCK } from './lock.ts';
import { leases } from './schema.ts';
import type { LeaseStore } from './store.ts';

const RENEW: Statement = {
  name: 'renew lease',
  text: `UPDATE leases SET expires_at = now() + $3 * interval '1 millisecond' WHERE name = $1 AND holder = $2 RETURNING epoch`,
};

/** Leases by the database's own clock. The epoch moves only under the revision's lock, so that no fenced write can slip by. */
export function postgresLeases(pool: Pool, notifications: Notifications): LeaseStore {
  const expiry = (ttlMs: number) => sql`now() + ${ttlMs} * interval '1 millisecond'`;
  const renew = async (name: string, holder: string, ttlMs: number): Promise<number | undefined> => {
    const { rows } = await pool.run({ ...RENEW, values: [name, holder, ttlMs] });
    return rows[0] === undefined ? undefined : Number(rows[0].epoch);
  };
  const holderOf = (name: string) =>
    pool.use(
      async (db) =>
        (
          await db
            .select({ holder: leases.holder, free: sql<boolean>`holder IS NULL OR expires_at < now()` })
            .from(leases)
            .where(eq(leases.name, name))
        )[0],
    );

  async function take(name: string, holder: string, ttlMs: number): Promise<number | undefined> {
    let epoch: number | undefined;
    await pool.transaction([LOCK], async (db) => {
      const rows = await db
        .insert(leases)
        .values({ name, holder, epoch: 1, expiresAt: expiry(ttlMs) })
        .onConflictDoUpdate({
          target: leases.name,
          set: { holder, epoch: sql`${leases.epoch} + 1`, expiresAt: expiry(ttlMs) },
          setWhere: or(isNull(leases.holder), lt(leases.expiresAt, sql`now()`)),
        })
        .returning({ epoch: leases.epoch });
      epoch = rows[0]?.epoch;
      return { end: 'SELECT 1' };
    });
    return epoch;
  }

  return {
    async acquire(name, holder, ttlMs) {
      const renewed = await renew(name, holder, ttlMs);
      if (renewed !== undefined) return { held: true, epoch: renewed };
      const now = await holderOf(name);
      if (now && !now.free) return { held: false, holder: now.holder ?? '' };
      const epoch = await take(name, holder, ttlMs);
      return epoch === undefined
        ? { held: false, holder: (await holderOf(name))?.holder ?? '' }
        : { held: true, epoch };
    },
    async release(name, holder) {
      await pool.use((db) =>
        db
          .update(leases)
          .set({ holder: null })
          .where(and(eq(leases.name, name), eq(leases.holder, holder))),
      );
      await pool.use((db) => db.execute(sql`SELECT pg_notify(${notifications.leases}, '')`));
    },
    onRelease: (listener) => notifications.on(notifications.leases, listener),
  };
}
