import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
  varchar,
} from 'drizzle-orm/pg-core';
import type { ManagedFields, OwnerReference, Resource } from '../api/metadata.ts';
import type { StepRecord, Trigger } from '../api/records.ts';

/**
 * The database as the code sees it. `drizzle/*.up.sql` is what makes it; a test keeps the two equal.
 * The seed's tables say what exists; the others what is wanted and what was done.
 */
const time = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const count = (name: string) => bigint(name, { mode: 'number' });
const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const namespace = () => varchar('namespace', { length: 255 }).notNull().default('default');

export const instances = pgTable(
  'instances',
  {
    id: uuid('id').primaryKey(),
    name: varchar('name', { length: 255 }).notNull(),
    image: varchar('image', { length: 255 }).notNull(),
    status: varchar('status', { length: 50 }).notNull(),
    containerId: varchar('container_id', { length: 255 }),
    ports: varchar('ports', { length: 255 }),
    createdAt: time('created_at').defaultNow(),
    updatedAt: time('updated_at').defaultNow(),
    deletedAt: time('deleted_at'),
    namespace: namespace(),
  },
  (t) => [index('instances_deleted_at_idx').on(t.deletedAt)],
);

export const apiKeys = pgTable('api_keys', {
  id: uuid('id').primaryKey(),
  userId: uuid('user_id'),
  /** SHA-256 of the key, 64 hex digits; the key itself is nowhere. */
  key: varchar('key', { length: 64 }).notNull().unique('api_keys_key_key'),
  name: varchar('name', { length: 255 }),
  createdAt: time('created_at').defaultNow(),
  lastUsed: time('last_used'),
});

export const objects = pgTable(
  'objects',
  {
    id: uuid('id').primaryKey(),
    arn: text('arn').notNull(),
    bucket: varchar('bucket', { length: 255 }).notNull(),
    key: text('key').notNull(),
    sizeBytes: count('size_bytes').notNull(),
    contentType: varchar('content_type', { length: 255 }),
    createdAt: time('created_at').notNull().defaultNow(),
    deletedAt: time('deleted_at'),
    sequence: count('sequence').notNull().default(0),
    versionId: varchar('version_id', { length: 32 }).notNull().default('null'),
    isLatest: boolean('is_latest').notNull().default(true),
    isDeleteMarker: boolean('is_delete_marker').notNull().default(false),
    etag: varchar('etag', { length: 96 }).notNull().default(''),
    pieceSums: bytes('piece_sums').notNull(),
    checksum: jsonb('checksum').$type<object>(),
    headers: jsonb('headers').$type<Record<string, string>>(),
    metadata: jsonb('metadata').$type<Record<string, string>>(),
    tags: jsonb('tags').$type<Record<string, string>>(),
    declaredBy: uuid('declared_by'),
    partCount: integer('part_count').notNull().default(0),
    owner: varchar('owner', { length: 63 }),
    grants: jsonb('grants').$type<object>(),
    retention: jsonb('retention').$type<object>(),
    legalHold: boolean('legal_hold').notNull().default(false),
    encryption: jsonb('encryption').$type<object>(),
  },
  (t) => [
    uniqueIndex('objects_current_idx')
      .on(t.bucket, t.key)
      .where(sql`is_latest AND deleted_at IS NULL`),
    uniqueIndex('objects_version_idx')
      .on(t.bucket, t.key, t.sequence.desc())
      .where(sql`deleted_at IS NULL`),
    index('objects_deleted_at_idx')
      .on(t.deletedAt)
      .where(sql`deleted_at IS NOT NULL`),
  ],
);

export const uploads = pgTable(
  'uploads',
  {
    id: uuid('id').primaryKey(),
    bucket: varchar('bucket', { length: 255 }).notNull(),
    key: text('key').notNull(),
    startedAt: time('started_at').notNull(),
    description: jsonb('description').$type<object>().notNull(),
  },
  (t) => [index('uploads_bucket_idx').on(t.bucket, t.key, t.id)],
);

