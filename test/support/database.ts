import { inject, onTestFinished } from 'vitest';
import { cloneDatabase } from './postgres.ts';
import type { TestDatabase } from './postgres.ts';

export type { TestDatabase } from './postgres.ts';

/** A database of the run's own server, cloned from the migrated template. Call `drop` afterwards. */
export const freshDatabase = (template?: string): Promise<TestDatabase> =>
  cloneDatabase(inject('postgresUrl'), template);

/** One that is dropped when the test ends. */
export async function databaseForTest(): Promise<TestDatabase> {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  return database;
}
