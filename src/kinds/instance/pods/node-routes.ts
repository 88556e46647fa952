import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { READ_VERBS } from '../../../api/access.ts';
import { apiRoot } from '../../../api/kind.ts';
import { CORE_V1, findCondition } from '../../../api/metadata.ts';
import { sameJson } from '../../../base/hash.ts';
import { StatusError } from '../../../base/errors.ts';
import { isTrue, queryOf } from '../../../http/context.ts';
import type { ApiContext } from '../../../http/context.ts';
import type { ServedResource } from '../../../http/discovery.ts';
import { permits } from '../../../http/permissions.ts';
import { selectorIn } from '../../../http/selectors.ts';
import { eventsOf, tableOf, wantsTable } from '../../../http/table.ts';
import { noSuch, refuseWrites } from '../../../http/views.ts';
import { frameOf, streamWatch } from '../../../http/watch.ts';
import { INITIAL_EVENTS_END, watchOptions } from '../../../http/watch-options.ts';
import type { Machine } from './machine.ts';
import { nodeOf } from './node.ts';
import type { Node } from './node.ts';

export const NODES: ServedResource = {
  apiVersion: CORE_V1,
  kind: 'Node',
  scope: 'Cluster',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  verbs: READ_VERBS,
};

const PATH = `${apiRoot(CORE_V1)}/${NODES.plural}`;

const isReady = (node: Node): boolean => findCondition(node, 'Ready')?.status === 'True';
const addressOf = ({ status }: Node): string =>
  status?.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '<none>';

const column = (name: string, description: string, cell: (node: Node) => string, wide = false) => ({
  name,
  description,
  wide,
  cell,
});
/** As kubectl prints nodes. */
const TABLE = {
  content: {},
  columns: [
    column('Status', 'Whether the Engine answers', (node) => (isReady(node) ? 'Ready' : 'NotReady')),
    column('Roles', 'What it is for', () => '<none>'),
    column('Version', "The Engine's version", ({ status }) => status?.nodeInfo?.['kubeletVersion'] ?? ''),
    column('Internal-IP', 'Its address', addressOf, true),
    column('OS-Image', 'Its operating system', ({ status }) => status?.nodeInfo?.['osImage'] ?? '', true),
    column('Kernel-Version', 'Its kernel', ({ status }) => status?.nodeInfo?.['kernelVersion'] ?? '', true),
    column(
      'Container-Runtime',
      'The Engine',
      ({ status }) => status?.nodeInfo?.['containerRuntimeVersion'] ?? '',
      true,
    ),
  ] as unknown as Parameters<typeof tableOf>[0]['columns'],
};

/** The machine as the one node that there is, to be read only. */
export function nodeRoutes(app: FastifyInstance, context: ApiContext, machine: Machine): void {
  const nodes = new Nodes(context, machine);
  app.get(PATH, permits('list', { resource: NODES.plural }), (request, reply) => list(request, reply, context, nodes));
  app.get(`${PATH}/:name`, permits('get', { resource: NODES.plural }), async (request) => {
    const { name = '' } = request.params as { name?: string };
    const node = await nodes.current();
    if (node.metadata.name !== name) throw noSuch(NODES, name);
    if (!wantsTable(request.headers.accept)) return node;
    return tableOf(TABLE, [node], {}, context.clock.now(), 'Metadata');
  });
  refuseWrites(
    app,
    PATH,
    NODES.plural,
    () => new StatusError('MethodNotAllowed', 'a Node is the machine that the Engine runs on: it can only be read'),
  );
}

/** The node as it is now. Its revision is when it last changed: it is in no store. */
class Nodes {
  readonly #context: ApiContext;
  readonly #machine: Machine;
  #last: Node | undefined;

  constructor(context: ApiContext, machine: Machine) {
    this.#context = context;
    this.#machine = machine;
  }

  async current(): Promise<Node> {
    const { compute, installation, clock } = this.#context;
    const host = await this.#machine.host();
    const observed = { host, outage: compute.outage(), installation };
    const last = this.#last?.metadata.resourceVersion ?? '0';
    const as = (since: Date, resourceVersion: string) => nodeOf({ ...observed, since, resourceVersion });
    const before = this.#last;
    const since = new Date(before ? (findCondition(before, 'Ready')?.lastTransitionTime ?? 0) : 0);
    if (before && sameJson(before, as(since, last))) return before;
    const now = clock.now();
    const made = as(now, String(Math.max(now.getTime(), Number(last) + 1)));
    const changes = !before || isReady(before) !== isReady(made);
    this.#last = changes ? made : as(since, made.metadata.resourceVersion);
    return this.#last;
  }

  /** Itself, each time that it is another one than it was. */
  async *changes(from: Node, signal: AbortSignal): AsyncGenerator<readonly Node[]> {
    let seen = from;
    while (!signal.aborted) {
      const told = this.#told(signal);
      const node = await this.current();
      if (node.metadata.resourceVersion !== seen.metadata.resourceVersion) yield [(seen = node)];
      else await told;
    }
  }

  /** Until the driver says that anything may have changed. */
  #told(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      const stop = this.#context.compute.subscribe(({ owner }) => owner === undefined && done());
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    });
  }
}

async function list(request: FastifyRequest, reply: FastifyReply, context: ApiContext, nodes: Nodes): Promise<unknown> {
  const query = queryOf(request);
  const matches = selectorIn(query);
  const node = await nodes.current();
  const { resourceVersion } = node.metadata;
  const items = [node].filter(matches);
  if (query['watch'] && isTrue(query['watch'])) return watch(request, reply, context, nodes, { node, items, matches });
  if (wantsTable(request.headers.accept))
    return tableOf(TABLE, items, { resourceVersion }, context.clock.now(), 'Metadata');
  return { kind: 'NodeList', apiVersion: CORE_V1, metadata: { resourceVersion }, items };
}

async function watch(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
  nodes: Nodes,
  { node, items, matches }: { node: Node; items: readonly Node[]; matches: (node: Node) => boolean },
): Promise<void> {
  const options = watchOptions(queryOf(request), true);
  // One that has seen another state than this is sent this one.
  const isBehind = options.from !== 0 && String(options.from) !== node.metadata.resourceVersion;
  let seen = node;
  const { accept } = request.headers;
  const event = eventsOf(TABLE, { accept, include: 'Metadata', now: () => context.clock.now() });
  const bookmark = (annotations?: object) => ({
    kind: NODES.kind,
    apiVersion: CORE_V1,
    metadata: { resourceVersion: seen.metadata.resourceVersion, ...(annotations && { annotations }) },
  });
  const first = options.sendsInitial ? 'ADDED' : 'MODIFIED';
  await streamWatch<Node>(request, reply, context, {
    initial: options.sendsInitial || isBehind ? items.map((item) => event(first, item)) : [],
    ...(options.marksInitial ? { initialEnd: bookmark(INITIAL_EVENTS_END) } : {}),
    feed: (signal) => nodes.changes(node, signal),
    frame(changed) {
      seen = changed;
      return matches(changed) ? frameOf(event('MODIFIED', changed)) : undefined;
    },
    ...(options.allowsBookmarks ? { bookmark: () => bookmark() } : {}),
    timeoutSeconds: options.timeoutSeconds,
  });
}
