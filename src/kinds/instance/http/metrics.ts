import type { FastifyInstance, FastifyRequest } from 'fastify';
import { API_VERSION } from '../../../api/metadata.ts';
import type { Resource } from '../../../api/metadata.ts';
import { notFound } from '../../../admission/operations.ts';
import { RATES } from '../metrics/sample.ts';
import type { Rates } from '../metrics/sample.ts';
import type { MetricsBucket } from '../metrics/metrics-store.ts';
import { METRICS } from '../metrics/store.ts';
import { queryOf } from '../../../http/context.ts';
import type { Query } from '../../../http/context.ts';
import { rounded, windowOf } from '../../../http/metrics-window.ts';
import { intervalOf, readingsOf } from './readings.ts';
import type { Reading, SampledContext } from './readings.ts';
import { labelSelector } from '../../../http/selectors.ts';
import { isVisible, revisionFor } from '../../../http/visibility.ts';
import { permits } from '../../../http/permissions.ts';

/** Instances that one answer holds at most. */
const MOST = 10_000;

/**
 * What an instance uses, a kind of ours that is read only. A member that is left out is not known; nothing is told as
 * zero for it. Percents of cpu are of the instance's limit, of one core where it has none; rates are bytes a second.
 */
interface InstanceMetrics {
  kind: 'InstanceMetrics';
  apiVersion: typeof API_VERSION;
  metadata: { name: string; namespace: string; uid: string; labels?: Record<string, string> };
  /** When `usage` was taken (RFC 3339); left out with it, where there is no sample of now. */
  timestamp?: string;
  usage?: { cpuPercent?: number; memoryBytes?: number; memoryLimitBytes?: number } & Rates;
  /** What the points cover; each stands for so many seconds from its time on. */
  window: { since: string; until: string; seconds: number };
  /** The oldest first; of times that nothing is known of there is none. */
  points: readonly MetricsPoint[];
}

interface MetricsPoint extends Rates {
  time: string;
  /** Over how many samples these are means. */
  samples: number;
  cpuPercent?: number;
  cpuPercentMax?: number;
  memoryBytes?: number;
  memoryBytesMax?: number;
  memoryLimitBytes?: number;
}

/**
 * `GET …/namespaces/NS/instances/NAME/metrics?since=1h&points=60`: one instance's history.
 * `GET …/[namespaces/NS/]instancemetrics?labelSelector=`: of every running instance what it uses now, and at most 20
 * points of the last minutes, for a small graph.
 */
export function instanceMetricsRoutes(app: FastifyInstance, context: SampledContext): void {
  const root = `/apis/${API_VERSION}`;
  app.get(
    `${root}/namespaces/:namespace/instances/:name/metrics`,
    permits('get', { resource: 'instances', subresource: 'metrics' }),
    async (request) => {
      const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
      return metricsOf(context, namespace, name, queryOf(request));
    },
  );
  for (const path of [`${root}/instancemetrics`, `${root}/namespaces/:namespace/instancemetrics`])
    app.get(
      path,
      permits('list', { resource: 'instances', subresource: 'metrics', filtered: true }),
      async (request) => {
        const { namespace } = request.params as { namespace?: string };
        return listMetrics(context, namespace, queryOf(request), request);
      },
    );
}

async function metricsOf(
  context: SampledContext,
  namespace: string,
  name: string,
  query: Query,
): Promise<InstanceMetrics> {
  const { since, until, points, seconds } = windowOf(query, intervalOf(context), context.clock.now());
  const instance = (await context.store.current()).get({ kind: 'Instance', namespace, name });
  if (!instance) throw notFound(context.kinds.must('Instance'), name);
  const { uid } = instance.metadata;
  const [buckets, readings] = await Promise.all([
    context.store.beside(METRICS).range([uid], since, until, points),
    readingsOf(context, [instance]),
  ]);
  return document(instance, readings.get(uid), { since, until, seconds, buckets: buckets.get(uid) ?? [] });
}

async function listMetrics(
  context: SampledContext,
  namespace: string | undefined,
  query: Query,
  request: FastifyRequest,
): Promise<object> {
  const kind = context.kinds.must('Instance');
  const matches = labelSelector(query['labelSelector']);
  const snapshot = await context.store.current();
  const instances = [...snapshot.list('Instance', namespace)]
    .filter((r) => isVisible(request.visible, kind, r) && matches(r))
    .toSorted(byName)
    .slice(0, MOST);
  const readings = await readingsOf(context, instances);
  const items = instances.flatMap((instance) => {
    const reading = readings.get(instance.metadata.uid);
    return reading ? [document(instance, reading, reading.window)] : [];
  });
  const metadata = { resourceVersion: String(revisionFor(request, kind, snapshot, context)) };
  return { kind: 'InstanceMetricsList', apiVersion: API_VERSION, metadata, items };
}

const keyOf = ({ metadata }: Resource): string => `${metadata.namespace}/${metadata.name}`;
const byName = (a: Resource, b: Resource): number => (keyOf(a) < keyOf(b) ? -1 : 1);

function document(
  { metadata: { name, namespace, uid, labels } }: Resource,
  reading: Reading | undefined,
  { since, until, seconds, buckets }: Reading['window'],
): InstanceMetrics {
  return {
    kind: 'InstanceMetrics',
    apiVersion: API_VERSION,
    metadata: { name, namespace, uid, ...(labels && { labels }) },
    ...(reading && { timestamp: reading.sample.at.toISOString(), usage: usageOf(reading) }),
    window: { since: since.toISOString(), until: until.toISOString(), seconds },
    points: buckets.map(pointOf),
  };
}

function usageOf({ sample }: Reading): InstanceMetrics['usage'] {
  const { memoryBytes, memoryLimitBytes } = sample;
  const cpuPercent = roundedOf(sample.cpuPercent);
  return { ...defined({ cpuPercent, memoryBytes, memoryLimitBytes }), ...ratesOf(sample) };
}

const pointOf = (bucket: MetricsBucket): MetricsPoint => ({
  time: bucket.start.toISOString(),
  samples: bucket.samples,
  ...defined({
    cpuPercent: roundedOf(bucket.cpuPercentAvg),
    cpuPercentMax: roundedOf(bucket.cpuPercentMax),
    memoryBytes: bucket.memoryBytesAvg === undefined ? undefined : Math.round(bucket.memoryBytesAvg),
    memoryBytesMax: bucket.memoryBytesMax,
    memoryLimitBytes: bucket.memoryLimitBytes,
  }),
  ...ratesOf(bucket),
});

const ratesOf = (rates: Rates): Rates =>
  defined(Object.fromEntries(RATES.map((rate) => [rate, roundedOf(rates[rate])])));

const roundedOf = (value: number | undefined): number | undefined => (value === undefined ? undefined : rounded(value));

const defined = (values: Record<string, number | undefined>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
