import type { Instance } from '../instance/types.ts';
import { isLeaving } from '../instance/types.ts';
import { healthCheckOf, selectedTargets } from './types.ts';
import type { LoadBalancer, Target } from './types.ts';
import { isReady, RESTARTED_AT } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import { durationMs } from '../../base/quantity.ts';
import type { Container, ContainerSpec, Network } from '../../drivers/compute.ts';
import { PROXY_COMMAND, PROXY_STOP_SIGNAL } from '../../drivers/haproxy/configuration.ts';
import { shortUid } from '../../drivers/labels.ts';
import type { ProxyConfig, ProxyListener, ServerRef } from '../../drivers/proxies.ts';
import { containerNameOf } from '../shared/container-steps.ts';
import { CREATION_DEFAULTS, DEFAULT_PIDS_LIMIT } from '../shared/creation-defaults.ts';
import { ownerOfResource } from '../shared/owner.ts';

/** An instance that shall get requests, and under which name the proxy knows it. */
export interface WantedTarget extends ServerRef {
  instance: string;
  uid: string;
  address: string;
  port: number;
}

/** Where HAProxy's own admin interface listens, on its own loopback: the first that no listener has. */
const ADMIN_PORT = 9_999;
/** Milliseconds: even without a delay, what an old worker has in its hands is answered. */
const LEAST_DRAIN_MS = 1_000;
/** On two networks, it must not become a router: an instance could send packets through it, out of an internal VPC. */
const SYSCTLS = { 'net.ipv4.ip_forward': '0' };
const LOGS = { maxBytes: 10 * 2 ** 20, maxFiles: 3 };

/** Unlike the instance's name alone, never of another one that had the name before. */
const serverOf = ({ instance, uid }: { instance: string; uid: string }): string => `${instance}-${shortUid(uid)}`;

/**
 * Which instances shall be registered: one joins when it is Ready, stays while it can come back by itself, and leaves
 * before it stops. What the proxy finds of its health is the proxy's to act on.
 */
export function wantedTargets(lb: LoadBalancer, view: View): WantedTarget[] {
  const registered = new Set((lb.status?.targets ?? []).map((t) => `${t.targetGroup} ${t.uid}`));
  return selectedTargets(lb, view)
    .filter(({ group, instance }) => serves(instance, registered.has(`${group.name} ${instance.metadata.uid}`)))
    .map(({ group, instance }) => {
      const target = { instance: instance.metadata.name, uid: instance.metadata.uid };
      const address = instance.status?.privateIp ?? '';
      return { ...target, backend: group.name, server: serverOf(target), address, port: group.targetPort };
    })
    .toSorted((a, b) => (`${a.backend} ${a.server}` < `${b.backend} ${b.server}` ? -1 : 1));
}

/** A process that ended for good comes back under another life; one that crashes, or is unhealthy, may by itself. */
const GONE = new Set(['Stopped', 'Succeeded', 'Failed', 'Terminating']);

export function serves(instance: Instance, isRegistered: boolean): boolean {
  const { phase, privateIp, restartedAt } = instance.status ?? {};
  if (isLeaving(instance) || privateIp === undefined || phase === undefined || GONE.has(phase)) return false;
  const restart = instance.metadata.annotations?.[RESTARTED_AT];
  return (
    isRegistered || (isReady(instance) && phase === 'Running' && (restart === undefined || restart === restartedAt))
  );
}

export const targetKey = (t: Pick<Target, 'targetGroup' | 'instance' | 'uid'>): string =>
  `${t.targetGroup}/${serverOf(t)}`;

/** What HAProxy is told. `outlasts`: sessions in its old workers can be seen, and so may outlast deregistrationDelay. */
export function proxyConfigOf(lb: LoadBalancer, wanted: readonly WantedTarget[], outlasts: boolean): ProxyConfig {
  const { spec } = lb;
  const delayMs = durationMs(spec.deregistrationDelay);
  const ports = new Set(spec.listeners.map((l) => l.port));
  let adminPort = ADMIN_PORT;
  while (ports.has(adminPort)) adminPort--;
  return {
    mode: spec.type === 'HTTP' ? 'http' : 'tcp',
    listeners: spec.listeners.map(({ port }) => listenerOf(spec, port)),
    backends: spec.targetGroups.map(({ name }) => ({
      name,
      algorithm: spec.algorithm,
      check: checkOf(healthCheckOf(lb, name)),
      ...(spec.stickiness ? { stickyCookie: spec.stickiness.cookieName } : {}),
      sendProxy: spec.proxyProtocol,
      servers: wanted
        .filter((w) => w.backend === name)
        .map(({ server, address, port }) => ({ name: server, address, port })),
    })),
    adminPort,
    trustedProxies: spec.trustedProxies ?? [],
    idleTimeoutMs: durationMs(spec.idleTimeout),
    maxConnections: spec.maxConnections,
    tunnelTimeoutMs: durationMs(spec.tunnelTimeout ?? spec.idleTimeout),
    drainMs: Math.max(delayMs, outlasts ? durationMs(spec.tunnelTimeout ?? '0s') : 0, LEAST_DRAIN_MS),
  };
}

