import { RESTARTED_AT } from '../../api/metadata.ts';
import type { Instance, InstancePhase, InstanceStatus } from './types.ts';
import { formatPort } from '../shared/port-mapping.ts';
import type { InventoryRow } from '../../store/inventory.ts';
import { valueOf } from '../../base/observed.ts';
import type { Container } from '../../drivers/compute.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { Outcome, Report, ConditionInput } from '../../engine/contract.ts';
import { awaitedNetwork, keptAddresses } from './networks.ts';
import type { NetworkObserved } from './networks.ts';
import { choose, forcedBy, mustDrain, planContainer, wantsRestart } from './plan.ts';
import type { InstanceObserved, InstanceStep } from './plan.ts';
import { healthOf, healthStatusOf, UNHEALTHY, unhealthyEvents, unhealthyWords } from './health.ts';
import { crashed, crashMessage, crashWords, exitWords } from './crash.ts';
import { definedOnly, orNothing } from '../../base/defined.ts';
import { recreateChanges } from './creation.ts';
import { configConditions } from './config/conditions.ts';
import { configWait } from './config/waiting.ts';
import { configStatusOf } from './config/steps.ts';
import { vpcWait } from '../shared/vpc-reference.ts';
import { degraded, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';

/** A restarted process counts as back after so long: the Engine's own measure, after which it forgets its back-off (restartmanager.go). */
const STABLE_MS = 10_000;
/** The seed's VARCHAR(255). */
const PORTS_COLUMN = 255;

interface Judgement {
  phase: InstancePhase;
  ready: ConditionInput;
  degraded?: ConditionInput;
  outcome: Outcome;
}

export function reportInstance(
  instance: Instance,
  observed: InstanceObserved,
  left: readonly InstanceStep[],
  now: Date,
): Report {
  const containers = valueOf(observed.containers) ?? [];
  const container = choose(instance, containers);
  const judgement = conditionsOf(instance, observed, container, left, now);
  const { phase, outcome } = judgement;
  const unobservable = observed.containers.state === 'unobservable';
  const status = unobservable
    ? statusFields(instance)
    : {
        ...statusOf(instance, observed, container, phase, left.length > 0 || judgement.ready.reason === 'Draining'),
        ...healthStatusOf(instance, observed, container, now),
      };
  const report: Report = {
    status,
    outcome,
    events: unhealthyEvents(instance, judgement.ready),
    conditions: [
      judgement.ready,
      progressing(outcome),
      judgement.degraded ?? NOT_DEGRADED,
      ...configConditions(instance.spec, observed.config.missing),
    ],
  };
  if (unobservable) return instance.status?.containerId ? { ...report, inventory: rowOf(instance, status) } : report;
  return container && outcome.is !== 'gone' ? { ...report, inventory: rowOf(instance, status) } : report;
}

const statusFields = ({ status }: Instance): InstanceStatus => {
  const { observedGeneration: _, conditions: __, ...fields } = status ?? {};
  return fields;
};

function statusOf(
  instance: Instance,
  observed: InstanceObserved,
  container: Container | undefined,
  phase: InstancePhase,
  drains: boolean,
): InstanceStatus {
  const before = statusFields(instance);
  const kept: InstanceStatus = { phase };
  if (before.privateIp !== undefined) kept.privateIp = before.privateIp;
  if (before.vpcUid !== undefined) kept.vpcUid = before.vpcUid;
  const networks = keptAddresses(instance, valueOf(observed.containers) ?? []);
  if (networks !== undefined) kept.networks = networks;
  if (before.restartedAt !== undefined) kept.restartedAt = before.restartedAt;
  if (before.draining !== undefined && drains) kept.draining = before.draining;
  if (!container) return kept;
  const asked = instance.metadata.annotations?.[RESTARTED_AT];
  const done = asked !== undefined && container.state === 'running' && !wantsRestart(instance, container);
  const lastLog = crashed(container) ? (observed.lastLog ?? before.lastLog) : undefined;
  return {
    ...kept,
    ...(done ? { restartedAt: asked } : {}),
    containerId: container.id,
    containerName: container.name,
    imageId: container.imageId,
    restarts: container.restarts,
    ...(container.startedAt ? { startedAt: container.startedAt.toISOString() } : {}),
    ...(container.ports.length > 0 ? { ports: container.ports } : {}),
    ...(container.exitCode === undefined ? {} : { lastExitCode: container.exitCode }),
    ...(lastLog && lastLog.length > 0 ? { lastLog } : {}),
    ...definedOnly({
      config: configStatusOf(instance, container),
      recreateWouldChange: orNothing(recreateChanges(instance.spec, container)),
    }),
  };
}

function rowOf(instance: Instance, status: InstanceStatus): InventoryRow {
  const { uid, namespace, name } = instance.metadata;
  const ports = (status.ports ?? []).map(formatPort).join(',').slice(0, PORTS_COLUMN);
  return {
    table: 'instances',
    id: uid,
    namespace,
    name,
    image: instance.spec.image,
    status: status.phase ?? 'Pending',
    containerId: status.containerId ?? null,
    ports: ports || null,
  };
}

function conditionsOf(
  instance: Instance,
  observed: InstanceObserved,
  container: Container | undefined,
  left: readonly InstanceStep[],
  now: Date,
): Judgement {
  const phase = instance.status?.phase ?? 'Pending';
  if (observed.containers.state === 'unobservable') {
    return {
      phase,
      ready: ready('Unknown', 'EngineUnavailable', observed.containers.why),
      outcome: { is: 'waiting', on: 'the Engine', afterMs: WAITING_LOOK_MS },
    };
  }
  if (instance.metadata.deletionTimestamp !== undefined) {
    if (isDraining(instance, observed, now)) return conditionsOfDraining(instance, observed);
    const outcome: Outcome =
      observed.containers.state === 'absent' || (valueOf(observed.containers) ?? []).length === 0
        ? { is: 'gone' }
        : { is: 'progressing', afterMs: 200 };
    return {
      phase: 'Terminating',
      ready: ready('False', 'Terminating', 'the container is being stopped and removed'),
      outcome,
    };
  }
  if (isDraining(instance, observed, now)) {
    const judgement = conditionsOfDraining(instance, observed);
    // They are asked in the next pass.
    const isAsked = !left.some((step) => step.do === 'claimDraining');
    return isAsked ? judgement : { ...judgement, outcome: { is: 'progressing', afterMs: 0 } };
  }
  if (left.length > 0) return conditionsOfLeft(instance, observed, left);
  const kept = container && !forcedBy(instance, container, observed.config) ? container : undefined;
  const awaited = awaitedNetwork(instance, observed.networks, kept);
  const missing = configWait(instance, observed.config, container, kept);
  if (!container)
    return missing && !awaited && observed.vpc.is === 'ready'
      ? { phase: 'Pending', ...missing }
      : conditionsOfWaiting(instance, observed, awaited);
  const judgement = conditionsOfContainer(instance, observed, container, now);
  // The container goes on as it is until the VPC is there.
  if (awaited) return { ...conditionsOfWaiting(instance, observed, awaited), phase: judgement.phase };
  return missing ? { ...judgement, ...missing } : judgement;
}

const isDraining = (instance: Instance, observed: InstanceObserved, now: Date): boolean =>
  mustDrain(observed, planContainer(instance, observed, now));

/** How often one that waits for its load balancers looks whether its time is up. */
const DRAIN_LOOK_MS = 5_000;

function conditionsOfDraining({ metadata, status }: Instance, { balancers }: InstanceObserved): Judgement {
  const on = `LoadBalancer ${balancers.map((b) => b.name).join(', ')}`;
  return {
    phase: metadata.deletionTimestamp === undefined ? (status?.phase ?? 'Running') : 'Terminating',
    ready: ready('False', 'Draining', `it stops when ${on} has let go of it`),
    outcome: { is: 'waiting', on, afterMs: DRAIN_LOOK_MS },
  };
}

function conditionsOfLeft(instance: Instance, observed: InstanceObserved, left: readonly InstanceStep[]): Judgement {
  const pulling = left.some((step) => step.do === 'pullImage');
  const what =
    observed.image?.state === 'pulling'
      ? `pulling image ${instance.spec.image}: ${observed.image.progress}`
      : (left[0]?.why ?? '');
  return {
    phase: instance.status?.phase ?? 'Pending',
    ready: ready('False', pulling ? 'PullingImage' : 'Converging', what),
    outcome: { is: 'progressing', afterMs: 0 },
  };
}

function conditionsOfWaiting(instance: Instance, { vpc }: InstanceObserved, beside?: NetworkObserved): Judgement {
  const { message, on } =
    vpc.is === 'ready' && beside ? vpcWait(instance, beside.vpc, beside.wanted.vpc) : vpcWait(instance, vpc);
  return {
    phase: 'Pending',
    ready: ready('False', 'VpcNotReady', message),
    outcome: { is: 'waiting', on, afterMs: WAITING_LOOK_MS },
  };
}

function conditionsOfContainer(
  instance: Instance,
  observed: InstanceObserved,
  container: Container,
  now: Date,
): Judgement {
  switch (container.state) {
    case 'running':
      return conditionsOfRunning(instance, observed, container, now);
    case 'restarting': {
      const message = crashMessage(container, 'the Engine restarts it, each time a little later');
      const { phase, reason } = crashWords(container);
      return {
        phase,
        ready: ready('False', reason, message),
        degraded: degraded('True', reason, message),
        outcome: { is: 'reconciled' },
      };
    }
    case 'exited':
    case 'created':
      return instance.spec.powerState === 'Stopped'
        ? {
            phase: 'Stopped',
            ready: ready('True', 'Stopped', 'it is stopped, as powerState asks'),
            outcome: { is: 'reconciled' },
          }
        : conditionsOfEnded(instance, container);
    default:
      return {
        phase: 'Pending',
        ready: ready('False', 'Converging', `the container is ${container.state}`),
        outcome: { is: 'progressing', afterMs: 500 },
      };
  }
}

function conditionsOfRunning(
  instance: Instance,
  observed: InstanceObserved,
  container: Container,
  now: Date,
): Judgement {
  const ranMs = now.getTime() - (container.startedAt?.getTime() ?? 0);
  if (container.restarts > 0 && ranMs >= 0 && ranMs < STABLE_MS) {
    const { phase, reason } = crashWords(container);
    const message = crashMessage(container, `it counts as running when it has run for ${STABLE_MS / 1000} s`);
    return {
      phase,
      ready: ready('False', reason, message),
      degraded: degraded('True', reason, message),
      outcome: { is: 'progressing', afterMs: STABLE_MS - ranMs + 10 },
    };
  }
  const health = healthOf(observed, container);
  if (health === 'Starting')
    return {
      phase: 'Starting',
      ready: ready('False', 'HealthCheckPending', 'it runs, and its health check has not succeeded yet'),
      outcome: { is: 'reconciled' },
    };
  if (health === 'Unhealthy') {
    const { message, outcome } = unhealthyWords(instance, observed, container, now);
    return {
      phase: 'Running',
      ready: ready('False', UNHEALTHY, message),
      degraded: degraded('True', UNHEALTHY, message),
      outcome,
    };
  }
  return {
    phase: 'Running',
    ready: ready('True', 'Running', health ? 'it runs, and its health check succeeds' : 'it runs'),
    outcome: { is: 'reconciled' },
  };
}

/** `Never`, or `OnFailure` after success: the end is final. */
function conditionsOfEnded(instance: Instance, container: Container): Judgement {
  const code = container.exitCode ?? 0;
  const message = `its process ended with ${exitWords(code)}; restartPolicy ${instance.spec.restartPolicy} does not restart it. To run it again: miniaws restart, or delete and apply`;
  return code === 0
    ? { phase: 'Succeeded', ready: ready('False', 'Completed', message), outcome: { is: 'reconciled' } }
    : {
        phase: 'Failed',
        ready: ready('False', 'Failed', message),
        degraded: degraded('True', 'Failed', message),
        outcome: { is: 'reconciled' },
      };
}
