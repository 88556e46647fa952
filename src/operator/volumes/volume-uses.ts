import { eq } from 'drizzle-orm';
import type { SideStore } from '../../store/beside.ts';
import type { Pool } from '../../store/pool.ts';
import { volumeUses as table } from '../../store/schema.ts';

/** What is known of the use of a named volume. */
export interface VolumeUse {
  /** On the Engine. */
  name: string;
  /** Those that mount it, or did last. */
  lastUsedBy: readonly string[];
  /** `null` while something does. */
  unusedSince: Date | null;
}

/** Its writes are not the quiet world's; only changes of use are written. */
export interface VolumeUseStore {
  list(): Promise<readonly VolumeUse[]>;
  /** In place of what was known of this volume. */
  put(use: VolumeUse): Promise<void>;
  /** It is gone from the Engine. */
  remove(name: string): Promise<void>;
}

const postgresVolumeUses = (pool: Pool): VolumeUseStore => ({
  list: () => pool.use((db) => db.select().from(table)),
  async put({ name, ...rest }) {
    await pool.use((db) =>
      db
        .insert(table)
        .values({ name, ...rest })
        .onConflictDoUpdate({ target: table.name, set: rest }),
    );
  },
  async remove(name) {
    await pool.use((db) => db.delete(table).where(eq(table.name, name)));
  },
});

function memoryVolumeUses(): VolumeUseStore {
  const rows = new Map<string, VolumeUse>();
  return {
    list: async () => [...rows.values()],
    put: async (use) => void rows.set(use.name, use),
    remove: async (name) => void rows.delete(name),
  };
}

export const VOLUME_USES: SideStore<VolumeUseStore> = { postgres: postgresVolumeUses, memory: memoryVolumeUses };
