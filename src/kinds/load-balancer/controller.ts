import { isInstance } from '../instance/types.ts';
import type { Instance } from '../instance/types.ts';
import { loadBalancersSelecting } from './types.ts';
import type { LoadBalancer, LoadBalancerStatus } from './types.ts';
import { refOf } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { PassError } from '../../base/errors.ts';
import { absent, valueOf } from '../../base/observed.ts';
import type { Compute } from '../../drivers/compute.ts';
import { CONFIG_PATH, fileOf } from '../../drivers/haproxy/configuration.ts';
import type { Proxies } from '../../drivers/proxies.ts';
import type { ProxyImages } from '../../drivers/proxy-image.ts';
import type { Controller, Pass, UnderWay } from '../../engine/contract.ts';
import { claimAddress } from '../shared/ip-address.ts';
import { balancerContainer, serves, targetKey, wantedTargets } from './proxy-config.ts';
import type { WantedTarget } from './proxy-config.ts';
import { keptOf, planLoadBalancer } from './plan.ts';
import type { LoadBalancerObserved, LoadBalancerStep } from './plan.ts';
import { addressIn, claimIngress, ingressOf, ingressSpecOf, overlapAsRetry } from './ingress-network.ts';
import { printBalancerStep } from './steps.ts';
import { reportLoadBalancer } from './report.ts';
import { actOnContainer, madeId } from '../shared/container-steps.ts';
import type { ProxyMonitor } from './proxy-monitor.ts';
import { ownerOfResource } from '../shared/owner.ts';
import { observeVpc } from '../shared/vpc-reference.ts';
import { defaultVpcIn } from '../vpc/public.ts';

export interface LoadBalancerSeams {
  compute: Compute;
  proxies: Proxies;
  images: ProxyImages;
  monitor: ProxyMonitor;
  /** Where the ranges of ingress networks are taken from. */
  vpcPool: string;
}

/**
 * Keeps one proxy in a container for each LoadBalancer, and its targets equal to the instances that are ready to serve.
 * What is observed is the proxy's own word. A target is written down before its first request and until after its last, so
 * that no instance stops under its clients; every step is repeatable, in the proxy as on the Engine.
 */
export function loadBalancerController(
  seams: LoadBalancerSeams,
): Controller<LoadBalancer, LoadBalancerObserved, LoadBalancerStep> {
  const { compute, monitor } = seams;
  const changes = new Changes(monitor);

  return {
    kind: 'LoadBalancer',
    needsEngine: true,
    watches: [
      { kind: 'Instance', enqueue: (instance, view) => concerned(instance, view).map(refOf) },
      {
        kind: 'VPC',
        enqueue: ({ metadata: { namespace, name } }, view) =>
          view.lookup('LoadBalancer', 'vpc', `${namespace}/${name}`).map(refOf),
      },
    ],

    async observe(lb, pass) {
      const containers = compute.containers(lb.metadata.uid);
      const container = keptOf(lb, valueOf(containers) ?? []);
      const isWatched = container?.state === 'running' && lb.metadata.deletionTimestamp === undefined;
      if (!isWatched && !pass.planning) monitor.forget(lb.metadata.uid);
      const proxy = !isWatched
        ? absent
        : pass.planning
          ? await seams.proxies.state(container.id)
          : await monitor.look(lb.metadata.uid, refOf(lb), container.id);
      return {
        vpc: observeVpc(lb, compute, pass.view),
        ingress: { networks: compute.networks(lb.metadata.uid), foreign: compute.foreignRanges() },
        containers,
        proxy,
        stored: container && !isWatched ? await storedIn(container.id, compute) : '',
        wanted: wantedTargets(lb, pass.view),
        failed: changes.failed(lb),
        cut: changes.cut(lb),
      };
    },

    plan: planLoadBalancer,
    act: (step, lb, pass) => act(step, lb, pass, seams, changes),
    report: reportLoadBalancer,
    print: printBalancerStep,
    forget(uid) {
      monitor.drop(uid);
      changes.forget(uid);
    },
  };
}

async function storedIn(id: string, compute: Compute): Promise<string> {
  const text = await compute.readFile(id, CONFIG_PATH);
  return text === undefined ? '' : fileOf(text);
}

/** An instance that changed, or is gone: load balancers that want it, and those in which it is registered. */
function concerned(instance: Resource, view: View): Resource[] {
  const wants = isInstance(instance) ? loadBalancersSelecting(instance, view) : [];
  return [...wants, ...view.lookup('LoadBalancer', 'target', instance.metadata.uid)];
}

/** From the first step of a change of the targets or the configuration until all is calm again: what failed meanwhile. */
class Changes {
  readonly #monitor: ProxyMonitor;
  /** What status told of the change before, and what had failed by then. */
  readonly #begun = new Map<string, { told: string | undefined; failed: number; cut: number }>();

