import type { FastifyReply, FastifyRequest } from 'fastify';
import { namespacedName, refOf } from '../api/metadata.ts';
import type { Visible } from '../api/access.ts';
import type { KindDefinition } from '../api/kind.ts';
import type { Resource } from '../api/metadata.ts';
import { StatusError } from '../base/errors.ts';
import { Recent } from '../base/recent.ts';
import { jsonOf } from '../store/json.ts';
import type { Change } from '../store/store.ts';
import { isTrue, numberOf, queryOf, targetOf } from './context.ts';
import type { ApiContext, Query, Target } from './context.ts';
import { listBody, SMALL } from './list-body.ts';
import { fieldSelector, labelSelector } from './selectors.ts';
import type { Selector } from './selectors.ts';
import { eventsOf, rowOf, tableHead, wantsTable } from './table.ts';
import type { IncludeObject } from './table.ts';
import { framed, frameOf, streamWatch } from './watch.ts';
import { isConfined, meant, revisionFor } from './visibility.ts';
import { checkListOptions, checkNotTooNew, INITIAL_EVENTS_END, watchOptions } from './watch-options.ts';

/** How the documents of a kind are answered. */
export interface Shown extends Pick<KindDefinition, 'kind' | 'apiVersion' | 'columns' | 'content'> {
  /** What each is answered as; left out, it is answered as it is. */
  render?: (resource: Resource) => Resource;
}

export async function listOrWatch(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  target = targetOf(request, context.kinds),
  shown: Shown = target.kind,
): Promise<unknown> {
  return isTrue(queryOf(request)['watch']) && queryOf(request)['watch'] !== ''
    ? watch(request, reply, context, target, shown)
    : list(request, reply, context, target, shown);
}

const asItIs = (resource: Resource): Resource => resource;

/** What the request means of what there is, and may see. Fields are selected in what is answered. */
export function wanted(target: Target, query: Query, visible: Visible, { render = asItIs }: Shown): Selector {
  const [byLabel, byField] = [labelSelector(query['labelSelector']), fieldSelector(query['fieldSelector'])];
  const isMeant = meant(target.kind, target.namespace, visible);
  return (r) => isMeant(r) && byLabel(r) && (!query['fieldSelector'] || byField(render(r)));
}

const orderKey = (r: Resource) => namespacedName(refOf(r));

async function list(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  target: Target,
  shown: Shown,
): Promise<unknown> {
  const query = queryOf(request);
  const { kind } = target.kind;
  checkListOptions(query);
  const { visible } = request;
  const isSelective = visible !== 'all' || Boolean(query['labelSelector'] || query['fieldSelector']);
  const matches = wanted(target, query, visible, shown);
  const limit = numberOf(query, 'limit', 0, Number.MAX_SAFE_INTEGER) || Infinity;
  const after = readContinue(query['continue']);
  const snapshot = await context.store.current();
  // Without a selector the page is what is answered; with one, every object after the token may be.
  const most = isSelective ? Infinity : limit;
  const { items, more } = snapshot.page(kind, { namespace: target.namespace, after, most });
  const resourceVersion = String(revisionFor(request, target.kind, snapshot, context));
  const metadataOf = (last: Resource | undefined): object =>
    last === undefined
      ? { resourceVersion }
      : {
          resourceVersion,
          continue: Buffer.from(orderKey(last)).toString('base64url'),
          // How many of the rest match is not known without looking at them: as in Kubernetes, it is not told then.
          ...(isSelective ? {} : { remainingItemCount: more }),
        };
  const tail = (cut: { last: Resource } | undefined): string =>
    `],"metadata":${JSON.stringify(metadataOf(cut?.last ?? (more > 0 ? items.at(-1) : undefined)))}}`;
  void reply.type('application/json');
  return listBody(
    request,
    context.clock,
    { ...formOf(request, shown, query, items.length, context.clock.now()), tail },
    { items, matches, limit },
  );
}

