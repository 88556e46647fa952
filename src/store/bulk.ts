import { getTableColumns, getTableName } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { Statement } from './pool.ts';

interface BulkInsert {
  /** What becomes of a row that is there already; left out where there can be none. */
  known?: {
    /** The column by which a row is known. */
    key: string;
    /** Fields that are replaced. */
    replaced: readonly string[];
    /** SQL that it gets beside what is replaced. */
    also?: string;
  };
  /** Fields that the database fills. */
  without?: readonly string[];
}

/**
 * Rows in one statement that takes them as one JSON parameter: its text is short and always the same, so that the
 * server parses and plans it once for each connection, where a parameter for each value costs more to build, send and
 * parse than the rows to store.
 */
export function bulkInsert<Table extends PgTable>(
  table: Table,
  { known, without = [] }: BulkInsert,
): (rows: readonly Table['$inferInsert'][]) => Statement {
  const columns = Object.entries(getTableColumns(table)).filter(([field]) => !without.includes(field));
  const names = columns.map(([, column]) => `"${column.name}"`).join(', ');
  const fields = columns.map(([field, column]) => `"${field}" ${column.getSQLType()}`).join(', ');
  const values = columns.map(([field]) => `"${field}"`).join(', ');
  const set = columns
    .filter(([field]) => known?.replaced.includes(field))
    .map(([, { name }]) => `"${name}" = excluded."${name}"`)
    .concat(known?.also ?? []);
  const conflict = known ? ` ON CONFLICT ("${known.key}") DO UPDATE SET ${set.join(', ')}` : '';
  const text = `INSERT INTO ${getTableName(table)} (${names}) SELECT ${values} FROM jsonb_to_recordset($1::jsonb) AS r (${fields})${conflict}`;
  return (rows) => ({ name: `insert ${getTableName(table)}`, text, values: [JSON.stringify(rows)] });
}
