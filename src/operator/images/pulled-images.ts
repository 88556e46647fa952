import { eq } from 'drizzle-orm';
import type { SideStore } from '../../store/beside.ts';
import type { Pool } from '../../store/pool.ts';
import { pulledImages as table } from '../../store/schema.ts';

/** An image that a pull of ours has brought. */
export interface PulledImage {
  /** The Engine's. */
  id: string;
  references: readonly string[];
  pulledAt: Date;
  /** Since when nothing uses it; `null` while something does. */
  unusedSince: Date | null;
}

/** What pulls of this installation have brought to its Engine. Its writes are not the quiet world's. */
export interface PulledImageStore {
  list(): Promise<readonly PulledImage[]>;
  /** In place of what was known of this id. */
  put(image: PulledImage): Promise<void>;
  /** It is gone from the Engine. */
  remove(id: string): Promise<void>;
}

const postgresPulledImages = (pool: Pool): PulledImageStore => ({
  list: () => pool.use((db) => db.select().from(table)),
  async put({ id, ...rest }) {
    await pool.use((db) =>
      db
        .insert(table)
        .values({ id, ...rest })
        .onConflictDoUpdate({ target: table.id, set: rest }),
    );
  },
  async remove(id) {
    await pool.use((db) => db.delete(table).where(eq(table.id, id)));
  },
});

function memoryPulledImages(): PulledImageStore {
  const rows = new Map<string, PulledImage>();
  return {
    list: async () => [...rows.values()],
    put: async (image) => void rows.set(image.id, image),
    remove: async (id) => void rows.delete(id),
  };
}

export const PULLED_IMAGES: SideStore<PulledImageStore> = {
  postgres: postgresPulledImages,
  memory: memoryPulledImages,
};
