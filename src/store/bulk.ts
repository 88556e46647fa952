import { getTableColumns, getTableName, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { Database } from './pool.ts';

/**
 * Rows in one statement that takes them as one JSON parameter: its text is short and always the same, where a
 * parameter for each value costs more to build, send and parse than the rows to store. Columns that no row names get
 * their default. `onConflict` is the rest of the statement.
 */
export async function insertAll<Table extends PgTable>(
  db: Database,
  table: Table,
  rows: readonly Table['$inferInsert'][],
  onConflict?: SQL,
): Promise<void> {
  if (rows.length === 0) return;
  const columns = Object.entries(getTableColumns(table)).filter(([field]) => rows.some((row) => field in row));
  const names = columns.map(([, column]) => `"${column.name}"`).join(', ');
  const fields = columns.map(([field, column]) => `"${field}" ${column.getSQLType()}`).join(', ');
  const values = columns.map(([field]) => `"${field}"`).join(', ');
  await db.execute(
    sql`${sql.raw(`INSERT INTO ${getTableName(table)} (${names}) SELECT ${values} FROM jsonb_to_recordset(`)}${JSON.stringify(rows)}${sql.raw(`::jsonb) AS r (${fields})`)}${onConflict ?? sql.empty()}`,
  );
}

/** The rest of an insert that replaces these columns of a row with the same key. */
export function replacing(table: PgTable, key: string, fields: readonly string[]): SQL {
  const columns = getTableColumns(table);
  const set = fields.flatMap((field) => columns[field]?.name ?? []).map((name) => `"${name}" = excluded."${name}"`);
  return sql.raw(` ON CONFLICT ("${key}") DO UPDATE SET ${set.join(', ')}`);
}
