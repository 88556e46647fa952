import type { FastifyInstance } from 'fastify';
import { isLoadBalancer } from '../types.ts';
import type { LoadBalancer } from '../types.ts';
import { API_VERSION } from '../../../api/metadata.ts';
import { notFound } from '../../../admission/operations.ts';
import type { TrafficRates } from '../metrics/traffic.ts';
import { TRAFFIC } from '../metrics/store.ts';
import type { TrafficBucket } from '../metrics/traffic-store.ts';
import { queryOf } from '../../../http/context.ts';
import type { ApiContext } from '../../../http/context.ts';
import { rounded, windowOf } from '../../../http/metrics-window.ts';
import type { Asked } from '../../../http/metrics-window.ts';
import { permits } from '../../../http/permissions.ts';

/** What went through a load balancer, a kind of ours that is read only. Rates are of a second. */
interface LoadBalancerMetrics {
  kind: 'LoadBalancerMetrics';
  apiVersion: typeof API_VERSION;
  metadata: { name: string; namespace: string; uid: string };
  /** What the points cover; each stands for so many seconds from its time on. */
  window: { since: string; until: string; seconds: number };
  /** All of it together. */
  points: readonly TrafficPoint[];
  /** To each target that it has now. */
  targets: readonly { instance: string; points: readonly TrafficPoint[] }[];
}

interface TrafficPoint extends TrafficRates {
  time: string;
  /** Over how many samples these are means. */
  samples: number;
  requestRateMax: number;
}

/** `GET …/namespaces/NS/loadbalancers/NAME/metrics?since=1h&points=60`. */
export function trafficMetricsRoutes(app: FastifyInstance, context: ApiContext, intervalMs: number): void {
  app.get(
    `/apis/${API_VERSION}/namespaces/:namespace/loadbalancers/:name/metrics`,
    permits('get', { resource: 'loadbalancers', subresource: 'metrics' }),
    async (request) => {
      const { namespace = '', name = '' } = request.params as { namespace?: string; name?: string };
      const lb = (await context.store.current()).get({ kind: 'LoadBalancer', namespace, name });
      if (!lb || !isLoadBalancer(lb)) throw notFound(context.kinds.must('LoadBalancer'), name);
      return metricsOf(context, lb, windowOf(queryOf(request), intervalMs, context.clock.now()));
    },
  );
}

async function metricsOf(
  { store }: ApiContext,
  lb: LoadBalancer,
  { since, until, points, seconds }: Asked,
): Promise<LoadBalancerMetrics> {
  const { name, namespace, uid } = lb.metadata;
  const buckets = await store.beside(TRAFFIC).range(uid, since, until, points);
  const pointsOf = (id: string) => (buckets.get(id) ?? []).map(pointOf);
  const names = new Map((lb.status?.targets ?? []).map((target) => [target.uid, target.instance]));
  return {
    kind: 'LoadBalancerMetrics',
    apiVersion: API_VERSION,
    metadata: { name, namespace, uid },
    window: { since: since.toISOString(), until: until.toISOString(), seconds },
    points: pointsOf(uid),
    targets: [...names].map(([id, instance]) => ({ instance, points: pointsOf(id) })),
  };
}

const pointOf = ({ start, samples, latencyMs, ...rates }: TrafficBucket): TrafficPoint => ({
  time: start.toISOString(),
  samples,
  requestRate: rounded(rates.requestRate),
  requestRateMax: rounded(rates.requestRateMax),
  failedRate: rounded(rates.failedRate),
  errorRate: rounded(rates.errorRate),
  ...(latencyMs !== undefined && { latencyMs: rounded(latencyMs) }),
});
