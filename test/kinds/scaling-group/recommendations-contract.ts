import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { RECOMMENDATIONS } from '../../../src/kinds/scaling-group/recommendations.ts';
import type { StoreSubject } from '../../store/subject.ts';

/** The promises of `RecommendationStore`, for every implementation. */
export function recommendationsContract(fresh: () => Promise<StoreSubject>): void {
  it('recommendations: those of a group since a time, in order, each once, until they are pruned', async () => {
    const recommendations = (await (await fresh()).open()).beside(RECOMMENDATIONS);
    const [a, b] = [randomUUID(), randomUUID()];
    const row = (groupId: string, seconds: number, recommended = seconds) => ({
      groupId,
      at: new Date(Date.UTC(2026, 2, 1) + seconds * 1000),
      recommended,
      desired: 3,
      policy: 'load',
    });
    for (const seconds of [30, 15, 45]) await recommendations.append(row(a, seconds));
    await recommendations.append(row(a, 30, 99));
    await recommendations.append(row(b, 30));
    expect(await recommendations.since(a, row(a, 30).at)).toEqual([row(a, 30), row(a, 45)]);
    await recommendations.prune(row(a, 45).at);
    expect(await recommendations.since(a, new Date(0))).toEqual([row(a, 45)]);
    expect(await recommendations.since(b, new Date(0))).toEqual([]);
  });
}
