import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { InventoryRow } from '../api/records.ts';
import type { Database } from './pool.ts';
import { instances, loadBalancers, scalingGroups, vpcs } from './schema.ts';

/**
 * The seed's tables, each behind an interface: what exists, by the uid of the document that wanted it. A row appears
 * once the real thing does.
 */
export interface Repository<Row> {
  /** Inserts or updates; a row that was marked deleted lives again. */
  save(rows: readonly Row[]): Promise<void>;
  getById(id: string): Promise<Row | undefined>;
  list(): Promise<readonly Row[]>;
  /** Marks it deleted where the table keeps deleted rows, else removes it. */
  remove(ids: readonly string[]): Promise<void>;
}

export type InstanceRow = Extract<InventoryRow, { table: 'instances' }>;
export type VpcRow = Extract<InventoryRow, { table: 'vpcs' }>;
export type ScalingGroupRow = Extract<InventoryRow, { table: 'scaling_groups' }>;
export type LoadBalancerRow = Extract<InventoryRow, { table: 'load_balancers' }>;

/** The value that the statement tried to insert, for ON CONFLICT. */
const excluded = (column: string) => sql.raw(`excluded.${column}`);

function instanceRepository(db: Database): Repository<InstanceRow> {
  const live = isNull(instances.deletedAt);
  const fromRow = (row: typeof instances.$inferSelect): InstanceRow => ({
    table: 'instances',
    id: row.id,
    namespace: row.namespace,
    name: row.name,
    image: row.image,
    status: row.status,
    containerId: row.containerId,
    ports: row.ports,
  });
  return {
    async save(rows) {
      if (rows.length === 0) return;
      await db
        .insert(instances)
        .values(rows.map(({ table: _, ...row }) => row))
        .onConflictDoUpdate({
          target: instances.id,
          set: {
            name: excluded('name'),
            image: excluded('image'),
            status: excluded('status'),
            containerId: excluded('container_id'),
            ports: excluded('ports'),
            namespace: excluded('namespace'),
            updatedAt: sql`now()`,
            deletedAt: null,
          },
        });
    },
    getById: async (id) =>
      (
        await db
          .select()
          .from(instances)
          .where(and(eq(instances.id, id), live))
      ).map(fromRow)[0],
    list: async () => (await db.select().from(instances).where(live)).map(fromRow),
    async remove(ids) {
      if (ids.length === 0) return;
      await db
        .update(instances)
        .set({ deletedAt: sql`now()`, updatedAt: sql`now()` })
        .where(and(inArray(instances.id, [...ids]), live));
    },
  };
}

function vpcRepository(db: Database): Repository<VpcRow> {
  const fromRow = (row: typeof vpcs.$inferSelect): VpcRow => ({ table: 'vpcs', ...row });
  return {
    async save(rows) {
      if (rows.length === 0) return;
      await db
        .insert(vpcs)
        .values(rows.map(({ table: _, ...row }) => row))
        .onConflictDoUpdate({
          target: vpcs.id,
          set: {
            name: excluded('name'),
            namespace: excluded('namespace'),
            cidrBlock: excluded('cidr_block'),
            networkId: excluded('network_id'),
            gatewayId: excluded('gateway_id'),
          },
        });
    },
    getById: async (id) => (await db.select().from(vpcs).where(eq(vpcs.id, id))).map(fromRow)[0],
    list: async () => (await db.select().from(vpcs)).map(fromRow),
    async remove(ids) {
      if (ids.length > 0) await db.delete(vpcs).where(inArray(vpcs.id, [...ids]));
    },
  };
}

function scalingGroupRepository(db: Database): Repository<ScalingGroupRow> {
  const fromRow = (row: typeof scalingGroups.$inferSelect): ScalingGroupRow => ({
    table: 'scaling_groups',
    ...row,
    status: row.status ?? '',
  });
  return {
    async save(rows) {
      if (rows.length === 0) return;
      await db
        .insert(scalingGroups)
        .values(rows.map(({ table: _, ...row }) => row))
        .onConflictDoUpdate({
          target: scalingGroups.id,
          set: {
            name: excluded('name'),
            namespace: excluded('namespace'),
            vpcId: excluded('vpc_id'),
            minInstances: excluded('min_instances'),
            maxInstances: excluded('max_instances'),
            desiredCount: excluded('desired_count'),
            currentCount: excluded('current_count'),
            status: excluded('status'),
          },
        });
    },
    getById: async (id) => (await db.select().from(scalingGroups).where(eq(scalingGroups.id, id))).map(fromRow)[0],
    list: async () => (await db.select().from(scalingGroups)).map(fromRow),
    async remove(ids) {
      if (ids.length > 0) await db.delete(scalingGroups).where(inArray(scalingGroups.id, [...ids]));
    },
  };
}

function loadBalancerRepository(db: Database): Repository<LoadBalancerRow> {
  const fromRow = (row: typeof loadBalancers.$inferSelect): LoadBalancerRow => ({
    table: 'load_balancers',
    ...row,
    type: row.type ?? '',
    status: row.status ?? '',
  });
  return {
    async save(rows) {
      if (rows.length === 0) return;
      await db
        .insert(loadBalancers)
        .values(rows.map(({ table: _, ...row }) => row))
        .onConflictDoUpdate({
          target: loadBalancers.id,
          set: {
            name: excluded('name'),
            namespace: excluded('namespace'),
            vpcId: excluded('vpc_id'),
            type: excluded('type'),
            status: excluded('status'),
            listenerPort: excluded('listener_port'),
            containerId: excluded('container_id'),
          },
        });
    },
    getById: async (id) => (await db.select().from(loadBalancers).where(eq(loadBalancers.id, id))).map(fromRow)[0],
    list: async () => (await db.select().from(loadBalancers)).map(fromRow),
    async remove(ids) {
      if (ids.length > 0) await db.delete(loadBalancers).where(inArray(loadBalancers.id, [...ids]));
    },
  };
}

/** All repositories of one connection, by table. */
export const repositoriesOf = (db: Database) => ({
  vpcs: vpcRepository(db),
  instances: instanceRepository(db),
  scaling_groups: scalingGroupRepository(db),
  load_balancers: loadBalancerRepository(db),
});
