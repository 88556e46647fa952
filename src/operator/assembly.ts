import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Compute } from '../drivers/compute.ts';
import { guarded, MUTATING } from '../drivers/guarded.ts';
import { MUTATING_PROXY } from '../drivers/proxies.ts';
import type { Proxies } from '../drivers/proxies.ts';
import type { ProxyImages } from '../drivers/proxy-image.ts';
import type { Meter } from '../drivers/metering.ts';
import type { Term } from '../engine/leader.ts';
import { Informer } from '../engine/informer.ts';
import { Manager } from '../engine/manager.ts';
import type { ManagerOptions, ManagerSeams } from '../engine/options.ts';
import type { AnyController } from '../engine/steps.ts';
import { Autoscaler } from '../kinds/scaling-group/autoscaler.ts';
import { HealthMonitor } from '../kinds/instance/health-monitor.ts';
import { instanceController } from '../kinds/instance/controller.ts';
import type { InstanceSeams } from '../kinds/instance/controller.ts';
import { loadBalancerController } from '../kinds/load-balancer/controller.ts';
import { ProxyMonitor } from '../kinds/load-balancer/proxy-monitor.ts';
import { scalingGroupController } from '../kinds/scaling-group/controller.ts';
import { Sampler } from '../kinds/instance/metrics/sampler.ts';
import { Sweeper } from './sweeper.ts';
import { TrafficSampler } from '../kinds/load-balancer/metrics/sampler.ts';
import { vpcController } from '../kinds/vpc/controller.ts';

export interface AssemblySeams extends Omit<ManagerSeams, 'informer'> {
  compute: Compute;
  proxies: Proxies;
  images: ProxyImages;
  installation: string;
  defaultVpc: InstanceSeams['defaultVpc'];
  /** Before every call that changes the world: throws `LeaseLost` or `EngineUnavailable` where it may not be made. */
  check: () => void;
  /** How it is known what instances use, and how often they are looked at; left out, they are not. */
  metering?: { meter: Meter; intervalMs: number } | undefined;
}

export interface Assembly {
  informer: Informer;
  manager: Manager;
  health: HealthMonitor;
  monitor: ProxyMonitor;
  sampler: Sampler | undefined;
  traffic: TrafficSampler | undefined;
  autoscaler: Autoscaler;
  /** Everything that a leader does, until its term ends. */
  reign: (term: Term) => Promise<void>;
}

/**
 * The engine with every controller, over whatever store and driver there are: what the daemon runs is what a proof
 * runs. A new kind's controller is listed here.
 */
export function assemble(seams: AssemblySeams, options: Partial<ManagerOptions> = {}): Assembly {
  const { store, compute, clock, log, installation, defaultVpc, check, metering } = seams;
  const informer = new Informer(store, seams.kinds, clock, log);
  const acting = guarded(compute, MUTATING, check);
  const actingProxies = guarded(seams.proxies, MUTATING_PROXY, check);
  const health = new HealthMonitor(compute, clock, (ref, what) => manager.notice(ref, what, 'health'));
  const monitor = new ProxyMonitor(seams.proxies, clock, (ref, what) => manager.notice(ref, what, 'health'));
  const sampler =
    metering &&
    new Sampler({
      ...metering,
      compute,
      view: informer.view,
      append: (samples) => store.metrics.append(samples),
      commit: (request) => store.commit(request),
      clock,
      log,
    });
  const traffic =
    metering &&
    new TrafficSampler({
      intervalMs: metering.intervalMs,
      monitor,
      view: informer.view,
      append: (samples) => store.traffic.append(samples),
      clock,
      log,
    });
  const autoscaler = new Autoscaler({
    recommendations: store.recommendations,
    view: informer.view,
    clock,
    log,
    sampler,
    requestRate: (uid) => traffic?.requestRate(uid),
    onChange: (ref, what) => manager.notice(ref, what, 'metric'),
  });
  const controllers = [
    vpcController(acting),
    instanceController({ clock, compute: acting, health, installation, defaultVpc }),
    scalingGroupController(autoscaler),
    loadBalancerController({
      compute: acting,
      proxies: actingProxies,
      images: seams.images,
      monitor,
      defaultVpc,
      vpcPool: seams.settings.vpcPool,
    }),
  ] as unknown as AnyController[];
  const manager: Manager = new Manager({ ...seams, informer }, controllers, options);
  compute.subscribe(({ owner, what }) => manager.notice(owner, what));
  const sweep = { compute: acting, view: informer.view, clock, log };
  const reign = async (term: Term) => {
    const sweeper = new Sweeper({ ...sweep, history: (ref, limit) => store.history(ref, limit) });
    try {
      await Promise.all([manager.reign(term), sweeper.run(term.signal), sampler?.run(term), traffic?.run(term)]);
    } finally {
      health.stop();
      monitor.stop();
      autoscaler.stop();
    }
  };
  return { informer, manager, health, monitor, sampler, traffic, autoscaler, reign };
}

/** The document that a namespace's `default` VPC is made from (ruling 12). */
export async function defaultVpcDocument(): Promise<InstanceSeams['defaultVpc']> {
  const file = fileURLToPath(new URL('../../manifests/default-vpc.yaml', import.meta.url));
  return parse(await readFile(file, 'utf8')) as InstanceSeams['defaultVpc'];
}
