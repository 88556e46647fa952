import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ApiContext } from './context.ts';
import type { HttpExtension } from './extension.ts';
import { permits } from './permissions.ts';

/** Seconds; a request is answered in a few milliseconds, a slow one by the database's time-outs. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * The lag of the event loop is told as it is when it is asked for. For its statistics Node would wake the process a
 * hundred times a second, which is more than all else that a quiet daemon does.
 */
const LAG_STATISTICS = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];
const NEVER_MS = 2 ** 31 - 1;

/** Prometheus' text at /metrics: the daemon's process, requests, passes, Engine calls, documents, orphans, what instances use. */
export function metricsRoutes(app: FastifyInstance, context: ApiContext, extensions: readonly HttpExtension[]): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: NEVER_MS });
  for (const name of LAG_STATISTICS) registry.removeSingleMetric(`nodejs_eventloop_lag_${name}_seconds`);
  const requests = new Histogram({
    name: 'miniaws_http_request_seconds',
    help: 'Time to answer, but for watches and logs',
    labelNames: ['method', 'code'],
    buckets: BUCKETS,
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    if (!reply.sent || reply.elapsedTime === 0) return;
    requests.observe({ method: request.method, code: String(reply.statusCode) }, reply.elapsedTime / 1000);
  });
  gauges(registry, context);
  for (const extension of extensions) extension.gauges?.(registry, context);
  app.get('/metrics', permits('get', { resource: 'metrics' }), async (_request, reply) => {
    void reply.header('content-type', registry.contentType);
    return registry.metrics();
  });
}

function gauges(registry: Registry, context: ApiContext): void {
  const { manager, leader, compute, store } = context;
  const gauge = (
    name: string,
    help: string,
    collect: (set: (labels: Record<string, string>, value: number) => void) => void | Promise<void>,
    labelNames: string[] = [],
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        this.reset();
        await collect((labels, value) => this.set(labels, value));
      },
    });
  const counter = (
    name: string,
    help: string,
    labelNames: string[],
    collect: (set: (labels: Record<string, string>, value: number) => void) => void,
  ) =>
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        collect((labels, value) => this.inc(labels, value));
      },
    });
  gauge('miniaws_leader', '1 when this daemon leads', (set) => set({}, leader.isLeading() ? 1 : 0));
  gauge('miniaws_queue_depth', 'Keys that wait for a pass', (set) => set({}, manager.depth()));
  gauge('miniaws_engine_up', '1 when the Engine answers', (set) => set({}, compute.outage() === undefined ? 1 : 0));
  gauge('miniaws_database_up', '1 when PostgreSQL answers', (set) => set({}, store.outage() === undefined ? 1 : 0));
  gauge('miniaws_resources', 'Live documents', (set) => countDocuments(context, set), ['kind', 'ready']);
  counter('miniaws_passes_total', 'Passes by outcome', ['kind', 'outcome'], (set) => {
    for (const { kind, outcome, count } of manager.passes()) set({ kind, outcome }, count);
  });
  counter('miniaws_engine_calls_total', 'Calls to the Engine', ['call'], (set) => {
    for (const [call, count] of compute.calls()) set({ call }, count);
  });
}

function countDocuments({ informer }: ApiContext, set: (labels: Record<string, string>, value: number) => void): void {
  const counts = new Map<string, { kind: string; ready: string; count: number }>();
  for (const resource of informer.view.all()) {
    const ready = resource.status?.conditions?.find((c) => c.type === 'Ready')?.status ?? 'Unknown';
    const key = `${resource.kind}/${ready}`;
    counts.set(key, { kind: resource.kind, ready, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  for (const { kind, ready, count } of counts.values()) set({ kind, ready }, count);
}
