import type { ScalingGroup, ScalingGroupStatus } from './types.ts';
import type { ScalingSchedule } from './policies-schema.ts';
import { sameJson } from '../../base/hash.ts';
import type { Pass, Step, ConditionInput } from '../../engine/contract.ts';
import type { Scaling } from './recommendation.ts';
import { ownerOf } from './revisions.ts';
import { boundsOf, dueRuns, effectiveOf, isPinned, scheduleStatuses } from './schedules.ts';
import type { DueRun } from './schedules.ts';

/** Field manager of a pin's end. */
const PIN = 'pin';
const SCHEDULE = 'schedule/';
const POLICY = 'policy/';

/** What changes the count by itself: the end of a pin, a clock, the load. Each as a field owner of its own (I6). */
export type CountStep =
  | (Step & { do: 'releasePin' })
  | (Step & { do: 'runSchedule'; run: DueRun; skipped: boolean })
  | (Step & { do: 'followPolicy'; policy: string; from: number; count: number });

type Spec = ScalingGroup['spec'];

/** Pure: one at a time, and before anything is done for the count. */
export function planCount(group: ScalingGroup, scaling: Scaling | undefined, now: Date): CountStep | undefined {
  const { pin, suspend } = group.spec;
  if (pin && !isPinned(pin, now))
    return { do: 'releasePin', why: `the pin ended at ${pin.until}`, event: 'PinReleased' };
  const [run] = dueRuns(group, now);
  if (run) {
    const { name, cron, timeZone } = run.schedule;
    const skipped = suspend.includes('ScheduledActions');
    const why = `schedule ${name} (${cron}, ${timeZone}) came at ${run.at.toISOString()}`;
    return { do: 'runSchedule', run, skipped, why, ...(skipped ? {} : { event: 'ScheduledAction' }) };
  }
  const decision = scaling?.decision;
  if (!decision || pin || suspend.includes('AlarmNotification') || !stillHolds(group, decision, now)) return undefined;
  return { do: 'followPolicy', ...decision, event: 'ScaledByPolicy' };
}

/** What a policy came to, it came to for the count of that time, and within the bounds of that time. */
function stillHolds(group: ScalingGroup, { from, count }: { from: number; count: number }, now: Date): boolean {
  const { desiredCount, minInstances, maxInstances } = effectiveOf(group, now);
  return desiredCount === from && count >= minInstances && count <= maxInstances;
}

export function actOnCount(step: CountStep, pass: Pass): Promise<void> {
  switch (step.do) {
    case 'releasePin':
      return pass.amend(PIN, ({ spec }) => {
        const { pin: _, ...rest } = spec as Spec;
        return { spec: rest };
      });
    case 'runSchedule':
      return pass.amend(SCHEDULE + step.run.schedule.name, (latest) => ran(latest as ScalingGroup, step, pass.now()));
    case 'followPolicy':
      return pass.amend(POLICY + step.policy, (latest) => followed(latest as ScalingGroup, step, pass.now()));
  }
}

function ran(group: ScalingGroup, { run, skipped }: CountStep & { do: 'runSchedule' }, now: Date) {
  const { schedule, at } = run;
  if (!group.spec.schedules.some((s) => sameJson(s, schedule))) return undefined;
  const { desiredCount } = schedule;
  const schedules = scheduleStatuses(group, now, { ...run, skipped });
  if (skipped || desiredCount === undefined) return { spec: group.spec, status: { schedules } };
  const why = `set to ${desiredCount} by its run of ${at.toISOString()}`;
  const scaled = { by: SCHEDULE + schedule.name, at: now.toISOString(), why };
  return { spec: { ...group.spec, desiredCount }, status: { schedules, scaled } };
}

function followed(group: ScalingGroup, step: CountStep & { do: 'followPolicy' }, now: Date) {
  if (group.spec.pin || !stillHolds(group, step, now)) return undefined;
  const scaled = { by: POLICY + step.policy, at: now.toISOString(), why: step.why };
  return { spec: { ...group.spec, desiredCount: step.count }, status: { scaled } };
}

