import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import type { Verb } from '../api/access.ts';
import { apiRoot } from '../api/kind.ts';
import type { Resource } from '../api/metadata.ts';
import { StatusError } from '../base/errors.ts';
import { refTo } from './context.ts';
import type { ApiContext, Target } from './context.ts';
import type { ServedResource } from './discovery.ts';
import { listOrWatch } from './list.ts';
import type { Shown } from './list.ts';
import { permits } from './permissions.ts';
import { tableOf, wantsTable } from './table.ts';

/** The documents of a kind as another API has them, made when they are asked for. They can be read only. */
export interface ResourceView extends ServedResource, Pick<Shown, 'columns'> {
  /** The kind whose documents they are. */
  of: string;
  /** How one becomes the other, as it stands now: asked once for each request. */
  renderer: () => Promise<(resource: Resource) => Resource>;
}

/** `get`, `list` and `watch`, by the revisions of the documents. Who writes is told which kind to write instead. */
export function viewRoutes(app: FastifyInstance, context: ApiContext, view: ResourceView): void {
  const kind = context.kinds.must(view.of);
  const resource = kind.plural;
  const root = apiRoot(view.apiVersion);
  const inNamespace = `${root}/namespaces/:namespace/${view.plural}`;
  const shown = async (): Promise<Shown & { render: (resource: Resource) => Resource }> => ({
    ...view,
    content: {},
    render: await view.renderer(),
  });
  const targetIn = ({ params }: FastifyRequest): Target => {
    const { namespace, name = '' } = params as { namespace?: string; name?: string };
    return { kind, namespace, name };
  };
  for (const path of [`${root}/${view.plural}`, inNamespace])
    app.get(path, permits('list', { resource, filtered: true, byName: true }), async (request, reply) =>
      listOrWatch(request, reply, context, targetIn(request), await shown()),
    );
  app.get(`${inNamespace}/:name`, permits('get', { resource }), async (request, reply) => {
    const target = targetIn(request);
    const found = (await context.store.current()).get(refTo(target));
    if (!found) throw noSuch(view, target.name);
    return answer(request, reply, await shown(), found, context.clock.now());
  });
  const refusal = (request: FastifyRequest) => notWritten(view, targetIn(request));
  refuseWrites(app, inNamespace, resource, refusal);
}

/** Answers those who might write it if it could be written; to others it is forbidden. */
export function refuseWrites(
  app: FastifyInstance,
  collection: string,
  resource: string,
  refusal: (request: FastifyRequest) => StatusError,
): void {
  const refuse = (method: HTTPMethods, url: string, verb: Verb) =>
    app.route({
      method,
      url,
      ...permits(verb, { resource }),
      handler: (request) => {
        throw refusal(request);
      },
    });
  refuse('POST', collection, 'create');
  refuse('DELETE', collection, 'deletecollection');
  refuse('PUT', `${collection}/:name`, 'update');
  refuse('PATCH', `${collection}/:name`, 'patch');
  refuse('DELETE', `${collection}/:name`, 'delete');
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  shown: Shown & { render: (resource: Resource) => Resource },
  found: Resource,
  now: Date,
): object {
  void reply.type('application/json');
  const resource = shown.render(found);
  if (!wantsTable(request.headers.accept)) return resource;
  const { resourceVersion } = resource.metadata;
  return tableOf(shown, [resource], { resourceVersion }, now, 'Metadata');
}

/** In Kubernetes' words, which clients look for. */
export const noSuch = ({ plural }: Pick<ResourceView, 'plural'>, name: string): StatusError =>
  new StatusError('NotFound', `${plural} "${name}" not found`, { details: { name, kind: plural, group: '' } });

function notWritten({ plural, kind }: ResourceView, { kind: of, namespace, name }: Target): StatusError {
  const which = name === '' ? of.plural : `${of.kind} ${namespace}/${name}: kubectl edit ${of.singular} ${name}`;
  return new StatusError(
    'MethodNotAllowed',
    `a ${kind} is how ${of.plural} are seen by other tools, and can only be read: write ${which}`,
    { details: { name, kind: plural } },
  );
}
