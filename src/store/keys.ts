import { randomUUID, timingSafeEqual } from 'node:crypto';
import { and, eq, or, inArray, isNull, lt, sql } from 'drizzle-orm';
import type { SideStore } from './beside.ts';
import type { Pool } from './pool.ts';
import { apiKeys } from './schema.ts';

interface ApiKey {
  id: string;
  userId: string | null;
  name: string;
}

export interface KeyStore {
  /** `hash` is the key's SHA-256, 64 hex digits (I10). */
  find(hash: string): Promise<ApiKey | undefined>;
  /** Those of the hashes that a key has now. One question, and no use of the keys. */
  known(hashes: readonly string[]): Promise<ReadonlySet<string>>;
  create(hash: string, name: string): Promise<ApiKey>;
  /** Removes every key of the name. */
  revoke(name: string): Promise<number>;
}

export const KEYS: SideStore<KeyStore> = { postgres: postgresKeys, memory: memoryKeys };

/** `last_used` moves at most this often: reads must not become writes. */
const LAST_USED_EVERY = '1 minute';

function postgresKeys(pool: Pool): KeyStore {
  return {
    find: (hash) =>
      pool.use(async (db) => {
        const [row] = await db.select().from(apiKeys).where(eq(apiKeys.key, hash));
        if (!row || !sameHash(row.key, hash)) return undefined;
        const stale = or(isNull(apiKeys.lastUsed), lt(apiKeys.lastUsed, sql`now() - ${LAST_USED_EVERY}::interval`));
        await db
          .update(apiKeys)
          .set({ lastUsed: sql`now()` })
          .where(and(eq(apiKeys.id, row.id), stale));
        return { id: row.id, userId: row.userId, name: row.name ?? '' };
      }),
    known: (hashes) =>
      pool.use(async (db) => {
        const rows = await db
          .select({ key: apiKeys.key })
          .from(apiKeys)
          .where(inArray(apiKeys.key, [...hashes]));
        return new Set(rows.map(({ key }) => key));
      }),
    create: (hash, name) =>
      pool.use(async (db) => {
        const key: ApiKey = { id: randomUUID(), userId: null, name };
        await db.insert(apiKeys).values({ ...key, key: hash });
        return key;
      }),
    revoke: (name) => pool.use(async (db) => (await db.delete(apiKeys).where(eq(apiKeys.name, name))).rowCount ?? 0),
  };
}

const sameHash = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

function memoryKeys(): KeyStore {
  const keys = new Map<string, ApiKey>();
  return {
    find: async (hash) => keys.get(hash),
    known: async (hashes) => new Set(hashes.filter((hash) => keys.has(hash))),
    async create(hash, name) {
      const key: ApiKey = { id: randomUUID(), userId: null, name };
      keys.set(hash, key);
      return key;
    },
    async revoke(name) {
      const gone = [...keys].filter(([, key]) => key.name === name);
      for (const [hash] of gone) keys.delete(hash);
      return gone.length;
    },
  };
}
