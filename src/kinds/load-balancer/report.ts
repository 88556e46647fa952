import { healthCheckOf } from './types.ts';
import type { LoadBalancer, LoadBalancerStatus, Target } from './types.ts';
import type { InventoryRow } from '../../store/inventory.ts';
import { valueOf } from '../../base/observed.ts';
import { durationMs } from '../../base/quantity.ts';
import type { Container } from '../../drivers/compute.ts';
import type { ServerState } from '../../drivers/proxies.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { Outcome, Report, ConditionInput } from '../../engine/contract.ts';
import { targetKey } from './proxy-config.ts';
import { keptOf } from './plan.ts';
import type { LoadBalancerObserved, LoadBalancerStep } from './plan.ts';
import { CREATION_DEFAULTS, DEFAULT_PIDS_LIMIT } from '../shared/creation-defaults.ts';
import { vpcWait } from '../shared/vpc-reference.ts';
import { degraded, listed, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';

/** What its container has since there are defaults of creation. */
const HARDENED = ['its proxy would have no capability at all', `it would have at most ${DEFAULT_PIDS_LIMIT} processes`];

/** How often one whose targets come or go looks at them; a change of the proxy's own mind is noticed at once. */
const LOOK_MS = 1_000;

export function reportLoadBalancer(
  lb: LoadBalancer,
  observed: LoadBalancerObserved,
  left: readonly LoadBalancerStep[],
  now: Date,
): Report {
  const containers = valueOf(observed.containers) ?? [];
  const container = keptOf(lb, containers);
  const targets = targetsOf(lb, observed, now);
  const { verdict, outcome } = conditionsOf(lb, observed, container, targets, left);
  const status: LoadBalancerStatus =
    observed.containers.state === 'unobservable'
      ? fieldsOf(lb)
      : statusOf(lb, observed, container, targets, { verdict, left, now });
  const sick = targets.filter((t) => t.state === 'Unhealthy');
  const [first] = sick;
  return {
    status,
    outcome,
    conditions: [
      verdict,
      progressing(outcome),
      first
        ? degraded('True', 'TargetsUnhealthy', `${listed(sick.map((t) => t.instance))}: ${first.lastCheck ?? 'down'}`)
        : NOT_DEGRADED,
    ],
    ...(container && outcome.is !== 'gone' && status.vpcUid ? { inventory: rowOf(lb, status, status.vpcUid) } : {}),
  };
}

const fieldsOf = ({ status }: LoadBalancer): LoadBalancerStatus => {
  const { observedGeneration: _, conditions: __, ...fields } = status ?? {};
  return fields;
};

function statusOf(
  lb: LoadBalancer,
  { failed, cut }: LoadBalancerObserved,
  container: Container | undefined,
  targets: readonly Target[],
  { verdict, left, now }: { verdict: ConditionInput; left: readonly LoadBalancerStep[]; now: Date },
): LoadBalancerStatus {
  const { privateIp, vpcUid, ingressCidrBlock, lastChange } = fieldsOf(lb);
  const isCalm = left.length === 0 && targets.every((t) => t.state === 'Healthy' || t.state === 'Unhealthy');
  const changed =
    failed !== undefined && isCalm
      ? { at: stamp(now, lastChange?.at), failedRequests: failed, cutSessions: cut }
      : lastChange;
  const deleting = lb.metadata.deletionTimestamp !== undefined;
  return {
    phase: deleting ? 'Terminating' : !container ? 'Pending' : verdict.status === 'True' ? 'Active' : 'Degraded',
    ...(container ? { containerId: container.id, containerName: container.name } : {}),
    ...(privateIp === undefined ? {} : { privateIp }),
    ...(vpcUid === undefined ? {} : { vpcUid }),
    ...(ingressCidrBlock === undefined ? {} : { ingressCidrBlock }),
    targets,
    healthyTargets: `${targets.filter((t) => t.state === 'Healthy').length}/${targets.length}`,
    ...(changed ? { lastChange: changed } : {}),
    ...(container && container.defaults !== CREATION_DEFAULTS ? { recreateWouldChange: HARDENED } : {}),
  };
}

/** Two changes never bear one time: it is by its time that a change is known to have been told. */
const stamp = (now: Date, last: string | undefined): string =>
  now.toISOString() === last ? new Date(now.getTime() + 1).toISOString() : now.toISOString();

/** Those that the proxy knows, and those that it is about to. One that neither is so of is registered no longer. */
function targetsOf(lb: LoadBalancer, { proxy, wanted, containers }: LoadBalancerObserved, now: Date): Target[] {
  const known = new Map((lb.status?.targets ?? []).map((t) => [targetKey(t), t]));
  if (proxy.state === 'unobservable' || containers.state === 'unobservable') return [...known.values()];
  const servers = new Map((valueOf(proxy)?.servers ?? []).map((s) => [`${s.backend}/${s.server}`, s]));
  const wants = new Map(wanted.map((w) => [`${w.backend}/${w.server}`, w]));
  const keys = [...new Set([...known.keys(), ...wants.keys()])].filter((key) => servers.has(key) || wants.has(key));
  return keys.toSorted().flatMap((key): Target[] => {
    const want = wants.get(key);
    const before = known.get(key);
    const server = servers.get(key);
    const state = stateOf(server, before, lb, now);
    const at = server ?? want;
    const why = failureOf(server, before, state);
    const base = before ?? (want && { targetGroup: want.backend, instance: want.instance, uid: want.uid });
    if (!base || !at) return [];
    return [
      {
        targetGroup: base.targetGroup,
        instance: base.instance,
        uid: base.uid,
        address: `${at.address}:${at.port}`,
        state,
        since: before?.state === state ? before.since : now.toISOString(),
        ...(why ? { lastCheck: why } : {}),
      },
    ];
  });
}

/** One that joins may fail its checks for as long as one that serves before it counts as unhealthy. */
function stateOf(
  server: ServerState | undefined,
  before: Target | undefined,
  lb: LoadBalancer,
  now: Date,
): TargetState {
  if (!server) return 'Initial';
  if (server.mode !== 'ready') return 'Draining';
  if (server.health === 'up') return 'Healthy';
  if (before?.state === 'Unhealthy') return 'Unhealthy';
  if (server.passed || server.lastCheck === '') return 'Initial';
  if (before?.state === 'Healthy') return 'Unhealthy';
  const { interval, timeout, unhealthyThreshold } = healthCheckOf(lb, server.backend);
  const patienceMs = unhealthyThreshold * durationMs(interval) + durationMs(timeout);
  return before?.state === 'Initial' && now.getTime() - Date.parse(before.since) >= patienceMs
    ? 'Unhealthy'
    : 'Initial';
}

/** What the last check that failed has found, of one that gets no requests for it. */
function failureOf(
  server: ServerState | undefined,
  before: Target | undefined,
  state: TargetState,
): string | undefined {
  if (!server || (state !== 'Unhealthy' && state !== 'Initial')) return undefined;
  return (server.passed ? '' : server.lastCheck) || before?.lastCheck;
}

type TargetState = Target['state'];

interface Judgement {
  verdict: ConditionInput;
  outcome: Outcome;
}

function conditionsOf(
  lb: LoadBalancer,
  observed: LoadBalancerObserved,
  container: Container | undefined,
  targets: readonly Target[],
  left: readonly LoadBalancerStep[],
): Judgement {
  const { containers, proxy } = observed;
  if (containers.state === 'unobservable')
    return {
      verdict: ready('Unknown', 'EngineUnavailable', containers.why),
      outcome: { is: 'waiting', on: 'the Engine', afterMs: WAITING_LOOK_MS },
    };
  if (lb.metadata.deletionTimestamp !== undefined)
    return {
      verdict: ready('False', 'Terminating', 'the proxy is being stopped and removed'),
      outcome:
        containers.state === 'absent' && observed.ingress.networks.state === 'absent'
          ? { is: 'gone' }
          : { is: 'progressing', afterMs: 200 },
    };
  if (left.length > 0)
    return {
      verdict: ready('False', 'Converging', left[0]?.why ?? ''),
      outcome: { is: 'progressing', afterMs: 0 },
    };
  if (!container) {
    const { message, on } = vpcWait(lb, observed.vpc);
    return {
      verdict: ready('False', 'VpcNotReady', message),
      outcome: { is: 'waiting', on, afterMs: WAITING_LOOK_MS },
    };
  }
  if (proxy.state !== 'present' || container.state !== 'running') {
    const why = proxy.state === 'unobservable' ? proxy.why : `its container is ${container.state}`;
    return {
      verdict: ready(proxy.state === 'unobservable' ? 'Unknown' : 'False', 'ProxyNotAnswering', why),
      outcome: { is: 'waiting', on: 'the proxy', afterMs: LOOK_MS },
    };
  }
  return conditionsOfTargets(lb, observed, targets);
}

function conditionsOfTargets(
  lb: LoadBalancer,
  { failed, cut }: LoadBalancerObserved,
  targets: readonly Target[],
): Judgement {
  const moving = targets.filter((t) => t.state === 'Initial' || t.state === 'Draining');
  const outcome: Outcome =
    moving.length > 0
      ? { is: 'waiting', on: listed(moving.map((t) => t.instance)), afterMs: LOOK_MS }
      : { is: 'reconciled' };
  const without = lb.spec.targetGroups.filter(
    ({ name }) => !targets.some((t) => t.targetGroup === name && t.state === 'Healthy'),
  );
  const [first] = without;
  if (first) {
    const registered = targets.filter((t) => t.targetGroup === first.name);
    const why = registered.find((t) => t.lastCheck !== undefined)?.lastCheck;
    const message =
      registered.length === 0
        ? `target group ${first.name} has no target: its instances do not exist, or none is Ready`
        : `none of the ${registered.length} targets of ${first.name} is healthy${why ? `: ${why}` : ' yet'}`;
    return { verdict: ready('False', registered.length === 0 ? 'NoTargets' : 'NoHealthyTargets', message), outcome };
  }
  const healthy = targets.filter((t) => t.state === 'Healthy').length;
  const failures = failed ?? lb.status?.lastChange?.failedRequests ?? 0;
  const cuts = (failed === undefined ? lb.status?.lastChange?.cutSessions : cut) ?? 0;
  const requests = `${failures} ${failures === 1 ? 'request' : 'requests'} failed`;
  const sessions = cuts === 0 ? '' : ` and ${cuts} ${cuts === 1 ? 'session was' : 'sessions were'} cut`;
  const told = moving.length > 0 ? '' : `; ${requests}${sessions} during the last change`;
  return { verdict: ready('True', 'Serving', `${healthy} of ${targets.length} targets are healthy${told}`), outcome };
}

function rowOf({ metadata, spec }: LoadBalancer, status: LoadBalancerStatus, vpcId: string): InventoryRow {
  return {
    table: 'load_balancers',
    id: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    vpcId,
    type: spec.type,
    status: (status.phase ?? 'Pending').toUpperCase(),
    listenerPort: spec.listeners[0]?.port ?? 0,
    containerId: status.containerId ?? null,
  };
}