export const objectParts = pgTable(
  'object_parts',
  {
    id: uuid('id').primaryKey(),
    objectId: uuid('object_id').notNull(),
    number: integer('number').notNull(),
    sizeBytes: count('size_bytes').notNull(),
    etag: varchar('etag', { length: 96 }).notNull(),
    checksum: varchar('checksum', { length: 96 }),
    pieceSums: bytes('piece_sums').notNull(),
    storedAt: time('stored_at').notNull(),
    deletedAt: time('deleted_at'),
  },
  (t) => [
    uniqueIndex('object_parts_object_idx')
      .on(t.objectId, t.number)
      .where(sql`deleted_at IS NULL`),
    index('object_parts_deleted_at_idx')
      .on(t.deletedAt)
      .where(sql`deleted_at IS NOT NULL`),
  ],
);

export const objectDamage = pgTable(
  'object_damage',
  {
    objectId: uuid('object_id').primaryKey(),
    bucket: varchar('bucket', { length: 255 }).notNull(),
    what: text('what').notNull(),
    foundAt: time('found_at').notNull(),
  },
  (t) => [index('object_damage_bucket_idx').on(t.bucket)],
);

export const buckets = pgTable('buckets', {
  id: uuid('id').primaryKey(),
  name: varchar('name', { length: 255 }).notNull().unique('buckets_name_key'),
  objects: count('objects').notNull(),
  sizeBytes: count('size_bytes').notNull(),
  sequence: count('sequence').notNull(),
});

export const vpcs = pgTable(
  'vpcs',
  {
    id: uuid('id').primaryKey(),
    name: varchar('name', { length: 255 }).notNull(),
    cidrBlock: varchar('cidr_block', { length: 18 }).notNull(),
    networkId: varchar('network_id', { length: 255 }).notNull(),
    gatewayId: varchar('gateway_id', { length: 255 }),
    namespace: namespace(),
  },
  (t) => [unique('vpcs_namespace_name_key').on(t.namespace, t.name)],
);

export const loadBalancers = pgTable('load_balancers', {
  id: uuid('id').primaryKey(),
  vpcId: uuid('vpc_id')
    .references(() => vpcs.id)
    .notNull(),
  name: varchar('name', { length: 255 }).notNull(),
  type: varchar('type', { length: 50 }).default('HTTP'),
  status: varchar('status', { length: 50 }),
  listenerPort: integer('listener_port').notNull(),
  containerId: varchar('container_id', { length: 255 }),
  namespace: namespace(),
});

export const scalingGroups = pgTable(
  'scaling_groups',
  {
    id: uuid('id').primaryKey(),
    name: varchar('name', { length: 255 }).notNull(),
    vpcId: uuid('vpc_id').references(() => vpcs.id),
    minInstances: integer('min_instances').notNull(),
    maxInstances: integer('max_instances').notNull(),
    desiredCount: integer('desired_count').notNull(),
    currentCount: integer('current_count').notNull().default(0),
    status: varchar('status', { length: 50 }).default('ACTIVE'),
    namespace: namespace(),
  },
  (t) => [unique('scaling_groups_namespace_name_key').on(t.namespace, t.name)],
);

export const metricsHistory = pgTable(
  'metrics_history',
  {
    /** Version 7, beginning with `recorded_at`: in the order of time. */
    id: uuid('id').primaryKey(),
    instanceId: uuid('instance_id').notNull(),
    cpuPercent: doublePrecision('cpu_percent'),
    memoryUsageBytes: count('memory_usage_bytes'),
    recordedAt: time('recorded_at').defaultNow(),
    memoryLimitBytes: count('memory_limit_bytes'),
    networkReceiveRate: doublePrecision('network_receive_rate'),
    networkSendRate: doublePrecision('network_send_rate'),
    blockReadRate: doublePrecision('block_read_rate'),
    blockWriteRate: doublePrecision('block_write_rate'),
  },
  (t) => [index('metrics_history_instance_idx').on(t.instanceId, t.recordedAt)],
);

export const metricsAggregates = pgTable(
  'metrics_aggregates',
  {
    instanceId: uuid('instance_id').notNull(),
    bucketStart: time('bucket_start').notNull(),
    samples: integer('samples').notNull(),
    cpuPercentAvg: doublePrecision('cpu_percent_avg'),
    cpuPercentMax: doublePrecision('cpu_percent_max'),
    memoryUsageBytesAvg: doublePrecision('memory_usage_bytes_avg'),
    memoryUsageBytesMax: count('memory_usage_bytes_max'),
    memoryLimitBytes: count('memory_limit_bytes'),
    networkReceiveRate: doublePrecision('network_receive_rate'),
    networkSendRate: doublePrecision('network_send_rate'),
    blockReadRate: doublePrecision('block_read_rate'),
    blockWriteRate: doublePrecision('block_write_rate'),
  },
  (t) => [
    primaryKey({ columns: [t.instanceId, t.bucketStart] }),
    index('metrics_aggregates_bucket_idx').on(t.bucketStart),
  ],
);

