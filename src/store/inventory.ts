import { getTableColumns, getTableName, isNull } from 'drizzle-orm';
import { bulkInsert } from './bulk.ts';
import type { Database, Statement } from './pool.ts';
import { apiKeys, instances, loadBalancers, scalingGroups, vpcs } from './schema.ts';

/**
 * The seed's tables: what exists, by the uid of the document that wanted it. A row appears once the real thing does.
 * What refers to another table's rows comes after it.
 */
const TABLES = { vpcs, instances, scaling_groups: scalingGroups, load_balancers: loadBalancers, api_keys: apiKeys };
type Tables = typeof TABLES;

/** Columns that the database fills, or that move by themselves. */
const FILLED = ['createdAt', 'updatedAt', 'deletedAt', 'lastUsed'] as const;

/** A row of one of them: its columns by their names in the schema. Its id is the document's uid. */
export type InventoryRow = {
  [Name in keyof Tables]: { table: Name } & Omit<Tables[Name]['$inferSelect'], (typeof FILLED)[number]>;
}[keyof Tables];

/** A row whose real thing is gone: marked deleted where the table keeps such rows, else removed. */
export interface InventoryGone {
  table: InventoryRow['table'];
  id: string;
}

interface InventoryTable {
  name: InventoryRow['table'];
  table: Tables[keyof Tables];
  /** Inserts or updates; a row that was marked deleted lives again. */
  save: (rows: readonly object[]) => Statement;
  remove: string;
}

const INVENTORY: readonly InventoryTable[] = Object.values(TABLES).map((table) => {
  const name = getTableName(table) as InventoryRow['table'];
  const keepsDeleted = 'deletedAt' in table;
  const columns = Object.keys(getTableColumns(table));
  const insert = bulkInsert(table, {
    known: {
      key: 'id',
      replaced: columns.filter((field) => field !== 'id'),
      ...(keepsDeleted && { also: 'updated_at = now(), deleted_at = NULL' }),
    },
    without: FILLED,
  });
  return {
    name,
    table,
    save: (rows) => insert(rows as readonly Tables[keyof Tables]['$inferInsert'][]),
    remove: keepsDeleted
      ? `UPDATE ${name} SET deleted_at = now(), updated_at = now() WHERE id = ANY ($1::uuid[]) AND deleted_at IS NULL`
      : `DELETE FROM ${name} WHERE id = ANY ($1::uuid[])`,
  };
});

/** In the order in which they must be carried out: what refers to a row goes before it and comes after it. */
export function inventoryStatements(batch: {
  inventory: readonly InventoryRow[];
  inventoryGone: readonly InventoryGone[];
}): Statement[] {
  if (batch.inventory.length === 0 && batch.inventoryGone.length === 0) return [];
  const last = [...new Map(batch.inventory.map((row) => [row.id, row])).values()];
  const removed = INVENTORY.toReversed().flatMap(({ name, remove }): Statement[] => {
    const ids = batch.inventoryGone.filter((gone) => gone.table === name).map(({ id }) => id);
    return ids.length === 0 ? [] : [{ name: `remove ${name}`, text: remove, values: [ids] }];
  });
  const saved = INVENTORY.flatMap(({ name, save }) => {
    const rows = last.filter((row) => row.table === name).map(({ table: _, ...row }) => row);
    return rows.length === 0 ? [] : [save(rows)];
  });
  return [...removed, ...saved];
}

export async function readInventory(db: Database): Promise<InventoryRow[]> {
  const lists = INVENTORY.map(async ({ name, table }) => {
    const columns = Object.entries(getTableColumns(table)).filter(([field]) => !FILLED.includes(field as never));
    const rows = await db
      .select(Object.fromEntries(columns))
      .from(table)
      .where('deletedAt' in table ? isNull(table.deletedAt) : undefined);
    return rows.map((row) => ({ table: name, ...row }) as InventoryRow);
  });
  return (await Promise.all(lists)).flat();
}
