import { findCondition, refOf } from '../../api/metadata.ts';
import type { Ref } from '../../api/metadata.ts';
import type { Instance } from '../instance/types.ts';
import { isScalingGroup } from './types.ts';
import type { ScalingGroup } from './types.ts';
import type { ScalingPolicy } from './policies-schema.ts';
import type { View } from '../../api/kind.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { sameJson } from '../../base/hash.ts';
import type { Recommended } from './recommendations.ts';
import type { Log } from '../../base/log.ts';
import type { ConditionInput } from '../../engine/contract.ts';
import { cooldownMs, recommendationOf, stabilizedCount, evaluatePolicy, WINDOW_MS } from './recommendation.ts';
import type { Past, Reading, Recommendation, Scaling } from './recommendation.ts';
import { observeMembers } from './members.ts';
import { effectiveOf } from './schedules.ts';
import type { MetricSource } from '../shared/metric-source.ts';

/** Kubernetes' period of its autoscaler, milliseconds. */
const EVERY_MS = 15_000;
/** A window whose newest recommendation is older has a hole: what holds now stands for what it would have said. */
const HOLE_MS = 2 * EVERY_MS;

interface AutoscalerSeams {
  /** Where they are kept over a restart. */
  recommendations: {
    append(row: Recommended): Promise<void>;
    since(groupId: string, from: Date): Promise<readonly Recommended[]>;
  };
  view: View;
  clock: Clock;
  log: Log;
  /** By the metric's name; none where instances are not sampled. */
  metrics: ReadonlyMap<string, MetricSource>;
  /** Something that a pass would act on, or report. */
  onChange: (ref: Ref, what: string) => void;
}

interface Watched {
  ref: Ref;
  /** Since when, by the monotonic clock. */
  since: number;
  /** `at` by the monotonic clock; `undefined` until what is kept has been read. */
  past: { at: number; recommended: number; desired: number }[] | undefined;
  said: Scaling | undefined;
  timer?: Timer;
}

/**
 * The leader's look at the load of groups that have policies. Passes say which; what the policies come to asks for a pass,
 * and that sets the count. The window of scaling in is kept in the database, so that the next leader has it.
 */
export class Autoscaler {
  readonly #seams: AutoscalerSeams;
  readonly #watched = new Map<string, Watched>();

  constructor(seams: AutoscalerSeams) {
    this.#seams = seams;
  }

  /** Goes on looking. @returns what was found last; `undefined` before the first look. */
  look(group: ScalingGroup): Scaling | undefined {
    const { uid } = group.metadata;
    const known = this.#watched.get(uid);
    if (known) return known.said;
    const watched: Watched = {
      ref: refOf(group),
      since: this.#seams.clock.monotonic(),
      past: undefined,
      said: undefined,
    };
    this.#watched.set(uid, watched);
    this.#later(uid, watched);
    return undefined;
  }

  forget(uid: string): void {
    this.#watched.get(uid)?.timer?.cancel();
    this.#watched.delete(uid);
  }

  /** At the end of a term: the next leader does the looking. */
  stop(): void {
    for (const uid of this.#watched.keys()) this.forget(uid);
  }

  #later(uid: string, watched: Watched): void {
    watched.timer = this.#seams.clock.after(EVERY_MS, () => void this.#tick(uid, watched));
  }

  async #tick(uid: string, watched: Watched): Promise<void> {
    const { log, view } = this.#seams;
    try {
      watched.past ??= await this.#kept(uid);
      const group = view.byUid(uid);
      if (this.#watched.get(uid) === watched && group && isScalingGroup(group)) await this.#evaluate(group, watched);
    } catch (error) {
      // Without what was recommended before, nothing may be scaled in.
      log.warn(
        { group: watched.ref.name, err: messageOf(error) },
        'scaling policies could not be looked at; trying again',
      );
    }
    if (this.#watched.get(uid) === watched) this.#later(uid, watched);
  }

  async #kept(uid: string): Promise<Watched['past']> {
    const { clock, recommendations } = this.#seams;
    const now = clock.now().getTime();
    const rows = await recommendations.since(uid, new Date(now - WINDOW_MS));
    return rows.map(({ at, recommended, desired }) => ({
      at: clock.monotonic() - Math.max(0, now - at.getTime()),
      recommended,
      desired,
    }));
  }

