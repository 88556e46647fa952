import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getTableConfig, PgTable } from 'drizzle-orm/pg-core';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { migrateDown, migrateUp, readMigrations } from '../../src/store/migrate.ts';
import * as schema from '../../src/store/schema.ts';
import { databaseForTest } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

/** Everything that the catalog says of our schema, in an order of its own. */
async function catalog(database: TestDatabase): Promise<unknown> {
  const columns =
    await database.query(`SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`);
  const constraints =
    await database.query(`SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid) AS def FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2`);
  const indexes = await database.query(
    `SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2`,
  );
  return { columns, constraints, indexes };
}

describe('migrations', () => {
  it('up, down, up again gives the identical catalog, and down leaves nothing', async () => {
    const database = await databaseForTest();
    const before = await catalog(database);
    const count = (await readMigrations()).length;
    expect(await migrateDown(database.url, count, silentLog)).toHaveLength(count);
    const left = await database.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    );
    expect(left).toEqual([{ relname: 'schema_migrations' }]);
    await migrateUp(database.url, silentLog);
    expect(await catalog(database)).toEqual(before);
  });

  it('each one by itself can be taken back and applied again', async () => {
    const database = await databaseForTest();
    const count = (await readMigrations()).length;
    for (let back = 1; back <= count; back++) {
      const before = await catalog(database);
      await migrateDown(database.url, back, silentLog);
      await migrateUp(database.url, silentLog);
      expect(await catalog(database)).toEqual(before);
    }
  });

  it('several starters at once apply each migration once', async () => {
    const database = await databaseForTest();
    await migrateDown(database.url, 99, silentLog);
    const applied = await Promise.all(Array.from({ length: 4 }, () => migrateUp(database.url, silentLog)));
    expect(applied.flat()).toHaveLength((await readMigrations()).length);
  });

  it('a database that a newer version has used is refused', async () => {
    const database = await databaseForTest();
    await database.query("INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, '9999_future', 'x')");
    await expect(migrateUp(database.url, silentLog)).rejects.toThrow(/9999_future.*newer/);
  });

  it('an applied migration that was edited, and a pair that is incomplete, are refused', async () => {
    const database = await databaseForTest();
    await database.query("UPDATE schema_migrations SET checksum = 'other' WHERE number = 1");
    await expect(migrateUp(database.url, silentLog)).rejects.toThrow(/must never be edited/);
    const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, '0001_a.up.sql'), 'SELECT 1');
    await expect(readMigrations(folder)).rejects.toThrow(/0001_a.down.sql is missing/);
  });
});

describe('the drizzle schema', () => {
  const tables = Object.values(schema)
    .filter((value) => value instanceof PgTable)
    .map(getTableConfig);

  it('names every table of the migrated database and no other', async () => {
    const database = await databaseForTest();
    const rows = await database.query<{ relname: string }>(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    );
    const stored = rows.map((r) => r.relname).filter((name) => name !== 'schema_migrations');
    expect(tables.map((t) => t.name).sort()).toEqual(stored.sort());
  });

  it.each(tables.map((t) => [t.name, t] as const))('%s has the same columns, keys and indexes', async (name, table) => {
    const database = await databaseForTest();
    const rows = await database.query<{ column: string; type: string; required: boolean; fallback: string | null }>(
      `SELECT a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS fallback
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
       WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
      [name],
    );
    expect(table.columns.map(describeColumn)).toEqual(rows);
    const constraints = await database.query<{ conname: string }>(
      `SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('u', 'f')`,
      [name],
    );
    const ours = [
      ...table.uniqueConstraints.map((u) => u.name),
      ...table.columns.filter((c) => c.isUnique).map((c) => c.uniqueName),
      ...table.foreignKeys.map(() => `${name}_vpc_id_fkey`),
    ];
    expect(ours.sort()).toEqual(constraints.map((c) => c.conname).sort());
    const indexes = await database.query<{ indexname: string }>(
      `SELECT indexname FROM pg_indexes WHERE tablename = $1 AND indexname LIKE '%_idx'`,
      [name],
    );
    expect(table.indexes.map((i) => i.config.name).sort()).toEqual(indexes.map((i) => i.indexname).sort());
  });
});

function describeColumn(column: PgColumn): {
  column: string;
  type: string;
  required: boolean;
  fallback: string | null;
} {
  const types: Record<string, string> = { 'timestamp with time zone': 'timestamp with time zone' };
  const sqlType = column.getSQLType().replace('varchar', 'character varying');
  const type = types[sqlType] ?? sqlType;
  const fallback =
    column.default === undefined
      ? null
      : typeof column.default === 'object'
        ? 'now()'
        : typeof column.default === 'string'
          ? `'${column.default}'::character varying`
          : String(column.default);
  return { column: column.name, type, required: column.notNull, fallback };
}
