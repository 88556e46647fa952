import { getTableColumns, getTableName } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import type { Statement } from './pool.ts';

/**
 * Rows in one statement that takes them as one JSON parameter: its text is short and always the same, so that the
 * server parses and plans it once for each connection, where a parameter for each value costs more to build, send and
 * parse than the rows to store. Of a row whose key is there already these fields are replaced.
 */
export function bulkInsert<Table extends PgTable>(
  table: Table,
  key: string,
  replaced: readonly string[],
): (rows: readonly Table['$inferInsert'][]) => Statement {
  const columns = Object.entries(getTableColumns(table));
  const names = columns.map(([, column]) => `"${column.name}"`).join(', ');
  const fields = columns.map(([field, column]) => `"${field}" ${column.getSQLType()}`).join(', ');
  const values = columns.map(([field]) => `"${field}"`).join(', ');
  const set = columns
    .filter(([field]) => replaced.includes(field))
    .map(([, { name }]) => `"${name}" = excluded."${name}"`);
  const text = `INSERT INTO ${getTableName(table)} (${names}) SELECT ${values} FROM jsonb_to_recordset($1::jsonb) AS r (${fields}) ON CONFLICT ("${key}") DO UPDATE SET ${set.join(', ')}`;
  return (rows) => ({ name: `insert ${getTableName(table)}`, text, values: [JSON.stringify(rows)] });
}
