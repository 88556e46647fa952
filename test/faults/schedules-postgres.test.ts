import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { emptied, postgresWorld } from '../support/postgres-world.ts';
import { runs } from '../support/prove.ts';
import { events, Schedule } from './schedule.ts';

const RUNS = runs(50, 200);
const SEED = Number(process.env['SEED'] ?? 20_261_122);

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

it(
  `${RUNS} random schedules over PostgreSQL itself end in a world that equals the specs, and is quiet`,
  { timeout: 600_000 },
  () =>
    fc.assert(
      fc.asyncProperty(events, async (schedule) => {
        await emptied(database);
        expect(await new Schedule(postgresWorld(database)).run(schedule)).toEqual([]);
      }),
      { numRuns: RUNS, seed: SEED },
    ),
);
