import { USUAL_INTERVAL_MS } from '../../http/metrics-window.ts';
import { anyController } from '../../engine/steps.ts';
import { seriesChore } from '../shared/series-chore.ts';
import type { CreateRuntime, RuntimeDeps } from '../shared/kind-module.ts';
import { loadBalancerController } from './controller.ts';
import { balancerGauges } from './http/gauges.ts';
import { trafficMetricsRoutes } from './http/metrics.ts';
import { withSessions } from './live-status.ts';
import { TrafficSampler } from './metrics/sampler.ts';
import { TRAFFIC } from './metrics/store.ts';
import type { TrafficSample } from './metrics/traffic.ts';
import { ProxyMonitor } from './proxy-monitor.ts';

export { contradiction } from './invariants.ts';

export const createRuntime: CreateRuntime = (deps) => {
  const { store, compute, proxies, images, clock, settings, metering, notice } = deps;
  const monitor = new ProxyMonitor(proxies, clock, (ref, what) => notice(ref, what, 'health'));
  const traffic = trafficOf(deps, monitor);
  const { vpcPool } = settings;
  return {
    controller: anyController(loadBalancerController({ compute, proxies, images, monitor, vpcPool })),
    leaderTasks: [{ stop: () => monitor.stop() }, ...(traffic ? [traffic] : [])],
    routes: (app, context) => trafficMetricsRoutes(app, context, metering?.intervalMs ?? USUAL_INTERVAL_MS),
    gauges: balancerGauges,
    chores: [seriesChore('traffic', store.beside(TRAFFIC), clock)],
    live: (resource) => withSessions(resource, proxies),
  };
};

/** What an instance gets from its load balancers is measured for others, too. */
function trafficOf({ metering, metrics, view, store, clock, log }: RuntimeDeps, monitor: ProxyMonitor) {
  if (!metering) return undefined;
  const { intervalMs } = metering;
  const append = (samples: readonly TrafficSample[]) => store.beside(TRAFFIC).append(samples);
  const traffic = new TrafficSampler({ intervalMs, monitor, view, append, clock, log });
  metrics.set('requestsPerTarget', { intervalMs, measure: (uid) => ({ value: traffic.requestRate(uid) }) });
  return traffic;
}