  constructor(monitor: ProxyMonitor) {
    this.#monitor = monitor;
  }

  /** `cut`: sessions that it breaks off now. */
  begin({ metadata: { uid }, status }: LoadBalancer, cut = 0): void {
    const begun = this.#begun.get(uid);
    if (begun) begun.cut += cut;
    else this.#begun.set(uid, { told: status?.lastChange?.at, failed: this.#monitor.failed(uid), cut });
  }

  cut({ metadata: { uid } }: LoadBalancer): number {
    return this.#begun.get(uid)?.cut ?? 0;
  }

  /** Ends with the status that tells of it. */
  failed({ metadata: { uid }, status }: LoadBalancer): number | undefined {
    const change = this.#begun.get(uid);
    if (!change) return undefined;
    if (status?.lastChange?.at === change.told) return this.#monitor.failed(uid) - change.failed;
    this.#begun.delete(uid);
    return undefined;
  }

  forget(uid: string): void {
    this.#begun.delete(uid);
  }
}

async function act(
  step: LoadBalancerStep,
  lb: LoadBalancer,
  pass: Pass,
  { compute, proxies, images, vpcPool }: LoadBalancerSeams,
  changes: Changes,
): Promise<UnderWay | void> {
  switch (step.do) {
    case 'createDefaultVpc':
      return pass.create(defaultVpcIn(lb.metadata.namespace));
    case 'claimAddress':
      return pass.claim((latest, view) => claimAddress(latest as LoadBalancer, view));
    case 'claimIngress':
      return pass.claim((latest, view) =>
        claimIngress(latest as LoadBalancer, view, { pool: vpcPool, foreign: compute.foreignRanges() }),
      );
    case 'createIngress':
      await compute.createNetwork(ingressSpecOf(lb)).catch(overlapAsRetry);
      return;
    case 'joinIngress': {
      const network = ingressOf(lb, { networks: compute.networks(lb.metadata.uid) });
      if (!network) throw new PassError('EngineError', 'the ingress network was removed while it was being joined');
      const attachment = { networkId: network.id, address: addressIn(network.cidrBlock), aliases: [] };
      return compute.connectContainer(madeId(compute, lb), attachment);
    }
    case 'removeIngress':
      return compute.removeNetwork(step.id);
    case 'registerTargets':
      return pass.claim((latest, view) => register(latest as LoadBalancer, step.targets, view, pass.now()));
    case 'ensureImage':
      await images.ensure(ownerOfResource(lb));
      return;
    case 'createContainer': {
      const address = lb.status?.privateIp;
      if (address === undefined) throw new PassError('DependencyNotReady', 'the load balancer has no address yet');
      const image = await images.ensure(ownerOfResource(lb));
      await compute.createContainer(balancerContainer(lb, image, step.network, address));
      return;
    }
    case 'checkConfig': {
      const complaint = await proxies.complaint(step.id, step.config);
      if (complaint === undefined) return;
      throw new PassError('Refused', `HAProxy refuses the configuration, and the one before goes on: ${complaint}`);
    }
    case 'storeConfig':
      return proxies.store(step.id ?? madeId(compute, lb), step.config);
    case 'reload':
      changes.begin(lb);
      return proxies.reload(step.id);
    case 'addServer':
      changes.begin(lb);
      return proxies.addServer(step.id, step.target, step.target);
    case 'setServer':
      changes.begin(lb);
      return proxies.setServer(step.id, step.server, step.mode);
    case 'endSessions':
      await proxies.endSessions(step.id, step.server);
      return changes.begin(lb, step.sessions);
    case 'endWorker':
      await proxies.endWorker(step.id, step.worker.id);
      return changes.begin(lb, step.worker.sessions);
    case 'removeServer':
      return proxies.removeServer(step.id, step.server);
    default:
      return actOnContainer(step, lb, compute);
  }
}

/** Under the revision's lock: an instance that is about to stop by then is not registered any more (I12). */
function register(
  lb: LoadBalancer,
  targets: readonly WantedTarget[],
  view: View,
  now: Date,
): Pick<LoadBalancerStatus, 'targets'> {
  const known = lb.status?.targets ?? [];
  const keys = new Set(known.map(targetKey));
  const leaving = targets.find(({ uid }) => {
    const instance = view.byUid(uid);
    return !instance || !serves(instance as Instance, false);
  });
  if (leaving) throw new PassError('DependencyNotReady', `instance ${leaving.instance} is about to stop`);
  const added = targets
    .map(({ backend, instance, uid, address, port }) => ({
      targetGroup: backend,
      instance,
      uid,
      address: `${address}:${port}`,
      state: 'Initial' as const,
      since: now.toISOString(),
    }))
    .filter((t) => !keys.has(targetKey(t)));
  return { targets: [...known, ...added].toSorted((a, b) => (targetKey(a) < targetKey(b) ? -1 : 1)) };
}
