import type { ManagedFields, Resource } from '../api/metadata.ts';
import { API_VERSION } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { Encryption } from './encryption.ts';
import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { changes, events, reconcileLog, resources } from './schema.ts';
import type { Change, PastChange } from './store.ts';

/** Rows as documents and records, and records as rows; documents become rows in `append.ts`. Nothing else knows the columns. */

type ResourceRow = typeof resources.$inferSelect;

const orUndefined = <T>(value: T | null): T | undefined => value ?? undefined;

/** Kubernetes' times have whole seconds; so do those of documents, or a reload would change them. */
const seconds = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, 'Z');

/** The column `spec` has the specification, or the members that a kind without one has in its place. */
export function fromResourceRow(row: ResourceRow, kinds: KindRegistry, encryption: Encryption): Resource {
  const metadata = {
    name: row.name,
    namespace: row.namespace || undefined,
    uid: row.uid,
    resourceVersion: String(row.revision),
    generation: row.generation,
    creationTimestamp: seconds(row.createdAt),
    deletionTimestamp: row.deletionTime ? seconds(row.deletionTime) : undefined,
    labels: orUndefined(row.labels),
    annotations: orUndefined(row.annotations),
    finalizers: orUndefined(row.finalizers),
    ownerReferences: orUndefined(row.ownerReferences),
    managedFields: orUndefined(row.fieldOwners as readonly ManagedFields[] | null),
  };
  const present = Object.fromEntries(
    Object.entries(metadata).filter(([, v]) => v !== undefined),
  ) as unknown as Resource['metadata'];
  const kind = kinds.get(row.kind);
  const content = !kind || 'spec' in kind.content ? { spec: row.spec } : row.spec;
  const resource = {
    apiVersion: kind?.apiVersion ?? API_VERSION,
    kind: row.kind,
    metadata: present,
    ...content,
  } as Resource;
  return encryption.decrypted(row.status ? { ...resource, status: row.status } : resource);
}

export const fromChangeRow =
  (encryption: Encryption) =>
  (row: typeof changes.$inferSelect): Change => ({
    revision: row.revision,
    type: row.type,
    object: encryption.decrypted(row.object),
    ...(row.changedBy === null ? {} : { user: row.changedBy }),
  });

export const fromPastChangeRow = (encryption: Encryption) => {
  const changeOf = fromChangeRow(encryption);
  return (row: typeof changes.$inferSelect): PastChange => ({
    ...changeOf(row),
    committedAt: row.committedAt.toISOString(),
  });
};

export const toEventRow = ({ revision, record }: Recorded<EventRecord>): typeof events.$inferSelect => ({
  ...record,
  revision,
  firstSeen: new Date(record.firstSeen),
  lastSeen: new Date(record.lastSeen),
});

export function fromEventRow(row: typeof events.$inferSelect): Recorded<EventRecord> {
  const { revision, firstSeen, lastSeen, ...rest } = row;
  return { revision, record: { ...rest, firstSeen: firstSeen.toISOString(), lastSeen: lastSeen.toISOString() } };
}

export const toLogRow = ({ revision, record }: Recorded<LogEntry>): typeof reconcileLog.$inferSelect => ({
  ...record,
  revision,
  reason: record.reason ?? null,
  message: record.message ?? null,
  startedAt: new Date(record.startedAt),
  endedAt: new Date(record.endedAt),
  nextAttemptAt: record.nextAttemptAt ? new Date(record.nextAttemptAt) : null,
});

export function fromLogRow(row: typeof reconcileLog.$inferSelect): Recorded<LogEntry> {
  const { revision, startedAt, endedAt, nextAttemptAt, reason, message, ...rest } = row;
  const record: LogEntry = {
    ...rest,
    outcome: row.outcome as LogEntry['outcome'],
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
  };
  if (reason !== null) record.reason = reason;
  if (message !== null) record.message = message;
  if (nextAttemptAt !== null) record.nextAttemptAt = nextAttemptAt.toISOString();
  return { revision, record };
}
