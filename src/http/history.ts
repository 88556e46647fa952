import type { FastifyInstance } from 'fastify';
import { authorOf } from '../api/authors.ts';
import { masked } from '../api/encrypted.ts';
import type { KindDefinition } from '../api/kind.ts';
import { API_VERSION, contentOf, SOURCE } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import { notFound } from '../admission/operations.ts';
import { sameJson } from '../base/hash.ts';
import type { PastChange, Store } from '../store/store.ts';
import { numberOf, queryOf, refTo, targetOf } from './context.ts';
import type { ApiContext } from './context.ts';
import { collections } from './resources.ts';
import { permits } from './permissions.ts';

const DEFAULT_LIMIT = 50;
const MOST = 500;
/** Changes that are read at once: most of an object's are of its status alone. */
const PAGE = 200;

/** A version of an object, as the API answers it. */
interface HistoryItem {
  revision: number;
  /** When it was committed. */
  time: string;
  type: PastChange['type'];
  generation: number;
  /** The field manager that wrote it. */
  manager?: string;
  /** Whose key the write came with. */
  user?: string;
  /** Where it came from: a repository's commit, and the file in it. */
  source?: string;
  /** What differs from the version before; absent when that is not kept. */
  changed?: readonly string[];
  /** Without field owners and status; what rests encrypted is masked. */
  object: object;
}

/** A version that somebody wrote, after the one from before it. */
interface Version {
  change: PastChange;
  before: PastChange | undefined;
}

/**
 * GET .../history: the versions of an object as far as they are kept, newest last. What status alone had changed is left
 * out.
 */
export function historyRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const path of collections(context.kinds)) historyAt(app, context, `${path}/:name/history`);
}

function historyAt(app: FastifyInstance, context: ApiContext, path: string): void {
  app.get(path, permits('get', { subresource: 'history' }), async (request) => {
    const target = targetOf(request, context.kinds);
    const query = queryOf(request);
    const limit = numberOf(query, 'limit', DEFAULT_LIMIT, MOST) || DEFAULT_LIMIT;
    const snapshot = await context.store.current();
    const live = snapshot.get(refTo(target));
    const kept = await versionsOf(context.store, refTo(target), limit);
    const versions = kept.length === 0 && live ? [{ change: asChange(live), before: undefined }] : kept;
    if (versions.length === 0) throw notFound(target.kind, target.name);
    return {
      kind: 'History',
      apiVersion: API_VERSION,
      metadata: { resourceVersion: String(snapshot.revision) },
      items: versions.map((version) => itemOf(target.kind, version)),
    };
  });
}

/** The newest so many, oldest first. */
async function versionsOf(store: Store, ref: Ref, limit: number): Promise<Version[]> {
  const found: Version[] = [];
  let after: PastChange | undefined;
  for (;;) {
    const page: readonly PastChange[] = await store.history(ref, PAGE, after?.revision);
    for (const before of page.toReversed()) {
      if (after && isOfNote(after, before)) found.push({ change: after, before });
      if (found.length === limit) return found.reverse();
      after = before;
    }
    if (page.length === PAGE) continue;
    if (after) found.push({ change: after, before: undefined });
    return found.reverse();
  }
}

/** Releases before this history was there have removed every old change, also of what lives. */
function asChange(object: Resource): PastChange {
  const { resourceVersion, creationTimestamp, managedFields = [] } = object.metadata;
  const committedAt = managedFields.reduce(
    (latest, { time = '' }) => (time > latest ? time : latest),
    creationTimestamp,
  );
  return { revision: Number(resourceVersion), type: 'MODIFIED', object, committedAt };
}

const isOfNote = ({ type, object }: PastChange, before: PastChange): boolean =>
  type !== 'MODIFIED' || !sameJson(written(object), written(before.object));

/** What people and controllers write of a document: neither its status, nor what each write counts up. */
function written(resource: Resource): object {
  const { managedFields: _, resourceVersion: __, ...metadata } = resource.metadata;
  return { metadata, content: contentOf(resource) };
}

function itemOf(kind: KindDefinition, { change, before }: Version): HistoryItem {
  const { revision, committedAt, type, object, user } = change;
  const manager = type === 'DELETED' ? undefined : authorOf(object, type === 'MODIFIED' ? before?.object : undefined);
  const source = object.metadata.annotations?.[SOURCE];
  const { managedFields: _, ...metadata } = object.metadata;
  const { apiVersion, kind: name } = object;
  return {
    revision,
    time: committedAt,
    type,
    generation: object.metadata.generation,
    ...(manager === undefined ? {} : { manager }),
    ...(user === undefined ? {} : { user }),
    ...(source === undefined ? {} : { source }),
    ...(before && type === 'MODIFIED' ? { changed: changedFields(before.object, object) } : {}),
    object: masked(kind, { apiVersion, kind: name, metadata, ...contentOf(object) }),
  };
}

const METADATA = ['labels', 'annotations', 'finalizers', 'ownerReferences', 'deletionTimestamp'] as const;

/** Members of the content, and of its mappings; and of the metadata: `spec.image`, `data.colour`, `metadata.labels`. */
function changedFields(before: Resource, after: Resource): string[] {
  const [old, now] = [contentOf(before), contentOf(after)];
  const content = differing(old, now).flatMap((member) => {
    const [was, is] = [old[member], now[member]];
    return isMapping(was) && isMapping(is) ? differing(was, is).map((inner) => `${member}.${inner}`) : [member];
  });
  const metadata = METADATA.filter((member) => !sameJson(before.metadata[member], after.metadata[member]));
  return [...content, ...metadata.map((member) => `metadata.${member}`)];
}

const differing = (a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !sameJson(a[key], b[key])).toSorted();

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
