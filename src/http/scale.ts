import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Resource } from '../api/metadata.ts';
import type { KindDefinition, View } from '../api/kind.ts';
import { jsonPatch, mergePatch } from '../admission/fields/patch.ts';
import { notFound, patch } from '../admission/operations.ts';
import { StatusError } from '../base/errors.ts';
import { commitFor } from './audit.ts';
import { parseBody } from './body.ts';
import { isDryRun, queryOf, refTo, targetOf, writeContext } from './context.ts';
import type { ApiContext, Target } from './context.ts';
import { permits } from './permissions.ts';
import { collections, patchOf } from './resources.ts';

/** The count of an object, as every client that scales knows it (Kubernetes' autoscaling/v1). */
interface Scale {
  kind: 'Scale';
  apiVersion: 'autoscaling/v1';
  metadata: Pick<Resource['metadata'], 'name' | 'namespace' | 'uid' | 'resourceVersion' | 'creationTimestamp'>;
  spec: { replicas: number };
  status: { replicas: number; selector: string };
}

/** `/scale` of the kinds that have a count: reading it, and writing it as `kubectl scale` does. */
export function scaleRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const path of collections(context.kinds)) scaleAt(app, context, `${path}/:name/scale`);
}

function scaleAt(app: FastifyInstance, context: ApiContext, path: string): void {
  app.get(path, permits('get', { subresource: 'scale' }), async (request) => {
    const target = targetOf(request, context.kinds);
    return scaleOf(target.kind, existing(target, await context.store.current()));
  });
  app.put(path, permits('update', { subresource: 'scale' }), (request, reply) => {
    const sent = parseBody(request.body, request.headers['content-type']);
    return write(request, reply, context, () => sent);
  });
  app.patch(path, permits('patch', { subresource: 'scale' }), (request, reply) => {
    const change = patchOf(request);
    return write(request, reply, context, (scale) =>
      change.type === 'merge'
        ? mergePatch(scale as unknown as Resource, change.body)
        : jsonPatch(scale as unknown as Resource, change.body),
    );
  });
}

function existing(target: Target, view: View): Resource {
  const { kind, name } = target;
  if (!kind.scale) throw new StatusError('NotFound', `${kind.plural} have no scale`);
  const found = view.get(refTo(target));
  if (!found) throw notFound(kind, name);
  return found;
}

function scaleOf(kind: KindDefinition, resource: Resource): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = resource.metadata;
  const { specField, replicas, selector } = kind.scale as NonNullable<KindDefinition['scale']>;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: Number((resource.spec as Record<string, unknown>)[specField]) },
    status: { replicas: replicas(resource), selector: selector(resource) },
  };
}

async function write(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  change: (scale: Scale) => unknown,
): Promise<Scale> {
  const target = targetOf(request, context.kinds);
  const ctx = writeContext(request, context);
  let result: Resource | undefined;
  const committed = await commitFor(request, context, {
    dryRun: isDryRun(queryOf(request)),
    decide: (view) => {
      const old = existing(target, view);
      const scale = change(scaleOf(target.kind, old));
      result = patch(target.kind, { type: 'merge', body: countChange(target.kind, scale) }, old, view, ctx);
      return result === old ? {} : { put: [result] };
    },
  });
  void reply.code(200);
  return scaleOf(target.kind, committed.resources[0] ?? (result as Resource));
}

const IDENTITY: readonly string[] = ['name', 'namespace', 'uid', 'resourceVersion'];

/** A Scale as a change of the object. What it says of which object it is, and at which version, must be so. */
function countChange(kind: KindDefinition, scale: unknown): object {
  const { metadata, spec } = (scale ?? {}) as Partial<Scale>;
  const replicas: unknown = spec?.replicas;
  if (!Number.isInteger(replicas) || Number(replicas) < 0)
    throw new StatusError('Invalid', `spec.replicas: expected a whole number from 0`, {
      causes: [{ reason: 'FieldValueInvalid', field: 'spec.replicas', message: 'expected a whole number from 0' }],
    });
  const said = Object.entries(metadata ?? {}).filter(([field, value]) => IDENTITY.includes(field) && value !== null);
  return {
    metadata: Object.fromEntries(said),
    spec: { [kind.scale?.specField ?? '']: replicas },
  };
}