export const trafficHistory = pgTable(
  'traffic_history',
  {
    id: uuid('id').primaryKey(),
    loadBalancerId: uuid('load_balancer_id').notNull(),
    targetId: uuid('target_id').notNull(),
    recordedAt: time('recorded_at').notNull(),
    requestRate: doublePrecision('request_rate').notNull(),
    failedRate: doublePrecision('failed_rate').notNull(),
    errorRate: doublePrecision('error_rate').notNull(),
    latencyMs: doublePrecision('latency_ms'),
  },
  (t) => [index('traffic_history_load_balancer_idx').on(t.loadBalancerId, t.recordedAt)],
);

export const trafficAggregates = pgTable(
  'traffic_aggregates',
  {
    loadBalancerId: uuid('load_balancer_id').notNull(),
    targetId: uuid('target_id').notNull(),
    bucketStart: time('bucket_start').notNull(),
    samples: integer('samples').notNull(),
    requestRate: doublePrecision('request_rate').notNull(),
    requestRateMax: doublePrecision('request_rate_max').notNull(),
    failedRate: doublePrecision('failed_rate').notNull(),
    errorRate: doublePrecision('error_rate').notNull(),
    latencyMs: doublePrecision('latency_ms'),
  },
  (t) => [
    primaryKey({ columns: [t.loadBalancerId, t.targetId, t.bucketStart] }),
    index('traffic_aggregates_bucket_idx').on(t.bucketStart),
  ],
);

export const scalingRecommendations = pgTable(
  'scaling_recommendations',
  {
    groupId: uuid('group_id').notNull(),
    recommendedAt: time('recommended_at').notNull(),
    recommended: integer('recommended').notNull(),
    desired: integer('desired').notNull(),
    policy: varchar('policy', { length: 63 }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.groupId, t.recommendedAt] }),
    index('scaling_recommendations_time_idx').on(t.recommendedAt),
  ],
);

export const syncOperations = pgTable(
  'sync_operations',
  {
    syncId: uuid('sync_id').notNull(),
    startedAt: time('started_at').notNull(),
    operation: jsonb('operation').$type<object>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.syncId, t.startedAt] }), index('sync_operations_time_idx').on(t.startedAt)],
);

export const revisions = pgTable('revisions', {
  id: integer('id').primaryKey(),
  value: count('value').notNull(),
  horizon: count('horizon').notNull(),
});

export const resources = pgTable(
  'resources',
  {
    uid: uuid('uid').primaryKey(),
    kind: varchar('kind', { length: 63 }).notNull(),
    namespace: varchar('namespace', { length: 255 }).notNull(),
    name: varchar('name', { length: 255 }).notNull(),
    labels: jsonb('labels').$type<Record<string, string>>(),
    annotations: jsonb('annotations').$type<Record<string, string>>(),
    spec: jsonb('spec').$type<object>().notNull(),
    status: jsonb('status').$type<object>(),
    generation: integer('generation').notNull(),
    revision: count('revision').notNull(),
    finalizers: jsonb('finalizers').$type<readonly string[]>(),
    ownerReferences: jsonb('owner_references').$type<readonly OwnerReference[]>(),
    fieldOwners: jsonb('field_owners').$type<readonly ManagedFields[]>(),
    createdAt: time('created_at').notNull(),
    deletionTime: time('deletion_time'),
  },
  (t) => [unique('resources_kind_namespace_name_key').on(t.kind, t.namespace, t.name)],
);

export const changes = pgTable(
  'changes',
  {
    revision: count('revision').primaryKey(),
    kind: varchar('kind', { length: 63 }).notNull(),
    key: varchar('key', { length: 576 }).notNull(),
    type: varchar('type', { length: 8 }).$type<'ADDED' | 'MODIFIED' | 'DELETED'>().notNull(),
    object: jsonb('object').$type<Resource>().notNull(),
    /** Tells after a lost connection whether a commit had landed. */
    commitId: uuid('commit_id').notNull(),
    committedAt: time('committed_at').notNull().defaultNow(),
    /** Whose key the request came with; of the daemon's own writes nobody's. */
    changedBy: varchar('changed_by', { length: 253 }),
  },
  (t) => [index('changes_key_idx').on(t.key, t.revision)],
);

