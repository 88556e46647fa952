import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { emptied, postgresWorld } from '../support/postgres-world.ts';
import { seeds } from '../support/prove.ts';
import { events, Schedule } from './schedule.ts';

/** With each seed. */
const RUNS = 20;

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

it.each(seeds())(
  `${RUNS} random schedules of seed %i over PostgreSQL itself end in a world that equals the specs, and is quiet`,
  { timeout: 600_000 },
  (seed) =>
    fc.assert(
      fc.asyncProperty(events, async (schedule) => {
        await emptied(database);
        expect(await new Schedule(postgresWorld(database)).run(schedule)).toEqual([]);
      }),
      { numRuns: RUNS, seed },
    ),
);