export function printCountStep(step: CountStep): string {
  switch (step.do) {
    case 'releasePin':
      return 'let go of the pinned count';
    case 'runSchedule':
      return step.skipped
        ? `leave out schedule ${step.run.schedule.name}: ScheduledActions is suspended`
        : `carry out schedule ${step.run.schedule.name}: ${setBy(step.run.schedule)}`;
    case 'followPolicy':
      return `set the desired count from ${step.from} to ${step.count}: ${step.why}`;
  }
}

const setBy = (schedule: ScalingSchedule): string =>
  (['minInstances', 'maxInstances', 'desiredCount'] as const)
    .flatMap((field) => (schedule[field] === undefined ? [] : [`${field} ${schedule[field]}`]))
    .join(', ');

/** Who set the count that holds, and why. */
function scaledBy(group: ScalingGroup, now: Date): NonNullable<ScalingGroupStatus['scaled']> {
  const { status, spec, metadata } = group;
  const said = (by: string, why: string, at: string) => {
    const before = status?.scaled;
    const isSame =
      before?.by === by &&
      before.why === why &&
      status?.effective?.desiredCount === effectiveOf(group, now).desiredCount;
    return isSame ? before : { by, why, at };
  };
  const { pin, desiredCount } = spec;
  if (pin && isPinned(pin, now)) {
    const owner = ownerOf(group, 'f:pin');
    const why = `pinned to ${pin.desiredCount} until ${pin.until}`;
    return said(owner?.manager ?? 'default', why, owner?.time ?? metadata.creationTimestamp);
  }
  const { minInstances, maxInstances, minBy, maxBy } = boundsOf(group);
  const mover = desiredCount < minInstances ? minBy : desiredCount > maxInstances ? maxBy : undefined;
  if (mover) {
    const bound = mover === minBy ? `minInstances is ${minInstances}` : `maxInstances is ${maxInstances}`;
    const at = mover.lastRun ?? metadata.creationTimestamp;
    return said(SCHEDULE + mover.name, `${bound} since its run of ${at}`, at);
  }
  const owner = ownerOf(group, 'f:desiredCount');
  const by = owner?.manager ?? 'default';
  // These two wrote down themselves why they did it, together with the count.
  if (status?.scaled?.by === by && (by.startsWith(POLICY) || by.startsWith(SCHEDULE))) return status.scaled;
  const why =
    owner === undefined
      ? 'minInstances, as nobody has said otherwise'
      : by === 'bounds'
        ? 'minInstances or maxInstances moved past it'
        : `set to ${desiredCount}`;
  return said(by, why, owner?.time ?? metadata.creationTimestamp);
}

/** Whether the policies act, in Kubernetes' words; none of a group that has none. */
export function scalingVerdicts(group: ScalingGroup, scaling: Scaling | undefined, now: Date): ConditionInput[] {
  const { policies, pin, suspend } = group.spec;
  if (policies.length === 0) return [];
  const before = (type: string): ConditionInput[] =>
    (group.status?.conditions ?? [])
      .filter((c) => c.type === type)
      .map(({ status, reason, message }) => ({ type, status, reason, message }));
  const limited = scaling ? [scaling.limited] : before('ScalingLimited');
  const inactive = (reason: string, message: string): ConditionInput[] => [
    { type: 'ScalingActive', status: 'False', reason, message },
    ...limited,
  ];
  if (pin && isPinned(pin, now)) return inactive('Pinned', `the count is pinned until ${pin.until}`);
  if (suspend.includes('AlarmNotification')) return inactive('Suspended', 'AlarmNotification is suspended');
  if (scaling) return [scaling.active, ...limited];
  const known = before('ScalingActive').filter(({ reason }) => reason !== 'Pinned' && reason !== 'Suspended');
  if (known.length > 0) return [...known, ...limited];
  return [
    { type: 'ScalingActive', status: 'Unknown', reason: 'Beginning', message: 'waiting for the first metrics' },
    ...limited,
  ];
}

/** What a document says of its scaling, but for the counts. */
export const countStatus = (group: ScalingGroup, now: Date): Partial<ScalingGroupStatus> => ({
  effective: effectiveOf(group, now),
  scaled: scaledBy(group, now),
  ...(group.spec.schedules.length > 0 && { schedules: scheduleStatuses(group, now) }),
});