export const pulledImages = pgTable('pulled_images', {
  id: varchar('id', { length: 255 }).primaryKey(),
  references: jsonb('image_references').$type<readonly string[]>().notNull(),
  pulledAt: time('pulled_at').notNull(),
  unusedSince: time('unused_since'),
});

export const events = pgTable(
  'events',
  {
    id: uuid('id').primaryKey(),
    revision: count('revision').notNull(),
    kind: varchar('kind', { length: 63 }).notNull(),
    namespace: varchar('namespace', { length: 255 }).notNull(),
    name: varchar('name', { length: 255 }).notNull(),
    uid: uuid('uid').notNull(),
    type: varchar('type', { length: 8 }).$type<'Normal' | 'Warning'>().notNull(),
    reason: varchar('reason', { length: 128 }).notNull(),
    message: text('message').notNull(),
    count: integer('count').notNull(),
    firstSeen: time('first_seen').notNull(),
    lastSeen: time('last_seen').notNull(),
  },
  (t) => [index('events_revision_idx').on(t.revision), index('events_uid_idx').on(t.uid)],
);

export const reconcileLog = pgTable(
  'reconcile_log',
  {
    id: uuid('id').primaryKey(),
    revision: count('revision').notNull(),
    kind: varchar('kind', { length: 63 }).notNull(),
    namespace: varchar('namespace', { length: 255 }).notNull(),
    name: varchar('name', { length: 255 }).notNull(),
    uid: uuid('uid').notNull(),
    generation: integer('generation').notNull(),
    trigger: jsonb('trigger').$type<Trigger>().notNull(),
    difference: jsonb('difference').$type<readonly string[]>().notNull(),
    steps: jsonb('steps').$type<readonly StepRecord[]>().notNull(),
    outcome: varchar('outcome', { length: 16 }).notNull(),
    reason: varchar('reason', { length: 128 }),
    message: text('message'),
    attempts: integer('attempts').notNull(),
    startedAt: time('started_at').notNull(),
    endedAt: time('ended_at').notNull(),
    nextAttemptAt: time('next_attempt_at'),
  },
  (t) => [
    index('reconcile_log_revision_idx').on(t.revision),
    index('reconcile_log_object_idx').on(t.kind, t.namespace, t.name, t.revision),
  ],
);

export const leases = pgTable('leases', {
  name: varchar('name', { length: 63 }).primaryKey(),
  holder: varchar('holder', { length: 255 }),
  epoch: count('epoch').notNull(),
  expiresAt: time('expires_at').notNull(),
});

export const settings = pgTable('settings', {
  name: varchar('name', { length: 63 }).primaryKey(),
  value: text('value').notNull(),
});

export const volumeUses = pgTable('volume_uses', {
  /** On the Engine. */
  name: varchar('name', { length: 255 }).primaryKey(),
  lastUsedBy: jsonb('last_used_by').$type<readonly string[]>().notNull(),
  unusedSince: time('unused_since'),
});

export const auditEvents = pgTable(
  'audit_events',
  {
    id: uuid('id').primaryKey(),
    at: time('at').notNull(),
    key: varchar('key_name', { length: 253 }).notNull(),
    user: varchar('user_name', { length: 253 }).notNull(),
    address: varchar('address', { length: 64 }).notNull(),
    verb: varchar('verb', { length: 32 }).notNull(),
    resource: varchar('resource', { length: 128 }).notNull(),
    subresource: varchar('subresource', { length: 64 }).notNull(),
    namespace: varchar('namespace', { length: 255 }).notNull(),
    name: varchar('name', { length: 255 }).notNull(),
    manager: varchar('manager', { length: 128 }).notNull(),
    dryRun: boolean('dry_run').notNull(),
    code: integer('code').notNull(),
    reason: varchar('reason', { length: 64 }).notNull(),
    latencyMs: doublePrecision('latency_ms').notNull(),
  },
  (t) => [
    index('audit_events_at_idx').on(t.at),
    index('audit_events_user_idx').on(t.user, t.id),
    index('audit_events_object_idx').on(t.resource, t.namespace, t.name, t.id),
  ],
);
