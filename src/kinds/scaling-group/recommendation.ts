import type { ScalingPolicy, ScalingStep } from './policies-schema.ts';
import { stepAt } from './policies-admission.ts';
import { durationMs } from '../../base/quantity.ts';
import type { ConditionInput } from '../../engine/contract.ts';

/** Kubernetes' tolerance: so near to the target, nothing is changed. */
const TOLERANCE = 0.1;
/** What the arithmetic of fractions may be off by: 55 / 50 is a little more than 1.1 to a machine. */
const EPSILON = 1e-9;
/** Kubernetes' window: scaling in takes the highest recommendation of so many milliseconds. */
export const WINDOW_MS = 300_000;
/** Kubernetes' limit of scaling out: at most the double, or 4 more, in so many milliseconds. */
const PERIOD_MS = 15_000;
const [AT_MOST_TIMES, AT_MOST_MORE] = [2, 4];
/** Percent of its limit that an instance of which nothing is known is taken to use, before anything is scaled in. */
const ALL = 100;
/** Amazon's default of a Step policy's cool-down. */
const STEP_COOLDOWN_MS = 300_000;

/** One instance that stays. `value` is left out while nothing is known of it. */
export interface Reading {
  ready: boolean;
  value?: number;
}

/** What one policy wants; without a count, it holds what is. */
export interface Wanted {
  count?: number;
  /** Over the instances that are known, for people. */
  value?: number;
  why: string;
}

/** What the policies of a group have come to. */
export interface Scaling {
  /** The count that shall be set, and the one that it was decided on. */
  decision?: { policy: string; count: number; from: number; why: string };
  active: ConditionInput;
  limited: ConditionInput;
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * What a policy makes of the readings. `current`: the count that holds; never 0.
 * An instance that is not ready yet will take its share: it counts as 0 when that could scale out. One that is ready and
 * silent counts as 0 when scaling out and as fully used when scaling in. Where that turns the direction, or the metric
 * comes within the tolerance, it holds.
 */
export function evaluatePolicy(policy: ScalingPolicy, readings: readonly Reading[], current: number): Wanted {
  const known = readings.flatMap(({ ready, value }) => (ready && value !== undefined ? [value] : []));
  if (known.length === 0) return { why: `${policy.name}: nothing is known of ${policy.metric}` };
  const value = average(known);
  const said = (count: number | undefined): Wanted => ({
    ...(count !== undefined && { count }),
    value,
    why: words(policy, value),
  });
  const first = countFor(policy, value, known.length, current);
  if (first === undefined || first === current) return said(first);
  const isOut = first > current;
  if (!isOut && policy.disableScaleIn) return said(current);
  const silent = readings.filter(({ ready, value: v }) => ready && v === undefined).length;
  const unready = isOut ? readings.filter(({ ready }) => !ready).length : 0;
  if (silent + unready === 0) return said(first);
  const all = [...known, ...Array<number>(silent).fill(isOut ? 0 : fullUse(policy)), ...Array<number>(unready).fill(0)];
  const again = countFor(policy, average(all), all.length, current);
  return said(again === undefined || (isOut ? again < current : again > current) ? current : again);
}

const fullUse = ({ metric, target = ALL }: ScalingPolicy): number =>
  metric === 'requestsPerTarget' ? target : Math.max(ALL, target);

/** `undefined`: no step holds at the value. */
function countFor(policy: ScalingPolicy, value: number, instances: number, current: number): number | undefined {
  if (policy.type === 'Step') {
    const step = stepAt(policy.steps, value);
    return step && adjusted(policy, step, current);
  }
  const ratio = value / (policy.target ?? value);
  if (Math.abs(1 - ratio) <= TOLERANCE + EPSILON) return current;
  const count = Math.ceil(ratio * instances - EPSILON);
  // While instances come or go there are fewer of them, or more, than the count: that turns no direction.
  return ratio > 1 ? Math.max(count, current) : Math.min(count, current);
}

/** Amazon's rounding: a percentage moves by at least one. */
function adjusted({ adjustmentType }: ScalingPolicy, { adjustment }: ScalingStep, current: number): number {
  if (adjustmentType === 'ExactCapacity') return adjustment;
  if (adjustmentType === 'ChangeInCapacity') return current + adjustment;
  const change = (current * adjustment) / 100;
  if (change === 0) return current;
  return current + (Math.abs(change) < 1 ? Math.sign(change) : Math.trunc(change));
}

const UNIT = { cpu: ' %', memory: ' %', requestsPerTarget: '/s' } as const;

function words({ name, metric, target }: ScalingPolicy, value: number): string {
  const of = (amount: number) => `${Math.round(amount * 10) / 10}${UNIT[metric]}`;
  return `${name}: ${metric} is at ${of(value)}${target === undefined ? '' : `, target ${of(target)}`}`;
}

/** Milliseconds after a change of the count in which the policy rests. */
export const cooldownMs = ({ type, cooldown }: ScalingPolicy): number =>
  cooldown === undefined ? (type === 'Step' ? STEP_COOLDOWN_MS : 0) : durationMs(cooldown);

export interface Recommendation {
  policy: string;
  count: number;
  value?: number;
  why: string;
}

/**
 * Of several policies, the one that wants most. One that knows nothing, or rests, cannot want; while there is one, nothing
 * is scaled in for what the others want.
 * @returns in words why nothing is recommended, when no policy can say.
 */
export function recommendationOf(
  wanted: readonly (Wanted & { policy: string })[],
  current: number,
): Recommendation | { held: string } {
  const said = wanted.flatMap(({ count, ...rest }) => (count === undefined ? [] : [{ ...rest, count }]));
  const [most] = said.toSorted((a, b) => b.count - a.count);
  if (!most) return { held: wanted.map(({ why }) => why).join('; ') };
  const silent = wanted.find(({ count, value }) => count === undefined && value === undefined);
  return silent && most.count < current
    ? { ...most, count: current, why: `${most.why}; held, as ${silent.why}` }
    : most;
}

/** What was recommended before, and the count that held then. */
export interface Past {
  ageMs: number;
  recommended: number;
  desired: number;
}

export interface Bounds {
  minInstances: number;
  maxInstances: number;
}

/** The count that a recommendation comes to, and what kept it from being that itself. */
export function stabilizedCount(
  recommended: number,
  current: number,
  past: readonly Past[],
  { minInstances, maxInstances }: Bounds,
): { count: number; limit?: 'max' | 'min' | 'rate' | 'window' } {
  if (recommended < current) {
    const highest = Math.max(recommended, ...past.filter((p) => p.ageMs <= WINDOW_MS).map((p) => p.recommended));
    const count = Math.max(Math.min(current, highest), minInstances);
    return {
      count: Math.min(count, current),
      ...limitIf(count > recommended, count === minInstances ? 'min' : 'window'),
    };
  }
  const fastest = Math.max(AT_MOST_TIMES * countBefore(past, current), countBefore(past, current) + AT_MOST_MORE);
  const count = Math.max(Math.min(recommended, fastest, maxInstances), current);
  return { count, ...limitIf(count < recommended, count >= maxInstances ? 'max' : 'rate') };
}

const limitIf = <L>(is: boolean, limit: L): { limit?: L } => (is ? { limit } : {});

/** The lowest count since the period began. */
function countBefore(past: readonly Past[], current: number): number {
  const recent = past.filter((p) => p.ageMs < PERIOD_MS).map((p) => p.desired);
  const begin = past.filter((p) => p.ageMs >= PERIOD_MS).toSorted((a, b) => a.ageMs - b.ageMs)[0];
  return Math.min(current, ...recent, begin?.desired ?? current);
}
