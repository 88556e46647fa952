import type { LoadBalancer } from './types.ts';
import type { Observed } from '../../base/observed.ts';
import { durationMs } from '../../base/quantity.ts';
import type { Container, Network } from '../../drivers/compute.ts';
import { fileOf, renderConfig, structureOf } from '../../drivers/haproxy/configuration.ts';
import type { OldWorker, ProxyConfig, ProxyState, ServerMode, ServerRef, ServerState } from '../../drivers/proxies.ts';
import type { Step } from '../../engine/contract.ts';
import { needsAddress } from '../shared/ip-address.ts';
import { balancerHash, hasMaster, isOfHash, proxyConfigOf, stopGraceMsOf, targetKey } from './proxy-config.ts';
import type { WantedTarget } from './proxy-config.ts';
import { containerNameOf, keepBest, teardown, driftSteps } from '../shared/container-steps.ts';
import type { ContainerStep } from '../shared/container-steps.ts';
import { ingressPlace, joinIngress, planIngress, removeIngress } from './ingress-network.ts';
import type { IngressObserved, IngressStep } from './ingress-network.ts';
import type { VpcObserved } from '../shared/vpc-reference.ts';

export interface LoadBalancerObserved {
  vpc: VpcObserved;
  containers: Observed<readonly Container[]>;
  /** What the proxy in the container that is kept says of itself. */
  proxy: Observed<ProxyState>;
  /** `fileOf` what is stored in a container that does not run; empty: nothing. */
  stored: string;
  ingress: IngressObserved;
  wanted: readonly WantedTarget[];
  /** Requests that have failed since the change under way began; `undefined`: none is under way. */
  failed: number | undefined;
  /** Sessions that it has broken off. */
  cut: number;
}

export type LoadBalancerStep =
  | (Step & { do: 'createDefaultVpc' })
  | (Step & { do: 'claimAddress' })
  | (Step & { do: 'ensureImage' })
  | (Step & { do: 'createContainer'; name: string; network: Network })
  | (Step & { do: 'registerTargets'; targets: readonly WantedTarget[] })
  | (Step & { do: 'checkConfig'; id: string; config: ProxyConfig })
  | (Step & { do: 'storeConfig'; id?: string; config: ProxyConfig })
  | (Step & { do: 'reload'; id: string })
  | (Step & { do: 'addServer'; id: string; target: WantedTarget })
  | (Step & { do: 'setServer'; id: string; server: ServerRef; mode: ServerMode })
  | (Step & { do: 'endSessions'; id: string; server: ServerRef; sessions: number })
  | (Step & { do: 'endWorker'; id: string; worker: OldWorker })
  | (Step & { do: 'removeServer'; id: string; server: ServerRef })
  | IngressStep
  | ContainerStep;

/** Pure: what would make the proxy serve as the document says. Nothing is done on what could not be observed (I4). */
export function planLoadBalancer(
  lb: LoadBalancer,
  observed: LoadBalancerObserved,
  now: Date,
): readonly LoadBalancerStep[] {
  if (observed.containers.state === 'unobservable') return [];
  const containers = observed.containers.state === 'present' ? observed.containers.value : [];
  const grace = stopGraceMsOf(lb);
  if (lb.metadata.deletionTimestamp !== undefined)
    return [
      ...containers.flatMap((c) => teardown(c, grace, 'the load balancer was deleted', 'Terminated')),
      ...(containers.some((c) => c.state === 'removing') ? [] : removeIngress(observed.ingress)),
    ];
  if (containers.some((c) => c.state === 'removing')) return [];
  const kept = keptOf(lb, containers);
  const extra = containers
    .filter((c) => c !== kept)
    .flatMap((c) => teardown(c, grace, `container ${c.name} is one too many`));
  if (kept && !replacedBecause(lb, kept)) return [...extra, ...planKept(lb, observed, kept, now)];
  return [...extra, ...planNew(lb, observed, kept)];
}

export const keptOf = (lb: LoadBalancer, containers: readonly Container[]): Container | undefined =>
  keepBest(lb, balancerHash(lb), containers);

/** What a living container cannot take up. */
function replacedBecause(lb: LoadBalancer, container: Container): string | undefined {
  if (container.state === 'dead') return 'the container is dead';
  return isOfHash(lb, container)
    ? undefined
    : 'the set of ports changed: clients are interrupted while the container is replaced';
}

