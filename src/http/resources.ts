import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CORE_V1 } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { apiRoot } from '../api/kind.ts';
import type { KindDefinition, View } from '../api/kind.ts';
import {
  applyDocument,
  checkAddress,
  create,
  notFound,
  patch,
  patchStatus,
  replace,
  replaceStatus,
  removeIfFinalized,
} from '../admission/operations.ts';
import type { Patch, WriteContext } from '../admission/operations.ts';
import { StatusError } from '../base/errors.ts';
import { jsonOf } from '../store/json.ts';
import type { Committed, Effects } from '../store/store.ts';
import { NAMESPACES } from '../api/access.ts';
import { commitFor } from './audit.ts';
import { checkAlso, permits } from './permissions.ts';
import { asDocument, checkBodySize, parseBody } from './body.ts';
import { withGeneratedName } from './generated-name.ts';
import { isDryRun, queryOf, refTo, targetOf, writeContext } from './context.ts';
import type { ApiContext, Target } from './context.ts';
import { listOrWatch } from './list.ts';
import { tableOf, wantsTable } from './table.ts';
import { warningHeaders } from './warnings.ts';

/** The verbs of the Kubernetes API on every kind: paths, answers and refusals are its. */
export function resourceRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const path of collections(context.kinds)) verbsAt(app, context, path);
}

/**
 * Where objects of all kinds are: those of the cluster, and of all namespaces; and those of one namespace. Namespaces
 * themselves are named, or else their subresources would be taken for what is in them.
 */
export const collections = (kinds: KindRegistry): string[] =>
  kinds.apiVersions.flatMap((version) => {
    const root = apiRoot(version);
    const own = kinds.ofPlural(version, NAMESPACES) ? [`${root}/${NAMESPACES}`] : [];
    return [`${root}/:plural`, `${root}/${NAMESPACES}/:namespace/:plural`, ...own];
  });

function verbsAt(app: FastifyInstance, context: ApiContext, collection: string): void {
  const item = `${collection}/:name`;
  app.get(collection, permits('list', { filtered: true, byName: true }), (request, reply) =>
    listOrWatch(request, reply, context),
  );
  app.get(item, permits('get'), (request, reply) => get(request, reply, context));
  app.get(`${item}/status`, permits('get', { subresource: 'status' }), (request, reply) =>
    get(request, reply, context),
  );
  app.post(collection, permits('create'), (request, reply) =>
    write(request, reply, context, 201, (target, view, ctx, body) =>
      create(target.kind, addressed(body, target), view, ctx),
    ),
  );
  app.put(item, permits('update'), (request, reply) =>
    write(request, reply, context, 200, (target, view, ctx, body) =>
      replace(target.kind, addressed(body, target), existing(target, view), view, ctx),
    ),
  );
  app.patch(item, permits('patch'), (request, reply) => patchItem(request, reply, context));
  app.put(`${item}/status`, permits('update', { subresource: 'status' }), (request, reply) =>
    write(request, reply, context, 200, (target, view, ctx, body) =>
      replaceStatus(target.kind, asDocument(body), existing(target, view), ctx),
    ),
  );
  app.patch(`${item}/status`, permits('patch', { subresource: 'status' }), (request, reply) => {
    const change = patchOf(request, targetOf(request, context.kinds).kind);
    return write(request, reply, context, 200, (target, view, ctx) =>
      patchStatus(target.kind, change, existing(target, view), ctx),
    );
  });
}

export function existing(target: Target, view: View): Resource {
  const found = view.get(refTo(target));
  if (!found) throw notFound(target.kind, target.name);
  return found;
}

/** The path's kind, namespace and name hold for a document that says none; one that says another is refused. */
export function addressed(body: unknown, target: Target) {
  const document = asDocument(body);
  const place = target.namespace === undefined ? {} : { namespace: target.namespace };
  checkAddress(document, target.name ? { ...place, name: target.name } : place);
  const { namespace: _, ...metadata } = document.metadata ?? {};
  return {
    apiVersion: target.kind.apiVersion,
    kind: target.kind.kind,
    ...document,
    metadata: { ...metadata, name: metadata['name'] ?? (target.name || undefined), ...place },
  };
}