const checkOf = (check: ReturnType<typeof healthCheckOf>): ProxyConfig['backends'][number]['check'] => ({
  ...(check.path === undefined ? {} : { http: { path: check.path, expectedStatus: check.expectedStatus } }),
  intervalMs: durationMs(check.interval),
  timeoutMs: durationMs(check.timeout),
  healthyThreshold: check.healthyThreshold,
  unhealthyThreshold: check.unhealthyThreshold,
});

function listenerOf(spec: LoadBalancer['spec'], port: number): ProxyListener {
  const mine = spec.rules.filter((rule) => rule.port === undefined || rule.port === port);
  const rules = mine.filter((rule) => rule.host !== undefined || rule.pathPrefix !== undefined);
  // A rule that asks for nothing takes what those before it have left.
  const rest = mine.find((rule) => rule.host === undefined && rule.pathPrefix === undefined);
  const before = rest ? mine.slice(0, mine.indexOf(rest)) : mine;
  const defaultBackend = rest?.targetGroup ?? (spec.rules.length === 0 ? spec.targetGroups[0]?.name : undefined);
  return {
    name: `port-${port}`,
    port,
    acceptProxy: false,
    rules: rules
      .filter((rule) => before.includes(rule))
      .map(({ host, pathPrefix, targetGroup }) => ({
        ...(host === undefined ? {} : { host }),
        ...(pathPrefix === undefined ? {} : { pathPrefix }),
        backend: targetGroup,
      })),
    ...(defaultBackend === undefined ? {} : { defaultBackend }),
  };
}

const portsHash = ({ spec }: LoadBalancer): string =>
  `v1 ports=${sha256(canonicalJson(spec.listeners.map((l) => l.port).toSorted((a, b) => a - b))).slice(0, 12)}`;

/** What cannot change on a living container: its ports. Versioned, as an instance's. It has a master that can be asked. */
export const balancerHash = (lb: LoadBalancer): string => `${portsHash(lb)} master`;

/** One that was made before there was a master to ask stays as it is. */
export const isOfHash = (lb: LoadBalancer, { specHash }: Pick<Container, 'specHash'>): boolean =>
  specHash === balancerHash(lb) || specHash === portsHash(lb);

export const hasMaster = ({ specHash }: Pick<Container, 'specHash'>): boolean => specHash.endsWith(' master');

/** A stopping proxy is killed when its sessions, which may last for tunnelTimeout, have outlasted this. */
export const stopGraceMsOf = ({ spec }: LoadBalancer): number =>
  Math.max(durationMs(spec.deregistrationDelay), LEAST_DRAIN_MS);

export function balancerContainer(lb: LoadBalancer, image: string, network: Network, address: string): ContainerSpec {
  const { metadata, spec } = lb;
  return {
    owner: ownerOfResource(lb),
    specHash: balancerHash(lb),
    name: containerNameOf(lb),
    hostname: metadata.name,
    image,
    entrypoint: PROXY_COMMAND,
    env: {},
    labels: {},
    ports: spec.listeners.map(({ port }) => ({
      hostAddress: '',
      hostPort: port,
      containerPort: port,
      protocol: 'tcp' as const,
    })),
    mounts: [],
    attachment: { networkId: network.id, address, aliases: [metadata.name] },
    stopGraceMs: stopGraceMsOf(lb),
    stopSignal: PROXY_STOP_SIGNAL,
    logs: LOGS,
    sysctls: SYSCTLS,
    // It runs as a user without rights, and every port is open to it in a network of its own.
    capDrop: ['ALL'],
    pidsLimit: DEFAULT_PIDS_LIMIT,
    defaults: CREATION_DEFAULTS,
    restart: 'unless-stopped',
  };
}
