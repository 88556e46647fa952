import type { InventoryRow } from '../../store/inventory.ts';
import { selectorOf } from './types.ts';
import type { ScalingGroup, ScalingGroupStatus } from './types.ts';
import { durationMs } from '../../base/quantity.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { Outcome, Report, ConditionInput } from '../../engine/contract.ts';
import { nameOfSlot } from './members.ts';
import { configConditions, CONFIG_NOT_FOUND } from '../instance/public.ts';
import type { GroupConfig } from './config.ts';
import type { GroupObserved, Member } from './members.ts';
import { countStatus, scalingVerdicts } from './count.ts';
import { differingImages, judged, rollBackTo } from './revisions.ts';
import { nextRuns } from './schedules.ts';
import { decisionOf, rolloutFailure } from './plan.ts';
import type { Decision, ScalingGroupStep } from './plan.ts';
import { degraded, listed, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';

/** Milliseconds after a deadline at which it is looked whether it was kept: times are stored in whole seconds. */
const SLACK_MS = 50;
/** Schedules are looked at this often: a clock that is set moves no timer. */
const SCHEDULES_EVERY_MS = 30_000;

export function reportScalingGroup(
  group: ScalingGroup,
  observed: GroupObserved,
  left: readonly ScalingGroupStep[],
  now: Date,
): Report {
  const decision = decisionOf(group, observed, now);
  const failure = rolloutFailure(group, observed.config, decision.members);
  const { ready: verdict, outcome } =
    group.metadata.deletionTimestamp === undefined
      ? conditionsOf(group, observed.config, decision, failure, left, now)
      : conditionsOfDeletion(decision.members);
  const status = statusOf(
    group,
    observed.config,
    decision.members,
    { failure, completed: verdict.status === 'True' && decision.members.every((m) => m.leaving || !m.outdated) },
    now,
  );
  return {
    status,
    outcome,
    conditions: [
      verdict,
      progressing(outcome),
      degradedBy(group, decision, failure),
      ...configConditions(group.spec.template.spec, observed.config.missing),
      ...(outcome.is === 'gone' ? [] : scalingVerdicts(group, observed.scaling, now)),
    ],
    ...(outcome.is === 'gone' ? {} : { inventory: rowOf(group, status, observed, verdict.reason) }),
  };
}

function statusOf(
  group: ScalingGroup,
  config: GroupConfig,
  members: readonly Member[],
  rollout: { failure: string | undefined; completed: boolean },
  now: Date,
): ScalingGroupStatus {
  const staying = members.filter((m) => !m.leaving);
  const count = (is: (m: Member) => boolean) => staying.filter(is).length;
  const revisions = judged(group, config, rollout, now);
  return {
    currentCount: staying.length,
    readyCount: count((m) => m.ready),
    availableCount: count((m) => m.available),
    updatedCount: count((m) => !m.outdated),
    selector: selectorOf(group),
    ...countStatus(group, now),
    ...(revisions.length > 0 ? { revision: revisions.at(-1)?.revision } : {}),
    revisions,
  };
}

function conditionsOf(
  group: ScalingGroup,
  config: GroupConfig,
  decision: Decision,
  failure: string | undefined,
  left: readonly ScalingGroupStep[],
  now: Date,
): { ready: ConditionInput; outcome: Outcome } {
  const { members, wish, blocked } = decision;
  const staying = members.filter((m) => !m.leaving);
  const available = staying.filter((m) => m.available).length;
  const outdated = staying.filter((m) => m.outdated && !m.protected);
  const counts = `${available} of ${wish.desired} are available`;
  if (failure !== undefined)
    return {
      ready: ready('False', 'RolloutFailed', `${failure}; ${counts}. ${roomFor(decision) ?? REMEDY}`),
      outcome: rollBackTo(group, config, judged(group, config, { failure, completed: false }, now))
        ? { is: 'progressing', afterMs: 0 }
        : waiting(group, staying, now),
    };
  if (blocked.length > 0) {
    const name = nameOfSlot(group, blocked[0] ?? 0);
    const message = `Instance ${group.metadata.namespace}/${name} is not the group's and has the name of one of its slots; delete it, or name the group otherwise`;
    return { ready: ready('False', 'SlotTaken', message), outcome: { is: 'blocked', reason: 'SlotTaken', message } };
  }
  if (left.length > 0)
    return {
      ready: ready('False', outdated.length > 0 ? 'RollingUpdate' : 'Scaling', counts),
      outcome: { is: 'progressing', afterMs: 0 },
    };
  if (config.missing.length > 0 && (outdated.length > 0 || staying.length !== wish.desired))
    return {
      ready: ready('False', CONFIG_NOT_FOUND, `${listed(config.missing)}; ${counts}`),
      outcome: { is: 'waiting', on: 'what its instances are given', afterMs: WAITING_LOOK_MS },
    };
  if (outdated.length > 0) {
    const updated = `${staying.length - outdated.length} of ${wish.desired} have the newest template; ${counts}`;
    const suspended = wish.suspend.has('InstanceRefresh') ? '; InstanceRefresh is suspended' : '';
    return {
      ready: ready('False', 'RollingUpdate', `${updated}${suspended}${sentence(roomFor(decision))}`),
      outcome: waiting(group, staying, now),
    };
  }
  if (staying.length !== wish.desired) {
    const hindrance = hindranceOf(decision);
    return {
      ready: ready('False', hindrance.reason, `${staying.length} of ${wish.desired} exist: ${hindrance.message}`),
      outcome: waiting(group, staying, now),
    };
  }
  if (available < wish.desired)
    return {
      ready: ready('False', 'InstancesUnavailable', `${counts}${because(staying)}${sentence(roomFor(decision))}`),
      outcome: waiting(group, staying, now),
    };
  return {
    ready: ready('True', 'AsDesired', `all ${wish.desired} are available${ofTemplate(staying)}`),
    outcome: { is: 'reconciled', ...nextLook(group, staying, now) },
  };
}

const because = (staying: readonly Member[]): string => {
  const bad = staying.find((m) => m.failed);
  return bad ? `; ${bad.name} ${bad.failed}` : '';
};

function ofTemplate(staying: readonly Member[]): string {
  const kept = staying.filter((m) => m.outdated).map((m) => m.name);
  return kept.length === 0
    ? ' and of the newest template'
    : `; ${listed(kept)} is protected and keeps an older template`;
}

/** What a new instance that has no address waits for, or what helps it. An old one that goes first leaves its own. */
function roomFor({ members, wish }: Decision): string | undefined {
  const waits = members.find((m) => !m.leaving && !m.outdated && m.noAddress);
  if (!waits) return undefined;
  const leaving = members.find((m) => m.leaving);
  if (leaving) return `${waits.name} waits for the address of ${leaving.name}, which is leaving`;
  const first = `The VPC has no free address for ${waits.name}`;
  const larger = 'delete what is not needed in the VPC, or make the group anew in a larger one';
  return wish.strategy === 'RollingUpdate' && wish.maxSurge > 0
    ? `${first}: set strategy.maxSurge to 0 and strategy.maxUnavailable to 1, so that an old instance goes before a new one comes; or ${larger}`
    : `${first}: ${larger}`;
}

const sentence = (text: string | undefined): string => (text === undefined ? '' : `. ${text}`);

const REMEDY = 'Correct the template, or go back: miniaws rollback';

/** Nothing is left to do, and the number is not right: something keeps it from being so. */
function hindranceOf({ members, wish }: Decision): { reason: string; message: string } {
  const staying = members.filter((m) => !m.leaving);
  const process = staying.length < wish.desired ? 'Launch' : 'Terminate';
  if (wish.suspend.has(process)) return { reason: 'Suspended', message: `${process} is suspended` };
  if (staying.length > wish.desired)
    return { reason: 'Protected', message: 'the others are protected from scaling in; take the annotation off' };
  return { reason: 'Waiting', message: 'those of the old template are being removed first' };
}

/** For its instances, or for the next time at which one of them counts differently. */
function waiting(group: ScalingGroup, staying: readonly Member[], now: Date): Outcome {
  const on = listed(staying.filter((m) => !m.available).map((m) => m.name)) || 'its instances';
  const { afterMs = WAITING_LOOK_MS } = nextLook(group, staying, now);
  return { is: 'waiting', on, afterMs: Math.min(afterMs, WAITING_LOOK_MS) };
}

function nextLook(group: ScalingGroup, staying: readonly Member[], now: Date): { afterMs?: number } {
  const { healthCheckGracePeriod, pin } = group.spec;
  const times = staying.flatMap((m) =>
    m.available ? [] : [m.availableAt ?? 0, m.createdAt + durationMs(healthCheckGracePeriod), m.replaceAt, m.lateAt],
  );
  const runs = nextRuns(group, now).map((time) => Math.min(time, now.getTime() + SCHEDULES_EVERY_MS));
  const next = [...times, ...runs, ...(pin ? [Date.parse(pin.until)] : [])].filter((time) => time > now.getTime());
  return next.length === 0 ? {} : { afterMs: Math.min(...next) - now.getTime() + SLACK_MS };
}

function conditionsOfDeletion(members: readonly Member[]): { ready: ConditionInput; outcome: Outcome } {
  const on = listed(members.map((m) => m.name));
  return members.length === 0
    ? { ready: ready('False', 'Deleting', 'the last instance is gone'), outcome: { is: 'gone' } }
    : {
        ready: ready('False', 'Deleting', `its deletion waits for ${on}`),
        outcome: { is: 'waiting', on, afterMs: WAITING_LOOK_MS },
      };
}

function degradedBy(group: ScalingGroup, { members }: Decision, failure: string | undefined): ConditionInput {
  if (failure !== undefined) return degraded('True', 'RolloutFailed', failure);
  const sick = members.filter((m) => !m.leaving && (m.unhealthy ?? m.failed));
  const [first] = sick;
  if (first)
    return degraded(
      'True',
      'Unhealthy',
      `${listed(sick.map((m) => m.name))}: ${first.name} ${first.unhealthy ?? first.failed}`,
    );
  const mixed = differingImages(group, members);
  return mixed === undefined ? NOT_DEGRADED : degraded('True', 'DifferentImages', mixed);
}

/** The seed's words for a group's state. */
const STATES: Readonly<Record<string, string>> = {
  AsDesired: 'ACTIVE',
  Deleting: 'DELETING',
  RollingUpdate: 'UPDATING',
  RolloutFailed: 'FAILED',
  SlotTaken: 'BLOCKED',
};

function rowOf(
  { metadata, spec }: ScalingGroup,
  status: ScalingGroupStatus,
  { vpcRow }: GroupObserved,
  reason: string,
): InventoryRow {
  return {
    table: 'scaling_groups',
    id: metadata.uid,
    namespace: metadata.namespace,
    name: metadata.name,
    vpcId: vpcRow ?? null,
    ...(status.effective ?? {
      minInstances: spec.minInstances,
      maxInstances: spec.maxInstances,
      desiredCount: spec.desiredCount,
    }),
    currentCount: status.currentCount ?? 0,
    status: STATES[reason] ?? 'SCALING',
  };
}
