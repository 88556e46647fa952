import { keyOf } from '../../api/metadata.ts';
import type { Ref } from '../../api/metadata.ts';
import type { HealthCheck, HealthObserved, InstanceStatus } from './types.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { durationMs } from '../../base/quantity.ts';
import { sameJson } from '../../base/hash.ts';
import { lastLines } from '../../base/output.ts';
import type { Compute } from '../../drivers/compute.ts';

type Health = NonNullable<InstanceStatus['health']>;

/** Characters of an answer that are told of. */
const LONGEST_ANSWER = 300;
/** While it starts it is probed at least this often, so that Ready does not wait for a long interval. */
const STARTING_EVERY_MS = 500;

interface Patient {
  uid: string;
  ref: Ref;
  containerId: string;
  startedAt: number;
  check: HealthCheck;
  health: Health;
  /** What the check that failed last answered. */
  output?: string;
  failures: number;
  timer?: Timer;
}

/**
 * The leader's http and tcp checks. Passes say what is to be watched and read the last result; a change of
 * the result asks for a pass. What was last known stands until the next result, also over a change of leader.
 */
export class HealthMonitor {
  readonly #compute: Compute;
  readonly #clock: Clock;
  readonly #onChange: (ref: Ref, what: string) => void;
  readonly #patients = new Map<string, Patient>();

  constructor(compute: Compute, clock: Clock, onChange: (ref: Ref, what: string) => void) {
    this.#compute = compute;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#patients.size;
  }

  /** Begins or goes on; a new container or a changed check begins anew. @returns the last result, and what a failing check answered. */
  watch(
    uid: string,
    ref: Ref,
    process: { containerId: string; startedAt: number },
    check: HealthCheck,
    last: Health | undefined,
  ): HealthObserved {
    const known = this.#patients.get(uid);
    if (
      known &&
      known.containerId === process.containerId &&
      known.startedAt === process.startedAt &&
      sameJson(known.check, check)
    )
      return resultOf(known);
    this.forget(uid);
    const health = known ? 'Starting' : (last ?? 'Starting');
    const patient: Patient = { uid, ref, ...process, check, health, failures: 0 };
    this.#patients.set(uid, patient);
    this.#probeAfter(patient, 0);
    return resultOf(patient);
  }

  forget(uid: string): void {
    const patient = this.#patients.get(uid);
    patient?.timer?.cancel();
    this.#patients.delete(uid);
  }

  /** At the end of a term: the next leader does the probing. */
  stop(): void {
    for (const uid of this.#patients.keys()) this.forget(uid);
  }

  #probeAfter(patient: Patient, ms: number): void {
    patient.timer = this.#clock.after(ms, () => void this.#probe(patient));
  }

  async #probe(patient: Patient): Promise<void> {
    const { check } = patient;
    const port = check.http?.port ?? check.tcp?.port ?? 0;
    const http = check.http ? { http: { path: check.http.path, expectedStatus: check.http.expectedStatus } } : {};
    const result = await this.#compute
      .probe({ containerId: patient.containerId, port, ...http }, durationMs(check.timeout))
      .catch((error: unknown) => ({ state: 'unobservable' as const, why: messageOf(error) }));
    if (this.#patients.get(patient.uid) !== patient) return;
    if (result.state === 'present') this.#judge(patient, result.value.healthy, result.value.detail);
    const interval = durationMs(check.interval);
    this.#probeAfter(patient, patient.health === 'Starting' ? Math.min(interval, STARTING_EVERY_MS) : interval);
  }

  #judge(patient: Patient, healthy: boolean, detail: string): void {
    const before = patient.health;
    patient.failures = healthy ? 0 : patient.failures + 1;
    if (!healthy) patient.output = lastLines(detail, 1, LONGEST_ANSWER).join();
    const grace = this.#clock.now().getTime() - patient.startedAt < durationMs(patient.check.startPeriod);
    if (healthy) patient.health = 'Healthy';
    else if (!grace && patient.failures >= patient.check.retries) patient.health = 'Unhealthy';
    if (patient.health !== before) this.#onChange(patient.ref, `health check of ${keyOf(patient.ref)}: ${detail}`);
  }
}

const resultOf = ({ health, output }: Patient) => ({
  health,
  ...(health === 'Unhealthy' && output !== undefined ? { healthOutput: output } : {}),
});