/** As a Table or as a list, up to its items. */
function formOf(
  request: FastifyRequest,
  shown: Shown,
  query: Query,
  count: number,
  now: Date,
): { head: string; item: (resource: Resource) => string } {
  if (wantsTable(request.headers.accept)) {
    const include = includeOf(query);
    const { render = asItIs } = shown;
    return { head: tableHead(shown), item: (resource) => JSON.stringify(rowOf(shown, render(resource), now, include)) };
  }
  const { kind, apiVersion, render } = shown;
  const head = JSON.stringify({ kind: `${kind}List`, apiVersion });
  if (render) return { head: `${head.slice(0, -1)},"items":[`, item: (resource) => JSON.stringify(render(resource)) };
  // The texts that are kept are for watchers; a large list would drive them all out.
  return { head: `${head.slice(0, -1)},"items":[`, item: count > SMALL ? JSON.stringify : jsonOf };
}

function readContinue(token: string | undefined): string {
  if (!token) return '';
  const text = Buffer.from(token, 'base64url').toString('utf8');
  if (!/^([a-z0-9-]+\/)?[a-z0-9.-]+$/.test(text))
    throw new StatusError('BadRequest', 'continue: this is not a token that a list answered');
  return text;
}

const includeOf = (query: Query): IncludeObject =>
  query['includeObject'] === 'Object' || query['includeObject'] === 'None' ? query['includeObject'] : 'Metadata';

/** Bytes of frames that are kept: what watchers that keep up are sent next. */
const FRAMES = 4 * 2 ** 20;
/** A change is the same for every watcher of the documents as they are: framed once. */
const frames = new Recent<Change, Buffer>(FRAMES, ({ type, object }) =>
  framed(`{"type":"${type}","object":${jsonOf(object)}}`),
);

async function watch(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  target: Target,
  shown: Shown,
): Promise<void> {
  const query = queryOf(request);
  const matches = wanted(target, query, request.visible, shown);
  const { render: rendered = asItIs } = shown;
  const options = watchOptions(query, true);
  const snapshot = await context.store.current();
  const told = revisionFor(request, target.kind, snapshot, context);
  checkNotTooNew(options, snapshot.revision, told);
  const asked = options.sendsInitial ? 0 : options.from;
  // Nothing that it sees has changed since: the changes from there on may be compacted away already.
  const start = asked === 0 || (asked >= told && asked <= snapshot.revision) ? snapshot.revision : asked;
  const confined = isConfined(request);
  // How far the rest has come is none of its business.
  if (confined && start > snapshot.revision)
    throw new StatusError('Expired', `the resource version ${start} is not one that was given out here: list again`);
  const first = options.sendsInitial ? snapshot.list(target.kind.kind, target.namespace).filter(matches) : [];
  let seen = confined ? told : start;
  const { accept } = request.headers;
  const event = eventsOf(shown, { accept, include: includeOf(query), now: () => context.clock.now() });
  const render = (type: Change['type'], resource: Resource): object => event(type, rendered(resource));
  const isShared = shown.render === undefined && !wantsTable(accept);
  const bookmark = (annotations?: object) => ({
    kind: shown.kind,
    apiVersion: shown.apiVersion,
    metadata: { resourceVersion: String(seen), ...(annotations && { annotations }) },
  });
  await streamWatch<Change>(request, reply, context, {
    initial: mapped(first, (object) => render('ADDED', object)),
    ...(options.marksInitial ? { initialEnd: bookmark(INITIAL_EVENTS_END) } : {}),
    feed: (signal) => context.store.watchResources(start, signal),
    frame(change) {
      const type = asSeen(change, matches);
      if (type !== undefined || !confined) seen = change.revision;
      if (type === undefined) return undefined;
      return isShared && type === change.type ? frames.get(change) : frameOf(render(type, change.object));
    },
    ...(options.allowsBookmarks ? { bookmark: () => bookmark() } : {}),
    timeoutSeconds: options.timeoutSeconds,
  });
}

function* mapped<T>(items: readonly T[], map: (item: T) => object): Iterable<object> {
  for (const item of items) yield map(item);
}

/** To a watcher with a selector, an object that stops to match is deleted and one that begins to match is added. */
function asSeen(change: Change, matches: Selector): Change['type'] | undefined {
  const now = matches(change.object);
  if (change.type !== 'MODIFIED') return now ? change.type : undefined;
  const before = change.previous === undefined ? now : matches(change.previous);
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}
