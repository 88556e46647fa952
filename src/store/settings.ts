import { eq } from 'drizzle-orm';
import type { SideStore } from './beside.ts';
import type { Pool } from './pool.ts';
import { settings } from './schema.ts';

/** Facts about the installation that must survive: its id, the Engine's id. */
export interface SettingStore {
  get(name: string): Promise<string | undefined>;
  /** Sets it when it is not set; answers what is set afterwards, whoever set it. */
  setOnce(name: string, value: string): Promise<string>;
  set(name: string, value: string): Promise<void>;
}

export const SETTINGS: SideStore<SettingStore> = { postgres: postgresSettings, memory: memorySettings };

function postgresSettings(pool: Pool): SettingStore {
  const get = (name: string) =>
    pool.use(async (db) => (await db.select().from(settings).where(eq(settings.name, name)))[0]?.value);
  return {
    get,
    async setOnce(name, value) {
      await pool.use((db) => db.insert(settings).values({ name, value }).onConflictDoNothing());
      return (await get(name)) ?? value;
    },
    async set(name, value) {
      await pool.use((db) =>
        db.insert(settings).values({ name, value }).onConflictDoUpdate({ target: settings.name, set: { value } }),
      );
    },
  };
}

function memorySettings(): SettingStore {
  const known = new Map<string, string>();
  return {
    get: async (name) => known.get(name),
    async setOnce(name, value) {
      if (!known.has(name)) known.set(name, value);
      return known.get(name) ?? value;
    },
    set: async (name, value) => void known.set(name, value),
  };
}
