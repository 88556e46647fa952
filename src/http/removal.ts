import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { groupOf } from '../api/kind.ts';
import type { Author, View } from '../api/kind.ts';
import type { Resource } from '../api/metadata.ts';
import { remove } from '../admission/operations.ts';
import type { DeleteOptions } from '../admission/operations.ts';
import { StatusError } from '../base/errors.ts';
import { inParts } from '../base/parts.ts';
import type { Committed, Effects } from '../store/store.ts';
import { OverlayView } from '../api/overlay-view.ts';
import { commitFor } from './audit.ts';
import { authorOf } from './author.ts';
import { parseBody } from './body.ts';
import { isDryRun, numberOf, queryOf, targetOf } from './context.ts';
import type { ApiContext, Target } from './context.ts';
import { wanted } from './list.ts';
import { permits } from './permissions.ts';
import { collections, existing } from './resources.ts';
import { revisionFor } from './visibility.ts';
import { warningHeaders } from './warnings.ts';

/** DELETE of an object, and of a collection: paths, answers and refusals are Kubernetes'. */
export function removalRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const collection of collections(context.kinds)) {
    app.delete(collection, permits('deletecollection', { byName: true }), (request, reply) =>
      removeCollection(request, reply, context),
    );
    app.delete(`${collection}/:name`, permits('delete'), (request, reply) => removeItem(request, reply, context));
  }
}

interface Removal {
  target: Target;
  options: DeleteOptions;
  dryRun: boolean;
}

/** `DeleteOptions` as clients send it; kubectl asks for a dry run here and not in the query. */
function deleteOptions(sent: unknown): DeleteOptions & { dryRun: readonly string[] } {
  const isMapping = (v: unknown) => typeof v === 'object' && v !== null && !Array.isArray(v);
  if (!isMapping(sent)) throw new StatusError('BadRequest', 'expected DeleteOptions');
  const { dryRun, preconditions, propagationPolicy } = sent as Record<string, unknown>;
  const asked = dryRun ?? [];
  if (!Array.isArray(asked) || asked.some((mode) => mode !== 'All'))
    throw new StatusError('BadRequest', 'dryRun: expected ["All"]');
  if (!isMapping(preconditions ?? {})) throw new StatusError('BadRequest', 'preconditions: expected a mapping');
  const given = { preconditions, propagationPolicy } as DeleteOptions;
  const options = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined && v !== null));
  return { ...options, dryRun: asked as readonly string[] };
}

function removalOf(request: FastifyRequest, { kinds }: ApiContext): Removal {
  const target = targetOf(request, kinds);
  const query = queryOf(request);
  const { dryRun, ...body } = deleteOptions(
    parseBody(request.body, request.headers['content-type'], target.kind) ?? {},
  );
  const options: DeleteOptions = {
    ...body,
    ...(query['propagationPolicy']
      ? { propagationPolicy: query['propagationPolicy'] as DeleteOptions['propagationPolicy'] }
      : {}),
  };
  if (!['Background', 'Foreground', 'Orphan', undefined].includes(options.propagationPolicy)) {
    throw new StatusError(
      'BadRequest',
      `propagationPolicy: expected Background, Foreground or Orphan, found "${String(options.propagationPolicy)}"`,
    );
  }
  request.isDryRun = isDryRun(query) || dryRun.length > 0;
  return { target, options, dryRun: request.isDryRun };
}

/** What is stored, and what is answered: each object as the deletion leaves it. */
interface Removed {
  effects: Effects;
  answers: readonly Resource[];
  warnings: readonly string[];
}

function removed(
  olds: readonly Resource[],
  { target, options }: Removal,
  view: View,
  author: Author,
  { kinds, clock }: ApiContext,
): Removed {
  // Each is judged beside what the ones before it have become.
  const among = new OverlayView(kinds, view);
  const lefts = olds.map((old) => {
    // Who takes away what others may do in its name must be able to do that, too.
    author.checkGrants(target.kind, old);
    const left = remove(target.kind, old, options, clock.now(), among);
    if ('put' in left) among.put(left.put);
    return { old, left };
  });
  return {
    effects: {
      put: lefts.flatMap(({ old, left }) => ('put' in left && left.put !== old ? [left.put] : [])),
      remove: lefts.flatMap(({ left }) => ('remove' in left ? [left.remove] : [])),
    },
    answers: lefts.map(({ old, left }) => ('put' in left ? left.put : old)),
    warnings: olds.flatMap((old) => target.kind.deleting?.(old, view) ?? []),
  };
}

/** Answers as stored where something was. */
async function commitRemoval(
  request: FastifyRequest,
  context: ApiContext,
  removal: Removal,
  find: (view: View) => readonly Resource[],
): Promise<Pick<Removed, 'answers' | 'warnings'>> {
  let result: Removed | undefined;
  const { resources }: Committed = await commitFor(request, context, {
    dryRun: removal.dryRun,
    decide(view) {
      result = removed(find(view), removal, view, authorOf(request.credential, context.kinds), context);
      return result.effects;
    },
  });
  const { answers = [], warnings = [] } = result ?? {};
  const stored = new Map(resources.map((r) => [r.metadata.uid, r]));
  return { answers: answers.map((r) => stored.get(r.metadata.uid) ?? r), warnings };
}

async function removeItem(request: FastifyRequest, reply: FastifyReply, context: ApiContext): Promise<unknown> {
  const removal = removalOf(request, context);
  const { target } = removal;
  const { answers, warnings } = await commitRemoval(request, context, removal, (view) => [existing(target, view)]);
  const [resource] = answers as [Resource];
  if (warnings.length > 0) void reply.header('warning', warningHeaders(warnings));
  void reply.code(200);
  if (resource.metadata.deletionTimestamp !== undefined) return resource;
  const { name, uid } = resource.metadata;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, group: groupOf(target.kind), kind: target.kind.plural, uid },
  };
}

/** Deletes what a list with the same selectors has, some at once, and answers it as the deletions leave it. */
async function removeCollection(request: FastifyRequest, reply: FastifyReply, context: ApiContext): Promise<unknown> {
  const removal = removalOf(request, context);
  const { target } = removal;
  const query = queryOf(request);
  const matches = wanted(target, query, request.visible, target.kind);
  const limit = numberOf(query, 'limit', 0, Number.MAX_SAFE_INTEGER) || Infinity;
  const all = (await context.store.current()).list(target.kind.kind, target.namespace).filter(matches).slice(0, limit);
  const items: Resource[] = [];
  const warnings: string[] = [];
  for (const part of inParts(all)) {
    // As they are under the lock: what was made anew meanwhile, or changed so that it is not meant any more, stays.
    const done = await commitRemoval(request, context, removal, (view) =>
      part.flatMap((seen) => {
        const live = view.byUid(seen.metadata.uid);
        return live && matches(live) ? [live] : [];
      }),
    );
    items.push(...done.answers);
    warnings.push(...done.warnings);
  }
  if (warnings.length > 0) void reply.header('warning', warningHeaders(warnings));
  const { apiVersion, kind } = target.kind;
  return {
    kind: `${kind}List`,
    apiVersion,
    metadata: {
      resourceVersion: String(revisionFor(request, target.kind, await context.store.current(), context)),
    },
    items,
  };
}
