import { insertAudit } from './audit.ts';
import { bulkInsert } from './bulk.ts';
import type { Batch } from './journal.ts';
import type { Encryption } from './encryption.ts';
import { inventoryStatements } from './inventory.ts';
import type { Statement } from './pool.ts';
import { toEventRow, toLogRow } from './rows.ts';
import { events, reconcileLog } from './schema.ts';

/** Deletions go first: a document may have been deleted and another of its name created in one batch. */
const DELETE_RESOURCES = 'DELETE FROM resources WHERE uid = ANY ($1::uuid[])';
/**
 * A change's object is sent once and becomes both its row of `changes` and, of a document's newest change, that of
 * `resources`. `key` is `keyOf`; `fromResourceRow` is the way back.
 */
const INSERT_CHANGES = `
WITH given AS MATERIALIZED (
  SELECT revision, type, newest, changed_by, object, object->'metadata' AS metadata
  FROM jsonb_to_recordset($1::jsonb) AS r (revision bigint, type varchar, newest boolean, changed_by varchar, object jsonb)
), put AS (
  INSERT INTO resources (uid, kind, namespace, name, labels, annotations, spec, status, generation, revision,
    finalizers, owner_references, field_owners, created_at, deletion_time)
  SELECT (metadata->>'uid')::uuid, object->>'kind', coalesce(metadata->>'namespace', ''), metadata->>'name', metadata->'labels',
    metadata->'annotations', coalesce(object->'spec', object - '{apiVersion,kind,metadata,status}'::text[]), object->'status', (metadata->>'generation')::integer, revision,
    metadata->'finalizers', metadata->'ownerReferences', metadata->'managedFields',
    (metadata->>'creationTimestamp')::timestamptz, (metadata->>'deletionTimestamp')::timestamptz
  FROM given WHERE newest AND type <> 'DELETED'
  ON CONFLICT (uid) DO UPDATE SET labels = excluded.labels, annotations = excluded.annotations, spec = excluded.spec,
    status = excluded.status, generation = excluded.generation, revision = excluded.revision,
    finalizers = excluded.finalizers, owner_references = excluded.owner_references,
    field_owners = excluded.field_owners, deletion_time = excluded.deletion_time
)
INSERT INTO changes (revision, kind, key, type, object, commit_id, changed_by)
SELECT revision, object->>'kind',
  concat_ws('/', object->>'kind', metadata->>'namespace', metadata->>'name'), type, object, $2::uuid, changed_by
FROM given`;
const putEvents = bulkInsert(events, {
  known: { key: 'id', replaced: ['revision', 'type', 'reason', 'message', 'count', 'firstSeen', 'lastSeen'] },
});
const putLog = bulkInsert(reconcileLog, {
  known: {
    key: 'id',
    replaced: [
      'revision',
      'trigger',
      'difference',
      'steps',
      'outcome',
      'reason',
      'message',
      'attempts',
      'endedAt',
      'nextAttemptAt',
    ],
  },
});

/** In the order in which they must be carried out. */
export function statementsOf(batch: Batch, encryption: Encryption): Statement[] {
  const lastOf = <T extends { id: string }>(records: readonly { revision: number; record: T }[]) => [
    ...new Map(records.map((r) => [r.record.id, r])).values(),
  ];
  return [
    ...inventoryStatements(batch),
    ...changesOf(batch, encryption),
    ...unlessEmpty(lastOf(batch.events).map(toEventRow), putEvents),
    ...unlessEmpty(lastOf(batch.log).map(toLogRow), putLog),
    ...unlessEmpty(batch.audit, insertAudit),
  ];
}

const unlessEmpty = <T>(items: readonly T[], statement: (items: readonly T[]) => Statement): Statement[] =>
  items.length === 0 ? [] : [statement(items)];

/** Several changes of one document in one batch leave one row: what it is at the end. */
function changesOf({ changes, commitId }: Batch, encryption: Encryption): Statement[] {
  if (changes.length === 0) return [];
  const newest = new Map(changes.map((c) => [c.object.metadata.uid, c]));
  const gone = [...newest].flatMap(([uid, { type }]) => (type === 'DELETED' ? [uid] : []));
  const rows = changes.map((change) => {
    const { revision, type, object, user } = change;
    const isNewest = newest.get(object.metadata.uid) === change;
    const by = user === undefined ? '' : `"changed_by":${JSON.stringify(user)},`;
    return `{"revision":${revision},"type":"${type}","newest":${isNewest},${by}"object":${encryption.textOf(object)}}`;
  });
  const insert = { name: 'insert changes', text: INSERT_CHANGES, values: [`[${rows.join(',')}]`, commitId] };
  return gone.length === 0 ? [insert] : [{ name: 'delete resources', text: DELETE_RESOURCES, values: [gone] }, insert];
}
