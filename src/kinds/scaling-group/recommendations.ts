import { and, asc, eq, gte, lt } from 'drizzle-orm';
import type { SideStore } from '../../store/beside.ts';
import type { Pool } from '../../store/pool.ts';
import { scalingRecommendations as table } from '../../store/schema.ts';

/** What the policies of a scaling group came to at one moment, as it is kept. */
export interface Recommended {
  /** The group's uid. */
  groupId: string;
  at: Date;
  recommended: number;
  /** The count that held then. */
  desired: number;
  /** Whose recommendation it was. */
  policy: string;
}

/** What the policies of scaling groups recommended. Its writes are not the quiet world's. */
export interface RecommendationStore {
  /** One of a time that is there already is left as it is. */
  append(row: Recommended): Promise<void>;
  /** Of one group, the oldest first. */
  since(groupId: string, from: Date): Promise<readonly Recommended[]>;
  /** Removes what is older. */
  prune(before: Date): Promise<void>;
}

const postgresRecommendations = (pool: Pool): RecommendationStore => ({
  async append({ groupId, at, ...rest }) {
    await pool.use((db) =>
      db
        .insert(table)
        .values({ groupId, recommendedAt: at, ...rest })
        .onConflictDoNothing(),
    );
  },
  async since(groupId, from) {
    const rows = await pool.use((db) =>
      db
        .select()
        .from(table)
        .where(and(eq(table.groupId, groupId), gte(table.recommendedAt, from)))
        .orderBy(asc(table.recommendedAt)),
    );
    return rows.map(({ recommendedAt, ...rest }) => ({ ...rest, at: recommendedAt }));
  },
  async prune(before) {
    await pool.use((db) => db.delete(table).where(lt(table.recommendedAt, before)));
  },
});

/** The same in memory. */
class MemoryRecommendations implements RecommendationStore {
  #rows: Recommended[] = [];

  async append(row: Recommended): Promise<void> {
    const isThere = this.#rows.some((r) => r.groupId === row.groupId && r.at.getTime() === row.at.getTime());
    if (!isThere) this.#rows.push(row);
  }

  async since(groupId: string, from: Date): Promise<readonly Recommended[]> {
    return this.#rows
      .filter((r) => r.groupId === groupId && r.at >= from)
      .toSorted((a, b) => a.at.getTime() - b.at.getTime());
  }

  async prune(before: Date): Promise<void> {
    this.#rows = this.#rows.filter(({ at }) => at >= before);
  }
}

export const RECOMMENDATIONS: SideStore<RecommendationStore> = {
  postgres: postgresRecommendations,
  memory: () => new MemoryRecommendations(),
};
