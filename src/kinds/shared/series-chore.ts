import type { Clock } from '../../base/clock.ts';
import { SERIES_RETENTION } from '../../store/series.ts';
import type { SeriesRetention } from '../../store/series.ts';
import type { Chore } from './kind-module.ts';

const EVERY_MS = 60_000;

interface Series {
  rollUp(now: Date): Promise<number>;
  prune(now: Date, retention: SeriesRetention): Promise<number>;
}

/**
 * Makes aggregates and removes what is old. In this order: nothing is pruned before its aggregates are made.
 * Not by node-cron: its time is the process's own and cannot be stepped, and a roll-up needs no time of day: it makes
 * what is missing, whenever it runs.
 */
export const seriesChore = (name: string, series: Series, clock: Clock): Chore => ({
  name,
  everyMs: EVERY_MS,
  async run() {
    await series.rollUp(clock.now());
    await series.prune(clock.now(), SERIES_RETENTION);
  },
});
