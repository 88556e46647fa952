import type { Recommended } from '../base/recommendation.ts';
import { and, asc, eq, gte, lt } from 'drizzle-orm';
import type { Pool } from './pool.ts';
import { scalingRecommendations as table } from './schema.ts';
import type { RecommendationStore } from './store.ts';

export const postgresRecommendations = (pool: Pool): RecommendationStore => ({
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
export class MemoryRecommendations implements RecommendationStore {
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