async function get(request: FastifyRequest, reply: FastifyReply, context: ApiContext): Promise<unknown> {
  const target = targetOf(request, context.kinds);
  const resource = await context.live(existing(target, await context.store.current()));
  return answer(request, reply, context, target, resource);
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  target: Target,
  resource: Resource,
): unknown {
  if (!wantsTable(request.headers.accept)) {
    void reply.type('application/json; charset=utf-8');
    return jsonOf(resource);
  }
  void reply.type('application/json');
  return tableOf(
    target.kind,
    [resource],
    { resourceVersion: resource.metadata.resourceVersion },
    context.clock.now(),
    'Metadata',
  );
}

type Decide = (target: Target, view: View, ctx: WriteContext, body: unknown) => Resource;

/** Every write: decide under the lock, store what changed, answer with the document as it is now. */
async function write(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  status: number,
  decide: Decide,
): Promise<unknown> {
  const target = targetOf(request, context.kinds);
  checkBodySize(request.body, target.kind);
  const ctx = writeContext(request, context);
  const sent = parseBody(request.body, request.headers['content-type'], target.kind);
  const body = request.method === 'POST' ? withGeneratedName(sent, target.kind) : sent;
  // What is made by POST has its name in the body alone.
  if (request.attributes?.name === '') request.attributes = { ...request.attributes, name: nameIn(body) };
  const dryRun = isDryRun(queryOf(request));
  let result: Resource | undefined;
  let created = false;
  let issued: ReturnType<NonNullable<KindDefinition['issue']>> | undefined;
  const codeOf = () => (status === 200 && created ? 201 : status);
  const decideWrite = (view: View): Effects => {
    ctx.warnings.length = 0;
    const old = view.get(refTo(target));
    created = !old;
    // A patch and a replace may make what was not there; that is another verb, as in Kubernetes.
    if (created) checkAlso(request, { verb: 'create' }, context.kinds);
    result = decide(target, view, ctx, body);
    if (result === old) return {};
    issued = created && !dryRun ? target.kind.issue?.(result, ctx.now) : undefined;
    const left = removeIfFinalized(issued?.stored ?? result);
    return 'put' in left ? { put: [left.put] } : { remove: [left.remove] };
  };
  const committed = await commitFor(request, context, { dryRun, decide: decideWrite }, codeOf);
  if (ctx.warnings.length > 0) void reply.header('warning', warningHeaders(ctx.warnings));
  void reply.code(codeOf());
  const resource = stored(committed, result as Resource);
  return answer(
    request,
    reply,
    context,
    target,
    issued ? { ...issued.answered, metadata: resource.metadata } : resource,
  );
}

function nameIn(body: unknown): string {
  const name = (body as { metadata?: { name?: unknown } } | undefined)?.metadata?.name;
  return typeof name === 'string' ? name : '';
}

const stored = (committed: Committed, decided: Resource): Resource => committed.resources[0] ?? decided;

/** Kubernetes' own kinds take its strategic merge patches: kubectl sends no others to them. */
export function patchOf(request: FastifyRequest, kind?: KindDefinition): Patch {
  const type = request.headers['content-type']?.split(';')[0] ?? '';
  const body = parseBody(request.body, type);
  if (type === 'application/merge-patch+json') return { type: 'merge', body };
  if (type === 'application/json-patch+json') return { type: 'json', body };
  if (type === 'application/strategic-merge-patch+json' && kind?.apiVersion === CORE_V1)
    return { type: 'strategic', body };
  throw new StatusError(
    'UnsupportedMediaType',
    `a patch of type "${type}" is not read; send application/merge-patch+json, application/json-patch+json or application/apply-patch+yaml`,
  );
}

function patchItem(request: FastifyRequest, reply: FastifyReply, context: ApiContext): Promise<unknown> {
  if (request.headers['content-type']?.startsWith('application/apply-patch+'))
    return applyItem(request, reply, context);
  const change = patchOf(request, targetOf(request, context.kinds).kind);
  return write(request, reply, context, 200, (target, view, ctx) =>
    patch(target.kind, change, existing(target, view), view, ctx),
  );
}

function applyItem(request: FastifyRequest, reply: FastifyReply, context: ApiContext): Promise<unknown> {
  const query = queryOf(request);
  if (!query['fieldManager'])
    throw new StatusError('BadRequest', 'fieldManager is required for an apply: it names who owns the fields');
  const force = query['force'] === 'true';
  return write(request, reply, context, 200, (target, view, ctx, body) =>
    applyDocument(target.kind, addressed(body, target), view.get(refTo(target)), view, { ...ctx, force }),
  );
}
