import { own } from '../base/own.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { API_VERSION, DEFAULT_NAMESPACE } from '../api/metadata.ts';
import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { RecordPage, RecordQuery } from '../store/store.ts';
import { isTrue, numberOf, queryOf } from './context.ts';
import type { ApiContext, Query } from './context.ts';
import { fieldPairs } from './selectors.ts';
import { formatAge } from '../base/quantity.ts';
import { UUID } from '../base/uuid7.ts';
import { wantsTable } from './table.ts';
import { frameOf, streamWatch } from './watch.ts';
import { isConfined } from './visibility.ts';
import { checkListOptions, checkNotTooNew, INITIAL_EVENTS_END, watchOptions } from './watch-options.ts';
import { permits } from './permissions.ts';

const DEFAULT_LIMIT = 500;
const MOST = 5_000;

/** How one sort of record is served: events as core/v1 (kubectl knows no other), the reconcile log as a kind of ours. */
interface RecordKind<T extends EventRecord | LogEntry> {
  paths: readonly string[];
  /** Plural. */
  resource: string;
  listKind: string;
  apiVersion: string;
  render: (recorded: Recorded<T>) => object;
  query: (query: RecordQuery) => Promise<RecordPage<T>>;
  watch: (from: number, signal: AbortSignal) => AsyncIterable<readonly Recorded<T>[]>;
  table: { columns: readonly string[]; cells: (record: T, now: Date) => readonly string[] };
}

export function recordRoutes(app: FastifyInstance, context: ApiContext): void {
  const { store } = context;
  register(app, context, {
    paths: ['/api/v1/events', '/api/v1/namespaces/:namespace/events'],
    resource: 'events',
    listKind: 'EventList',
    apiVersion: 'v1',
    render: (recorded: Recorded<EventRecord>) =>
      renderEvent(recorded, context.kinds.get(recorded.record.kind)?.apiVersion ?? API_VERSION),
    query: (query) => store.events(query),
    watch: (from, signal) => store.watchEvents(from, signal),
    table: {
      columns: ['Last Seen', 'Type', 'Reason', 'Object', 'Message'],
      cells: (e, now) => [
        formatAge(now.getTime() - Date.parse(e.lastSeen)),
        e.type,
        e.reason,
        `${e.kind.toLowerCase()}/${e.name}`,
        e.message,
      ],
    },
  });
  const root = `/apis/${API_VERSION}`;
  register(app, context, {
    paths: [`${root}/reconcilelogs`, `${root}/namespaces/:namespace/reconcilelogs`],
    resource: 'reconcilelogs',
    listKind: 'ReconcileLogList',
    apiVersion: API_VERSION,
    render: renderEntry,
    query: (query) => store.log(query),
    watch: (from, signal) => store.watchLog(from, signal),
    table: {
      columns: ['Ended', 'Object', 'Trigger', 'Outcome', 'Message'],
      cells: (e) => [e.endedAt, `${e.kind.toLowerCase()}/${e.name}`, e.trigger.detail, e.outcome, e.message ?? ''],
    },
  });
}

function register<T extends EventRecord | LogEntry>(
  app: FastifyInstance,
  context: ApiContext,
  kind: RecordKind<T>,
): void {
  for (const path of kind.paths)
    app.get(path, permits('list', { resource: kind.resource, filtered: true }), (request, reply) =>
      serve(request, reply, context, kind),
    );
}

async function serve<T extends EventRecord | LogEntry>(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  kind: RecordKind<T>,
): Promise<unknown> {
  const query = queryOf(request);
  const { namespace } = request.params as { namespace?: string };
  const matches = selector(query, namespace, visibleTo(request, context));
  if (query['watch'] && isTrue(query['watch'])) return watch(request, reply, context, kind, matches);
  checkListOptions(query);
  const page = await kind.query({
    ...exactFields(query, namespace),
    ...seenNamespaces(request, namespace),
    limit: numberOf(query, 'limit', DEFAULT_LIMIT, MOST) || DEFAULT_LIMIT,
  });
  const items = page.items.filter(({ record }) => matches(record));
  const metadata = { resourceVersion: String(isConfined(request) ? newestOf(items, context) : page.revision) };
  if (!wantsTable(request.headers.accept))
    return { kind: kind.listKind, apiVersion: kind.apiVersion, metadata, items: items.map(kind.render) };
  return recordTable(kind, items, metadata, context.clock.now());
}

function recordTable<T extends EventRecord | LogEntry>(
  kind: RecordKind<T>,
  items: readonly Recorded<T>[],
  metadata: object,
  now: Date,
  withColumns = true,
): object {
  const columnDefinitions = kind.table.columns.map((name) => ({
    name,
    type: 'string',
    format: '',
    description: '',
    priority: 0,
  }));
  const rows = items.map((item) => ({
    cells: kind.table.cells(item.record, now),
    object: {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: (kind.render(item) as { metadata: object }).metadata,
    },
  }));
  return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, ...(withColumns ? { columnDefinitions } : {}), rows };
}