  async #evaluate(group: ScalingGroup, watched: Watched): Promise<void> {
    const { clock } = this.#seams;
    const now = clock.now();
    const { desiredCount: current, ...bounds } = effectiveOf(group, now);
    const past = this.#past(watched);
    const isHole = !past.some(({ ageMs }) => ageMs <= HOLE_MS);
    if (isHole) await this.#remember(group, watched, { policy: 'none', count: current }, current);
    const wanted = current === 0 ? [] : this.#wanted(group, current, now);
    const recommendation =
      current === 0
        ? { held: 'the count is 0; policies begin again when somebody scales it up' }
        : wanted.length === 0
          ? { held: 'every policy rests after the last change' }
          : recommendationOf(wanted, current);
    if ('held' in recommendation) {
      const isEarly = clock.monotonic() - watched.since < this.#patienceMs();
      if (!isEarly)
        this.#say(watched, { active: inactive(current, wanted.length, recommendation.held), limited: UNLIMITED });
      return;
    }
    const settled = stabilizedCount(recommendation.count, current, this.#past(watched), bounds);
    this.#say(watched, {
      active: {
        type: 'ScalingActive',
        status: 'True',
        reason: 'Evaluating',
        message: 'the policies have what they need',
      },
      limited: limitedBy(settled.limit, bounds),
      ...(settled.count !== current && {
        decision: { policy: recommendation.policy, count: settled.count, from: current, why: recommendation.why },
      }),
    });
    if (!isHole) await this.#remember(group, watched, recommendation, current);
  }

  /** Metrics need some intervals to be known after a start: until then, silence says nothing. */
  #patienceMs(): number {
    const slowestMs = Math.max(0, ...[...this.#seams.metrics.values()].map(({ intervalMs }) => intervalMs));
    return EVERY_MS + 3 * slowestMs;
  }

  #past(watched: Watched): Past[] {
    const now = this.#seams.clock.monotonic();
    watched.past = (watched.past ?? []).filter(({ at }) => now - at <= WINDOW_MS);
    return watched.past.map(({ at, ...rest }) => ({ ageMs: now - at, ...rest }));
  }

  async #remember(
    { metadata }: ScalingGroup,
    watched: Watched,
    { policy, count }: Pick<Recommendation, 'policy' | 'count'>,
    desired: number,
  ): Promise<void> {
    const { clock, recommendations } = this.#seams;
    watched.past?.push({ at: clock.monotonic(), recommended: count, desired });
    await recommendations.append({ groupId: metadata.uid, at: clock.now(), recommended: count, desired, policy });
  }

  #wanted(group: ScalingGroup, current: number, now: Date): (ReturnType<typeof evaluatePolicy> & { policy: string })[] {
    const changedAt = Date.parse(group.status?.scaled?.at ?? '');
    const rests = (policy: ScalingPolicy) => {
      const ageMs = now.getTime() - changedAt;
      return ageMs >= 0 && ageMs < cooldownMs(policy);
    };
    const staying = observeMembers(group, this.#seams.view).instances.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
    return group.spec.policies
      .filter((policy) => !rests(policy))
      .map((policy) => ({
        policy: policy.name,
        ...evaluatePolicy(policy, this.#readings(staying, policy, now), current),
      }));
  }

  #readings(staying: readonly Instance[], { metric }: ScalingPolicy, now: Date): Reading[] {
    return staying.map((instance): Reading => {
      const condition = findCondition(instance, 'Ready');
      if (condition?.status !== 'True') return { ready: false };
      const measured = this.#seams.metrics.get(metric)?.measure(instance.metadata.uid);
      // What it used while it started says nothing of its share of the load.
      const readyAt = Date.parse(condition.lastTransitionTime);
      const isEarly = measured?.since && measured.since.getTime() < readyAt && readyAt <= now.getTime();
      return { ready: !isEarly, ...(!isEarly && measured?.value !== undefined && { value: measured.value }) };
    });
  }

  /** A decision that a pass has not carried out is told of again. */
  #say(watched: Watched, said: Scaling): void {
    const isNews = said.decision !== undefined || !sameJson(said, watched.said);
    watched.said = said;
    if (isNews) this.#seams.onChange(watched.ref, said.decision?.why ?? said.active.message);
  }
}

const inactive = (current: number, policies: number, message: string): ConditionInput => ({
  type: 'ScalingActive',
  status: current > 0 && policies === 0 ? 'True' : 'False',
  reason: current === 0 ? 'ScalingDisabled' : policies === 0 ? 'CoolingDown' : 'NoMetrics',
  message,
});

const limited = (status: ConditionInput['status'], reason: string, message: string): ConditionInput => ({
  type: 'ScalingLimited',
  status,
  reason,
  message,
});

const UNLIMITED = limited('False', 'DesiredWithinRange', 'the policies get what they want');

function limitedBy(
  limit: ReturnType<typeof stabilizedCount>['limit'],
  { minInstances, maxInstances }: { minInstances: number; maxInstances: number },
): ConditionInput {
  switch (limit) {
    case 'max':
      return limited('True', 'TooManyInstances', `the policies want more than maxInstances, which is ${maxInstances}`);
    case 'min':
      return limited('True', 'TooFewInstances', `the policies want fewer than minInstances, which is ${minInstances}`);
    case 'rate':
      return limited('True', 'ScaleOutLimit', 'at most the double, or 4 more, are added in 15 seconds');
    case 'window':
      return limited('True', 'ScaleInWindow', 'more was needed within the last 5 minutes');
    case undefined:
      return UNLIMITED;
  }
}