function planNew(lb: LoadBalancer, observed: LoadBalancerObserved, old: Container | undefined): LoadBalancerStep[] {
  const { vpc } = observed;
  if (vpc.is === 'missing' && lb.spec.vpc === 'default')
    return [{ do: 'createDefaultVpc', why: 'the namespace has no default VPC yet', event: 'DefaultVpcCreated' }];
  if (vpc.is !== 'ready') return [];
  const gone = lb.status?.containerId === undefined ? 'there is no container yet' : 'the container is gone';
  const why = old ? (replacedBecause(lb, old) ?? '') : gone;
  const claim: LoadBalancerStep[] = needsAddress(lb, vpc.uid)
    ? [{ do: 'claimAddress', why: 'it has no address in the VPC yet' }]
    : [];
  const name = containerNameOf(lb);
  return [
    ...claim,
    { do: 'ensureImage', why },
    ...register(lb, observed.wanted),
    ...(old ? teardown(old, stopGraceMsOf(lb), why) : []),
    ...planIngress(lb, vpc, observed.ingress),
    { do: 'createContainer', name, network: vpc.network, why, event: old ? 'Replaced' : 'Created' },
    ...joinIngress(vpc, name),
    { do: 'storeConfig', config: proxyConfigOf(lb, observed.wanted, true), why },
    { do: 'startContainer', name, why, event: 'Started' },
  ];
}

/** Written before the first request can reach them: an instance that is registered does not stop (I12). */
function register(lb: LoadBalancer, wanted: readonly WantedTarget[]): LoadBalancerStep[] {
  const known = new Set((lb.status?.targets ?? []).map(targetKey));
  const targets = wanted.filter((w) => !known.has(`${w.backend}/${w.server}`));
  const names = targets.map((t) => t.instance).join(', ');
  return targets.length === 0
    ? []
    : [{ do: 'registerTargets', targets, why: `${names} ${targets.length === 1 ? 'is' : 'are'} ready to serve` }];
}

function planKept(
  lb: LoadBalancer,
  observed: LoadBalancerObserved,
  container: Container,
  now: Date,
): LoadBalancerStep[] {
  const { vpc, ingress, proxy, wanted, stored } = observed;
  const address = lb.status?.privateIp;
  const outside = ingressPlace(lb, vpc, ingress);
  const place =
    vpc.is === 'ready' && address !== undefined && outside ? [{ network: vpc.network, address }, ...outside] : [];
  const care: LoadBalancerStep[] = [...driftSteps(lb, container, place), ...planIngress(lb, vpc, ingress)];
  const { id, name, state } = container;
  const config = proxyConfigOf(lb, wanted, hasMaster(container));
  if (state === 'created' || state === 'exited' || state === 'restarting') {
    const why = state === 'created' ? 'it was never started' : 'it is stopped';
    const start: LoadBalancerStep[] =
      state === 'restarting' ? [] : [{ do: 'startContainer', id, name, why, event: 'Started' }];
    const store: LoadBalancerStep[] =
      stored === fileOf(renderConfig(config)) ? [] : [{ do: 'storeConfig', id, config, why }];
    return [...care, ...register(lb, wanted), ...store, ...start];
  }
  if (proxy.state !== 'present' || state !== 'running') return care;
  return [...care, ...planRunning(lb, observed, container, proxy.value, config, now)];
}

function planRunning(
  lb: LoadBalancer,
  { wanted }: LoadBalancerObserved,
  container: Container,
  proxy: ProxyState,
  config: ProxyConfig,
  now: Date,
): LoadBalancerStep[] {
  const { id } = container;
  const isStored = proxy.file === fileOf(renderConfig(config));
  const store = (why: string): LoadBalancerStep[] => (isStored ? [] : [{ do: 'storeConfig', id, config, why }]);
  const moves = planServers(lb, wanted, container, proxy, now);
  if (proxy.structure !== structureOf(config)) {
    // The new worker knows none of those that leave: they are seen off before it.
    const leaving = moves.filter((step) => step.do !== 'addServer');
    if (leaving.length > 0 || proxy.servers.some((s) => s.mode === 'drain')) return leaving;
    const why = proxy.structure === '' ? 'its configuration is not ours' : 'its configuration changed';
    const check: LoadBalancerStep[] = isStored ? [] : [{ do: 'checkConfig', id, config, why }];
    const reload: LoadBalancerStep = { do: 'reload', id, why, event: 'Reloaded' };
    return [...check, ...register(lb, wanted), ...store(why), ...endOldest(proxy, id, MOST_OLD_WORKERS - 1), reload];
  }
  const why = moves[0]?.why ?? 'the stored configuration is not what it should be';
  return [...register(lb, wanted), ...store(why), ...endOldest(proxy, id, MOST_OLD_WORKERS), ...moves];
}

