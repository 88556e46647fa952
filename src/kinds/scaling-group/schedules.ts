import type { ScalingGroup, ScalingGroupStatus } from './types.ts';
import type { ScalingSchedule, ScheduleStatus } from './policies-schema.ts';
import { runsAround } from '../../base/cron.ts';

/** A time later than this beyond now is none that was ever reached: the clock was set back since. */
const AHEAD_MS = 60_000;

/** A run that has come and was not carried out yet. */
export interface DueRun {
  schedule: ScalingSchedule;
  at: Date;
}

const expressionOf = ({ cron, timeZone }: ScalingSchedule): string => `${cron} ${timeZone}`;

const known = (group: ScalingGroup, { name }: ScalingSchedule): ScheduleStatus | undefined =>
  group.status?.schedules?.find((s) => s.name === name);

/** From when on the runs of a schedule count: those before it was there, or before the clock was set back, do not. */
function sinceOf(group: ScalingGroup, schedule: ScalingSchedule, now: Date): number {
  const before = known(group, schedule);
  if (before?.expression !== expressionOf(schedule)) return now.getTime();
  const since = Date.parse(before.since);
  return since > now.getTime() + AHEAD_MS ? now.getTime() : since;
}

/** The last run of each schedule that was missed, in the order of their times: many that were missed are one. */
export function dueRuns(group: ScalingGroup, now: Date): DueRun[] {
  return group.spec.schedules
    .flatMap((schedule): DueRun[] => {
      const { last } = runsAround(schedule.cron, schedule.timeZone, now);
      return last && last.getTime() > sinceOf(group, schedule, now) ? [{ schedule, at: last }] : [];
    })
    .toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

/** What status says of the schedules; `ran` and `skipped` with the run that is being carried out, or left out. */
export function scheduleStatuses(
  group: ScalingGroup,
  now: Date,
  run?: DueRun & { skipped: boolean },
): readonly ScheduleStatus[] {
  return group.spec.schedules.map((schedule) => {
    const before = known(group, schedule);
    const isThis = run?.schedule.name === schedule.name;
    const since = isThis ? run.at : new Date(sinceOf(group, schedule, now));
    const lastRun = isThis && !run.skipped ? run.at.toISOString() : before?.lastRun;
    const { next } = runsAround(schedule.cron, schedule.timeZone, now);
    return {
      name: schedule.name,
      expression: expressionOf(schedule),
      since: since.toISOString(),
      ...(lastRun !== undefined && { lastRun }),
      ...(next && { nextRun: next.toISOString() }),
    };
  });
}

/** When the next one runs, milliseconds of the wall clock. */
export const nextRuns = (group: ScalingGroup, now: Date): number[] =>
  group.spec.schedules.flatMap(({ cron, timeZone }) => runsAround(cron, timeZone, now).next?.getTime() ?? []);

export const isPinned = (pin: { until: string }, now: Date): boolean => now.getTime() < Date.parse(pin.until);

type Effective = NonNullable<ScalingGroupStatus['effective']>;

/** What holds now: a pin beats the specification, schedules move its bounds, and all stay within these. */
export function effectiveOf(group: ScalingGroup, now: Date): Effective {
  const { pin, desiredCount } = group.spec;
  const { minInstances, maxInstances } = boundsOf(group);
  const wanted = pin && isPinned(pin, now) ? pin.desiredCount : desiredCount;
  return { minInstances, maxInstances, desiredCount: Math.min(Math.max(wanted, minInstances), maxInstances) };
}

interface Bounds {
  minInstances: number;
  maxInstances: number;
  /** Whose run set it; none: the specification did. */
  minBy?: ScheduleStatus;
  maxBy?: ScheduleStatus;
}

/** The later run counts; where a minimum and a maximum contradict each other, it moves the other one. */
export function boundsOf(group: ScalingGroup): Bounds {
  const { minInstances, maxInstances, schedules } = group.spec;
  const bounds: Bounds = { minInstances, maxInstances };
  const ran = (group.status?.schedules ?? []).filter((s) => s.lastRun !== undefined);
  for (const status of ran.toSorted((a, b) => Date.parse(a.lastRun ?? '') - Date.parse(b.lastRun ?? ''))) {
    const { minInstances: min, maxInstances: max } = schedules.find((s) => s.name === status.name) ?? {};
    if (min !== undefined) {
      bounds.minInstances = min;
      bounds.minBy = status;
      if (max === undefined && min > bounds.maxInstances) [bounds.maxInstances, bounds.maxBy] = [min, status];
    }
    if (max !== undefined) {
      [bounds.maxInstances, bounds.maxBy] = [max, status];
      if (min === undefined && max < bounds.minInstances) [bounds.minInstances, bounds.minBy] = [max, status];
    }
  }
  return bounds;
}
