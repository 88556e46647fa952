import { anyController } from '../../engine/steps.ts';
import { seriesChore } from '../shared/series-chore.ts';
import type { KindRuntime, RuntimeDeps } from '../shared/kind-module.ts';
import { instanceController } from './controller.ts';
import { instanceKind } from './definition.ts';
import { HealthMonitor } from './health-monitor.ts';
import { sessionRoutes } from './http/exec.ts';
import { instanceGauges } from './http/gauges.ts';
import { logRoutes } from './http/logs.ts';
import { instanceMetricsRoutes } from './http/metrics.ts';
import { Machine } from './pods/machine.ts';
import { NODES, nodeRoutes } from './pods/node-routes.ts';
import { USAGE, usageRoutes } from './pods/usage.ts';
import { podView } from './pods/view.ts';
import { portForwardRoutes } from './http/port-forward.ts';
import { Sampler } from './metrics/sampler.ts';
import { METRICS } from './metrics/store.ts';

export { contradiction } from './invariants.ts';

export interface InstanceRuntime extends KindRuntime {
  /** Left out where instances are not sampled. */
  sampler: Sampler | undefined;
}

export function createRuntime(deps: RuntimeDeps): InstanceRuntime {
  const { store, compute, clock, installation, digest, notice } = deps;
  const health = new HealthMonitor(compute, clock, (ref, what) => notice(ref, what, 'health'));
  const sampler = samplerOf(deps);
  const machine = new Machine(compute, clock, installation);
  return {
    controller: anyController(instanceController({ clock, compute, health, installation, digest })),
    leaderTasks: [{ stop: () => health.stop() }, ...(sampler ? [sampler] : [])],
    routes(app, context) {
      nodeRoutes(app, context, machine);
      usageRoutes(app, { ...context, sampler }, machine);
      logRoutes(app, context);
      instanceMetricsRoutes(app, { ...context, sampler });
    },
    views: () => [podView(instanceKind.kind, machine)],
    served: [NODES, ...USAGE],
    upgrades: (context) => [...sessionRoutes(context), ...portForwardRoutes(context)],
    gauges: (registry, context) => instanceGauges(registry, { ...context, sampler }),
    chores: [seriesChore('metrics', store.beside(METRICS), clock)],
    sampler,
  };
}

/** What instances use is measured for others, too. */
function samplerOf({ metering, metrics, compute, view, store, clock, log }: RuntimeDeps): Sampler | undefined {
  if (!metering) return undefined;
  const sampler = new Sampler({
    ...metering,
    compute,
    view,
    append: (samples) => store.beside(METRICS).append(samples),
    commit: (request) => store.commit(request),
    clock,
    log,
  });
  const { intervalMs } = metering;
  for (const metric of ['cpu', 'memory'] as const)
    metrics.set(metric, { intervalMs, measure: (uid) => sampler.measure(uid, metric) });
  return sampler;
}
