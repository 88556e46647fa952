import { definedOnly } from '../../base/defined.ts';
import type { Container } from '../../drivers/compute.ts';
import type { ConditionInput, Outcome, Report } from '../../engine/contract.ts';
import { isMember } from './types.ts';
import type { HealthObserved, HealthRestarts, Instance, InstanceStatus } from './types.ts';

/** Milliseconds after a restart for a failing check until the next: doubled with each, as a kubelet does it. */
const BACKOFF_MS = { first: 10_000, most: 300_000 };
/** A process that ran for so long before its check failed begins a new count, milliseconds. */
const FORGIVEN_AFTER_MS = 600_000;
/** Another answer of a failing check is written down at most this often, milliseconds. */
const ANSWER_EVERY_MS = 60_000;

/** Ready's reason, and that of the event. */
export const UNHEALTHY = 'Unhealthy';

/** By its http or tcp check, else by the Engine's own. */
export function healthOf(observed: HealthObserved, { health, state }: Container): InstanceStatus['health'] {
  if (observed.health !== undefined) return observed.health;
  if (health === undefined || state !== 'running') return undefined;
  return ({ starting: 'Starting', healthy: 'Healthy', unhealthy: 'Unhealthy' } as const)[health];
}

/** What the failing check answered. The answer that is told of stands for a while, whatever comes meanwhile. */
function healthFailureOf(
  { status }: Instance,
  observed: HealthObserved,
  container: Container,
  now: Date,
): InstanceStatus['healthFailure'] {
  if (healthOf(observed, container) !== 'Unhealthy') return undefined;
  const told = status?.containerId === container.id && status.health === 'Unhealthy' ? status.healthFailure : undefined;
  const output = observed.health === undefined ? container.healthOutput : observed.healthOutput;
  const age = now.getTime() - Date.parse(told?.at ?? '');
  if (output === undefined || output === told?.output || (age >= 0 && age < ANSWER_EVERY_MS)) return told;
  return { at: now.toISOString(), output };
}

/** For a person: that the check fails, and what it answered. */
export function failingCheck(instance: Instance, observed: HealthObserved, container: Container, now: Date): string {
  const failure = healthFailureOf(instance, observed, container, now);
  return failure ? `its health check fails: ${failure.output}` : 'its health check fails';
}

/** Whether the process that runs, or ran last, is the one that a restart was asked for. */
export const healthRestartAsked = ({ status }: Instance, { startedAt }: Container): boolean =>
  startedAt !== undefined && status?.healthRestarts?.of === startedAt.toISOString();

/**
 * When the process is to be restarted because its check fails; `undefined`: not at all, or it was asked for already.
 * Who belongs to a controller is replaced by it.
 */
export function healthRestartAt(instance: Instance, observed: HealthObserved, container: Container): Date | undefined {
  const { spec, status } = instance;
  if (!spec.healthCheck?.restartOnUnhealthy || isMember(instance) || healthOf(observed, container) !== 'Unhealthy')
    return undefined;
  if (healthRestartAsked(instance, container)) return undefined;
  const { count, at } = status?.healthRestarts ?? { count: 0, at: 0 };
  return new Date(new Date(at).getTime() + backoffMs(count));
}

const backoffMs = (count: number): number =>
  count === 0 ? 0 : Math.min(BACKOFF_MS.first * 2 ** (count - 1), BACKOFF_MS.most);

/** What is written down when a restart of the process that was started at `of` is asked for. */
export function nextHealthRestart({ status }: Instance, of: string, now: Date): HealthRestarts {
  const last = status?.healthRestarts;
  if (last?.of === of) return last;
  const ran = now.getTime() - Date.parse(of);
  return { count: ran >= FORGIVEN_AFTER_MS ? 1 : (last?.count ?? 0) + 1, at: now.toISOString(), of };
}

/** What is said of one whose check fails, and when it is looked at again: an answer may change, and a restart be due. */
export function unhealthyWords(
  instance: Instance,
  observed: HealthObserved,
  container: Container,
  now: Date,
): { message: string; outcome: Outcome } {
  const message = failingCheck(instance, observed, container, now);
  const due = healthRestartAt(instance, observed, container);
  if (!due) return { message: `${message}; look at its logs`, outcome: { is: 'reconciled', afterMs: ANSWER_EVERY_MS } };
  const restarts = instance.status?.healthRestarts?.count ?? 0;
  return {
    message: `${message}; it was restarted for that ${restarts === 1 ? 'once' : `${restarts} times`}, and is again at ${due.toISOString()}`,
    outcome: { is: 'reconciled', afterMs: Math.max(0, Math.min(due.getTime() - now.getTime(), ANSWER_EVERY_MS)) },
  };
}

/** The fields of status that tell of its check. */
export function healthStatusOf(
  instance: Instance,
  observed: HealthObserved,
  container: Container | undefined,
  now: Date,
): Pick<InstanceStatus, 'health' | 'healthFailure' | 'healthRestarts'> {
  if (!container) return {};
  const { status } = instance;
  return definedOnly({
    health: healthOf(observed, container),
    healthFailure: healthFailureOf(instance, observed, container, now),
    healthRestarts: status?.containerId === container.id ? status.healthRestarts : undefined,
  });
}

/** Told once, when it turns: the condition goes on saying it. */
export const unhealthyEvents = (
  { status }: Instance,
  { reason, message }: Pick<ConditionInput, 'reason' | 'message'>,
): Report['events'] =>
  reason === UNHEALTHY && status?.conditions?.find((c) => c.type === 'Ready')?.reason !== UNHEALTHY
    ? [{ type: 'Warning', reason, message }]
    : [];
