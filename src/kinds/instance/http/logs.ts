import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { apiRoot } from '../../../api/kind.ts';
import { API_VERSION, CORE_V1 } from '../../../api/metadata.ts';
import { notFound } from '../../../admission/operations.ts';
import { messageOf, StatusError } from '../../../base/errors.ts';
import { valueOf } from '../../../base/observed.ts';
import type { Container } from '../../../drivers/compute.ts';
import { isInstance } from '../types.ts';
import { recordAnswer } from '../../../http/audit.ts';
import { isTrue, numberOf, queryOf } from '../../../http/context.ts';
import { lifetimeOf } from '../../../http/lifetime.ts';
import type { ApiContext, Query } from '../../../http/context.ts';
import { finish, send } from '../../../http/watch.ts';
import { permits } from '../../../http/permissions.ts';

const MOST_LINES = 1_000_000;
/** The instance's, and that of its pod. */
const PATHS = [
  `${apiRoot(API_VERSION)}/namespaces/:namespace/instances/:name/log`,
  `${apiRoot(CORE_V1)}/namespaces/:namespace/pods/:name/log`,
];

/** The instance's container. Throws NotFound for no instance and Conflict for one that has no container now. */
export async function containerOf(context: ApiContext, namespace: string, name: string): Promise<Container> {
  const instance = (await context.store.current()).get({ kind: 'Instance', namespace, name });
  if (!instance) throw notFound(context.kinds.must('Instance'), name);
  const containers = context.compute.containers(instance.metadata.uid);
  if (containers.state === 'unobservable') throw new StatusError('ServiceUnavailable', containers.why);
  const container = valueOf(containers)?.[0];
  if (!container)
    throw new StatusError(
      'Conflict',
      `Instance ${namespace}/${name} has no container now: miniaws why instance/${name} tells why`,
    );
  return container;
}

export function logRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const path of PATHS)
    app.get(path, permits('get', { resource: 'instances', subresource: 'log' }), async (request, reply) => {
      const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
      checkContainerName(queryOf(request)['container'], name);
      const container = await containerOf(context, namespace, name);
      await refuseUnkept(context, namespace, name);
      await streamLog(request, reply, context, container);
    });
}

/** A pod's one container has its name; that of the instance is known by no other. */
export function checkContainerName(asked: string | null | undefined, name: string): void {
  if (asked && asked !== name)
    throw new StatusError(
      'BadRequest',
      `container ${asked} is not valid for pod ${name}: its one container is ${name}`,
    );
}

async function refuseUnkept(context: ApiContext, namespace: string, name: string): Promise<void> {
  const instance = (await context.store.current()).get({ kind: 'Instance', namespace, name });
  if (!instance || !isInstance(instance) || instance.spec.logs.driver !== 'none') return;
  throw new StatusError(
    'BadRequest',
    `Instance ${namespace}/${name} keeps no log: its logs.driver is none; json-file, local and journald can be read`,
  );
}

/** Of `sinceSeconds` or `sinceTime`, in Kubernetes' words. What is of the same millisecond is among it. */
function sinceOf(query: Query, now: Date): Date | undefined {
  const { sinceSeconds, sinceTime } = query;
  if (sinceSeconds) return new Date(now.getTime() - numberOf(query, 'sinceSeconds', 0, 10 ** 9) * 1000);
  if (!sinceTime) return undefined;
  const time = new Date(sinceTime);
  if (Number.isNaN(time.getTime()))
    throw new StatusError(
      'BadRequest',
      `sinceTime: expected a time such as 2030-01-01T00:00:00Z, found "${sinceTime}"`,
    );
  return time;
}

async function streamLog(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  container: Container,
): Promise<void> {
  const query = queryOf(request);
  const since = sinceOf(query, context.clock.now());
  const isPrevious = query['previous'] !== undefined && isTrue(query['previous']);
  const options = {
    follow: query['follow'] !== undefined && isTrue(query['follow']),
    ...(query['tailLines'] ? { tail: numberOf(query, 'tailLines', 0, MOST_LINES) } : {}),
    ...(since ? { since } : {}),
    ...(isPrevious ? { until: container.startedAt ?? new Date(0) } : {}),
    timestamps: query['timestamps'] !== undefined && isTrue(query['timestamps']),
  };
  // What comes after the last byte that is asked for is not read.
  let left = query['limitBytes'] ? numberOf(query, 'limitBytes', 0, Number.MAX_SAFE_INTEGER) : Infinity;
  const { signal, end } = lifetimeOf(request.raw.socket, context.closing, request.credential);
  reply.raw.once('close', end);
  const chunks = context.compute.logs(container.id, options, signal)[Symbol.asyncIterator]();
  // The first chunk is waited for before the head is sent, so that a failure can still be told as one.
  const first = options.follow ? undefined : await chunks.next();
  if (isPrevious && first?.done)
    throw new StatusError(
      'BadRequest',
      'nothing is kept of an earlier run: this process is the first of its container',
    );
  reply.hijack();
  recordAnswer(request, 200, context);
  reply.raw.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  reply.raw.flushHeaders();
  try {
    for (let next = first ?? (await chunks.next()); !next.done && left > 0; next = await chunks.next()) {
      const data = next.value.data.subarray(0, left);
      left -= data.length;
      const cut = context.clock.after(context.idleMs, () => end('the log was not read'));
      await send(reply.raw, data, signal);
      cut.cancel();
    }
  } catch (error) {
    if (!signal.aborted) context.log.debug({ err: messageOf(error) }, 'log stream ended');
  } finally {
    end();
    finish(reply.raw, context.clock);
  }
}
