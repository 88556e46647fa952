import { is } from 'drizzle-orm';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import * as schema from './schema.ts';

/** Every table of the schema, each after those that it refers to: the order in which rows can be put back. */
export const TABLES: readonly string[] = inOrder(
  new Map(
    Object.values(schema)
      .filter((value) => is(value, PgTable))
      .map((table) => {
        const { name, foreignKeys } = getTableConfig(table);
        return [name, foreignKeys.map((key) => getTableConfig(key.reference().foreignTable).name)];
      }),
  ),
);

function inOrder(references: ReadonlyMap<string, readonly string[]>): string[] {
  const ordered = new Set<string>();
  const add = (name: string) => {
    for (const other of references.get(name) ?? []) if (other !== name) add(other);
    ordered.add(name);
  };
  for (const name of references.keys()) add(name);
  return [...ordered];
}

/** What no backup holds, and why. Every other table of the database is in each. */
export const NOT_BACKED_UP: Readonly<Record<string, string>> = {
  leases: 'who leads, and in which epoch, is the living database’s: the epoch must never go back',
  pulled_images: 'an image of the same id on another Engine is somebody else’s, and is not to be removed',
  schema_migrations: 'the database that is restored into has its own; the backup names the newest in its header',
};

export const BACKED_UP: readonly string[] = TABLES.filter((table) => !Object.hasOwn(NOT_BACKED_UP, table));

/** Rows are added alone, by a restore too: what the database has of them stays, of every life. */
export const APPENDED: readonly string[] = ['audit_events'];
