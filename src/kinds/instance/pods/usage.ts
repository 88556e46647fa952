import type { FastifyInstance } from 'fastify';
import { apiRoot } from '../../../api/kind.ts';
import type { Resource } from '../../../api/metadata.ts';
import { definedOnly } from '../../../base/defined.ts';
import { StatusError } from '../../../base/errors.ts';
import { queryOf } from '../../../http/context.ts';
import type { ServedResource } from '../../../http/discovery.ts';
import { permits } from '../../../http/permissions.ts';
import { selectorIn } from '../../../http/selectors.ts';
import { isVisible, revisionFor } from '../../../http/visibility.ts';
import { readingsOf } from '../http/readings.ts';
import type { Reading, SampledContext } from '../http/readings.ts';
import type { Instance } from '../types.ts';
import type { Machine } from './machine.ts';
import { NODES } from './node-routes.ts';

const API_VERSION = 'metrics.k8s.io/v1beta1';
const ROOT = apiRoot(API_VERSION);

/** What `kubectl top` and autoscalers ask for. */
export const USAGE: readonly ServedResource[] = [
  { kind: 'NodeMetrics', scope: 'Cluster', plural: 'nodes' } as const,
  { kind: 'PodMetrics', scope: 'Namespaced', plural: 'pods' } as const,
].map((each) => ({ ...each, apiVersion: API_VERSION, singular: '', shortNames: [], verbs: ['get', 'list'] }));

/** Cores, and bytes. */
interface Usage {
  cpu: number;
  memory: number;
}

/**
 * Both of them, or nothing: a client shows what is left out of the two as 0, which is not known. Of what has no limit,
 * samples are percents of one core.
 */
export function usageOf({ spec }: Pick<Instance, 'spec'>, reading: Reading | undefined): Usage | undefined {
  const { cpuPercent, memoryBytes } = reading?.sample ?? {};
  if (cpuPercent === undefined || memoryBytes === undefined) return undefined;
  return { cpu: (cpuPercent / 100) * (spec.resources.cpus ?? 1), memory: memoryBytes };
}

/** As quantities: billionths of a core, and bytes in whole kibibytes, as the kubelet tells them. */
const quantities = ({ cpu, memory }: Usage): Record<string, string> => ({
  cpu: `${Math.round(cpu * 1e9)}n`,
  memory: `${Math.round(memory / 1024)}Ki`,
});

export function usageRoutes(app: FastifyInstance, context: SampledContext, machine: Machine): void {
  const kind = context.kinds.must('Instance');
  const resource = kind.plural;
  const usages = new Usages(context);
  const inNamespace = `${ROOT}/namespaces/:namespace/pods`;
  for (const path of [`${ROOT}/pods`, inNamespace])
    app.get(path, permits('list', { resource, subresource: 'metrics', filtered: true }), async (request) => {
      const snapshot = await context.store.current();
      const { namespace } = request.params as { namespace?: string };
      const matches = selectorIn(queryOf(request));
      const items = await usages.of(
        snapshot.list(kind.kind, namespace).filter((r) => isVisible(request.visible, kind, r) && matches(r)),
      );
      const metadata = { resourceVersion: String(revisionFor(request, kind, snapshot, context)) };
      return { kind: 'PodMetricsList', apiVersion: API_VERSION, metadata, items: items.map(podMetrics) };
    });
  app.get(`${inNamespace}/:name`, permits('get', { resource, subresource: 'metrics' }), async (request) => {
    const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
    const instance = (await context.store.current()).get({ kind: kind.kind, namespace, name });
    const [used] = instance ? await usages.of([instance]) : [];
    if (!used) throw notKnown('podmetrics', `${namespace}/${name}`);
    return podMetrics(used);
  });
  app.get(`${ROOT}/nodes`, permits('list', { resource: NODES.plural }), async () => {
    const item = await nodeMetrics(usages, machine);
    return { kind: 'NodeMetricsList', apiVersion: API_VERSION, metadata: {}, items: item ? [item] : [] };
  });
  app.get(`${ROOT}/nodes/:name`, permits('get', { resource: NODES.plural }), async (request) => {
    const { name = '' } = request.params as { name?: string };
    const item = name === (await machine.name()) ? await nodeMetrics(usages, machine) : undefined;
    if (!item) throw notKnown('nodemetrics', name);
    return item;
  });
}

const notKnown = (plural: string, name: string): StatusError =>
  new StatusError('NotFound', `${plural}.metrics.k8s.io "${name}" not found: it is not there, or was not sampled yet`, {
    details: { name, kind: plural, group: 'metrics.k8s.io' },
  });

interface Used {
  instance: Instance;
  usage: Usage;
  reading: Reading;
}

class Usages {
  readonly #context: SampledContext;

  constructor(context: SampledContext) {
    this.#context = context;
  }

  /** Of those of which both is known. */
  async of(instances: readonly Resource[]): Promise<Used[]> {
    const readings = await readingsOf(this.#context, instances);
    return (instances as readonly Instance[]).flatMap((instance) => {
      const reading = readings.get(instance.metadata.uid);
      const usage = usageOf(instance, reading);
      return reading && usage ? [{ instance, usage, reading }] : [];
    });
  }

  async all(): Promise<Used[]> {
    return this.of((await this.#context.store.current()).list('Instance'));
  }
}

const taken = ({ sample, window }: Reading) => ({
  timestamp: sample.at.toISOString(),
  window: `${Math.round(window.seconds)}s`,
});

function podMetrics({ instance: { metadata }, usage, reading }: Used): object {
  const { name, namespace, labels, creationTimestamp } = metadata;
  return {
    kind: 'PodMetrics',
    apiVersion: API_VERSION,
    metadata: { name, namespace, creationTimestamp, ...definedOnly({ labels }) },
    ...taken(reading),
    containers: [{ name, usage: quantities(usage) }],
  };
}

/** What the machine's instances use together; what else runs on it is nobody's here. */
async function nodeMetrics(usages: Usages, machine: Machine): Promise<object | undefined> {
  const used = await usages.all();
  const [first] = used;
  if (!first) return undefined;
  const newest = used.reduce((a, b) => (a.reading.sample.at >= b.reading.sample.at ? a : b), first);
  const sum = (of: (usage: Usage) => number) => used.reduce((total, { usage }) => total + of(usage), 0);
  return {
    kind: 'NodeMetrics',
    apiVersion: API_VERSION,
    metadata: { name: await machine.name() },
    ...taken(newest.reading),
    usage: quantities({ cpu: sum(({ cpu }) => cpu), memory: sum(({ memory }) => memory) }),
  };
}