/** Old workers that are kept for their sessions. Each takes memory, and asking it takes time. */
const MOST_OLD_WORKERS = 4;

const endOldest = ({ oldWorkers = [] }: ProxyState, id: string, kept: number): LoadBalancerStep[] =>
  oldWorkers.slice(0, Math.max(0, oldWorkers.length - kept)).map((worker) => ({
    do: 'endWorker',
    id,
    worker,
    why: `sessions of no more than ${MOST_OLD_WORKERS} configurations of before live on`,
  }));

/** Adds what is missing; drains, then takes out, what is too much. Never a reload. */
function planServers(
  lb: LoadBalancer,
  wanted: readonly WantedTarget[],
  container: Container,
  proxy: ProxyState,
  now: Date,
): LoadBalancerStep[] {
  const { id } = container;
  const { servers } = proxy;
  const isAs = (w: WantedTarget, s: ServerState) => w.backend === s.backend && w.server === s.server;
  const isAt = (w: WantedTarget, s: ServerState) => w.address === s.address && w.port === s.port;
  const joining = wanted
    .filter((w) => !servers.some((s) => isAs(w, s)))
    .map((target): LoadBalancerStep => ({
      do: 'addServer',
      id,
      target,
      why: `${target.instance} is ready to serve`,
      event: 'Registered',
    }));
  const rest = servers.flatMap((s): LoadBalancerStep[] => {
    const target = wanted.find((w) => isAs(w, s));
    if (!target || !isAt(target, s)) return leave(lb, container, proxy, s, now);
    const { backend, server } = s;
    const why = `${target.instance} was set to ${s.mode}`;
    return s.mode === 'ready' ? [] : [{ do: 'setServer', id, server: { backend, server }, mode: 'ready', why }];
  });
  return [...rest, ...joining];
}

/** Milliseconds within which a container's first worker begins; one that began later was made by a reload. */
const FIRST_WORKER_MS = 5_000;
/** Milliseconds between taking a server out and ending what it still serves: what is in flight may come to its end. */
const IN_FLIGHT_MS = 2_000;

/** Whether the worker before a reload may still have sessions of which nothing can be known. */
function hasOldWorker(lb: LoadBalancer, container: Container, { since, oldWorkers }: ProxyState, now: Date): boolean {
  if (oldWorkers !== undefined) return false;
  const isFirst = since.getTime() - (container.startedAt?.getTime() ?? 0) < FIRST_WORKER_MS;
  const age = now.getTime() - since.getTime();
  return !isFirst && age >= 0 && age < durationMs(lb.spec.deregistrationDelay);
}

/** One step of a server's way out for each look: no new requests; its sessions' end, or the delay's; gone. */
function leave(
  lb: LoadBalancer,
  container: Container,
  proxy: ProxyState,
  s: ServerState,
  now: Date,
): LoadBalancerStep[] {
  const { id } = container;
  const server = { backend: s.backend, server: s.server };
  const why = `${s.server} leaves`;
  const forMs = now.getTime() - s.changedAt.getTime();
  const isServing = s.sessions > 0 || hasOldWorker(lb, container, proxy, now);
  if (s.mode === 'ready') return [{ do: 'setServer', id, server, mode: 'drain', why, event: 'Draining' }];
  if (s.mode === 'drain' && isServing && forMs < durationMs(lb.spec.deregistrationDelay)) return [];
  const park: LoadBalancerStep[] = s.mode === 'maint' ? [] : [{ do: 'setServer', id, server, mode: 'maint', why }];
  const remove: LoadBalancerStep = { do: 'removeServer', id, server, why, event: 'Deregistered' };
  if (s.sessions === 0) return [...park, remove];
  if (s.mode === 'drain' || forMs < IN_FLIGHT_MS) return park;
  const late = `${s.sessions} sessions of ${s.server} outlast deregistrationDelay`;
  return [{ do: 'endSessions', id, server, sessions: s.sessions, why: late }, remove];
}
