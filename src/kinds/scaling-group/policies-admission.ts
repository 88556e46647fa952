import { cronComplaint, isTimeZone } from '../../base/cron.ts';
import type { Cause } from '../../base/errors.ts';
import { invalid } from '../../api/field-errors.ts';
import type { ScalingGroup } from './types.ts';
import type { ScalingPolicy, ScalingSchedule, ScalingStep } from './policies-schema.ts';

export function checkPolicies({ spec }: ScalingGroup): Cause[] {
  const causes = spec.policies.flatMap((policy, at) => checkPolicy(policy, `policies[${at}]`));
  const hasLimit = spec.template.spec.resources?.memory !== undefined;
  const ofMemory = spec.policies.findIndex(({ metric }) => metric === 'memory');
  return ofMemory < 0 || hasLimit
    ? causes
    : [
        ...causes,
        invalid(
          `policies[${ofMemory}].metric`,
          'memory is measured against the limit of the instances, and they have none: set template.spec.resources.memory',
        ),
      ];
}

function checkPolicy(policy: ScalingPolicy, path: string): Cause[] {
  const { type, target, steps } = policy;
  if (type === 'Step')
    return [
      ...(target === undefined ? [] : [invalid(`${path}.target`, 'is for TargetTracking; a Step policy has steps')]),
      ...(steps.length === 0 ? [invalid(`${path}.steps`, 'a Step policy needs at least one step')] : []),
      ...steps.flatMap((step, at) => checkStep(policy, step, `${path}.steps[${at}]`)),
      ...checkOverlap(steps, `${path}.steps`),
    ];
  return [
    ...(target === undefined ? [invalid(`${path}.target`, 'a TargetTracking policy needs a target')] : []),
    ...(steps.length > 0 ? [invalid(`${path}.steps`, 'are for type Step; TargetTracking has a target')] : []),
  ];
}

function checkStep({ adjustmentType }: ScalingPolicy, step: ScalingStep, path: string): Cause[] {
  const { lowerBound, upperBound, adjustment } = step;
  if (lowerBound === undefined && upperBound === undefined)
    return [invalid(path, 'give a lowerBound, an upperBound or both: without, it would hold at every value')];
  const causes: Cause[] = [];
  if (lowerBound !== undefined && upperBound !== undefined && lowerBound >= upperBound)
    causes.push(invalid(`${path}.upperBound`, `${upperBound} is not above the lowerBound, which is ${lowerBound}`));
  if (adjustmentType === 'ExactCapacity' && adjustment < 0)
    causes.push(invalid(`${path}.adjustment`, 'is the count itself, by adjustmentType ExactCapacity: 0 or more'));
  return causes;
}

const lower = ({ lowerBound }: ScalingStep): number => lowerBound ?? Number.NEGATIVE_INFINITY;
const upper = ({ upperBound }: ScalingStep): number => upperBound ?? Number.POSITIVE_INFINITY;

function checkOverlap(steps: readonly ScalingStep[], path: string): Cause[] {
  const sorted = steps.toSorted((a, b) => lower(a) - lower(b));
  const at = sorted.findIndex((step, i) => i > 0 && lower(step) < upper(sorted[i - 1] ?? step));
  return at < 0
    ? []
    : [invalid(path, `two steps hold at ${sorted[at]?.lowerBound ?? 'one value'}; let them not overlap`)];
}

/** The step that holds at a value. */
export const stepAt = (steps: readonly ScalingStep[], value: number): ScalingStep | undefined =>
  steps.find((step) => value >= lower(step) && value < upper(step));

export const checkSchedules = ({ spec }: ScalingGroup): Cause[] =>
  spec.schedules.flatMap((schedule, at) => checkSchedule(schedule, spec, `schedules[${at}]`));

function checkSchedule(schedule: ScalingSchedule, spec: ScalingGroup['spec'], path: string): Cause[] {
  const { cron, timeZone, minInstances, maxInstances, desiredCount } = schedule;
  const causes: Cause[] = [];
  const complaint = cronComplaint(cron);
  if (complaint !== undefined) causes.push(invalid(`${path}.cron`, `"${cron}": ${complaint}`));
  if (!isTimeZone(timeZone))
    causes.push(invalid(`${path}.timeZone`, `"${timeZone}" is no time zone; take a name such as Europe/Berlin or UTC`));
  if (minInstances === undefined && maxInstances === undefined && desiredCount === undefined)
    return [...causes, invalid(path, 'sets nothing: give minInstances, maxInstances or desiredCount')];
  const [min, max] = [minInstances ?? spec.minInstances, maxInstances ?? spec.maxInstances];
  if (min > max) causes.push(invalid(path, `its minimum of ${min} is more than its maximum of ${max}`));
  else if (desiredCount !== undefined && (desiredCount < min || desiredCount > max))
    causes.push(invalid(`${path}.desiredCount`, `${desiredCount} is outside ${min} to ${max}, which hold then`));
  return causes;
}

/**
 * What a desired count may be: whatever the bounds are at any time. Who applies the same YAML by night and by day gets
 * the same answer; what holds at a time is in `status.effective`.
 */
export function allowedCounts({ minInstances, maxInstances, schedules }: ScalingGroup['spec']): [number, number] {
  return [
    Math.min(minInstances, ...schedules.map((s) => s.minInstances ?? minInstances)),
    Math.max(maxInstances, ...schedules.map((s) => s.maxInstances ?? maxInstances)),
  ];
}