async function watch<T extends EventRecord | LogEntry>(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  kind: RecordKind<T>,
  matches: (record: T) => boolean,
): Promise<void> {
  const query = queryOf(request);
  const { namespace } = request.params as { namespace?: string };
  const options = watchOptions(query, false);
  const { revision } = await context.store.current();
  checkNotTooNew(options, revision, isConfined(request) ? context.deletions.floor : revision);
  const page = options.sendsInitial
    ? await kind.query({ ...exactFields(query, namespace), ...seenNamespaces(request, namespace), limit: MOST })
    : undefined;
  const from = page?.revision ?? (options.from || revision);
  const seen = new Set<string>();
  let tables = 0;
  const frame = (recorded: Recorded<T>): object | undefined => {
    if (!matches(recorded.record)) return undefined;
    const type = seen.has(recorded.record.id) ? 'MODIFIED' : 'ADDED';
    seen.add(recorded.record.id);
    if (seen.size > MOST) seen.delete(seen.values().next().value ?? '');
    if (!wantsTable(request.headers.accept)) return { type, object: kind.render(recorded) };
    const metadata = { resourceVersion: String(recorded.revision) };
    return { type, object: recordTable(kind, [recorded], metadata, context.clock.now(), tables++ === 0) };
  };
  const initialEnd = {
    kind: kind.listKind.replace(/List$/, ''),
    apiVersion: kind.apiVersion,
    metadata: {
      resourceVersion: String(isConfined(request) ? newestOf(page?.items ?? [], context) : from),
      annotations: INITIAL_EVENTS_END,
    },
  };
  await streamWatch<Recorded<T>>(request, reply, context, {
    initial: (page?.items ?? []).flatMap((recorded) => frame(recorded) ?? []),
    ...(options.marksInitial ? { initialEnd } : {}),
    feed: (signal) => kind.watch(from, signal),
    frame(recorded) {
      const event = frame(recorded);
      return event && frameOf(event);
    },
    timeoutSeconds: options.timeoutSeconds,
  });
}

const FIELDS: Record<string, 'kind' | 'namespace' | 'name' | 'uid'> = {
  'involvedObject.kind': 'kind',
  'involvedObject.namespace': 'namespace',
  'involvedObject.name': 'name',
  'involvedObject.uid': 'uid',
};

/** Of a kind that is kept from some, records are told to those alone who may read it: they have names in them. */
function visibleTo(
  { credential, visible }: FastifyRequest,
  { kinds }: ApiContext,
): (record: EventRecord | LogEntry) => boolean {
  const asked = { verb: 'get', subresource: '', namespace: '' };
  const hidden = kinds.all.flatMap(({ kind, plural, readableBy }) =>
    readableBy !== undefined && !credential.access.visible({ ...asked, resource: plural }) ? [kind] : [],
  );
  return (record) => !hidden.includes(record.kind) && (visible === 'all' || visible(record));
}

/** Where a key sees some namespaces alone, no record of others is asked for. */
function seenNamespaces({ credential, attributes, visible }: FastifyRequest, namespace: string | undefined) {
  if (visible === 'all' || namespace !== undefined || !attributes) return {};
  const namespaces = credential.access.namespaces(attributes);
  return namespaces && { namespaces };
}

/** As far as the key sees. */
const newestOf = (items: readonly { revision: number }[], { deletions }: ApiContext): number =>
  Math.max(deletions.floor, ...items.slice(-1).map(({ revision }) => revision));

function selector<T extends EventRecord | LogEntry>(
  query: Query,
  namespace: string | undefined,
  isVisible: (record: T) => boolean,
): (record: T) => boolean {
  const pairs = fieldPairs(query['fieldSelector']).flatMap(({ path, value, equal }) => {
    const field = own(FIELDS, path);
    return field ? [(record: T) => (record[field] === value) === equal] : [];
  });
  return (record) =>
    (namespace === undefined || record.namespace === namespace) &&
    isVisible(record) &&
    pairs.every((holds) => holds(record));
}

/** What the database would refuse to compare is told apart here: nothing that is stored equals it. */
const COMPARABLE_UUID = new RegExp(UUID, 'i');
const STORABLE = /^[^\0]*$/;

/** The equalities that the database can look up by itself. */
function exactFields(query: Query, namespace: string | undefined): Omit<RecordQuery, 'limit'> {
  const equal = fieldPairs(query['fieldSelector']).filter(
    (p) =>
      p.equal &&
      own(FIELDS, p.path) !== undefined &&
      (p.path.endsWith('uid') ? COMPARABLE_UUID : STORABLE).test(p.value),
  );
  return {
    ...(namespace !== undefined && STORABLE.test(namespace) ? { namespace } : {}),
    ...Object.fromEntries(equal.map((p) => [FIELDS[p.path], p.value])),
  };
}

function renderEvent({ revision, record: e }: Recorded<EventRecord>, apiVersion: string): object {
  return {
    kind: 'Event',
    apiVersion: 'v1',
    metadata: {
      name: e.id,
      // As in Kubernetes, events about what has no namespace are in that one.
      namespace: e.namespace || DEFAULT_NAMESPACE,
      uid: e.id,
      resourceVersion: String(revision),
      creationTimestamp: e.firstSeen,
    },
    involvedObject: { kind: e.kind, apiVersion, namespace: e.namespace, name: e.name, uid: e.uid },
    type: e.type,
    reason: e.reason,
    message: e.message,
    count: e.count,
    firstTimestamp: e.firstSeen,
    lastTimestamp: e.lastSeen,
    source: { component: 'miniaws' },
  };
}

const renderEntry = ({ revision, record }: Recorded<LogEntry>): object => ({
  kind: 'ReconcileLog',
  apiVersion: API_VERSION,
  metadata: {
    name: record.id,
    namespace: record.namespace,
    uid: record.id,
    resourceVersion: String(revision),
    creationTimestamp: record.startedAt,
  },
  entry: record,
});
