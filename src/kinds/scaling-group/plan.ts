import { API_VERSION, RESTARTED_AT } from '../../api/metadata.ts';
import type { Ref } from '../../api/metadata.ts';
import { initSaid } from '../instance/public.ts';
import { parsePorts } from '../shared/port-mapping.ts';
import { IMAGE_ID } from '../instance/types.ts';
import { GROUP_LABEL, labelsOf } from './types.ts';
import type { Revision, ScalingGroup } from './types.ts';
import { ORPHAN } from '../../admission/operations.ts';
import { countOf } from '../../base/quantity.ts';
import type { Pass, Step } from '../../engine/contract.ts';
import { FAILED_REPLACEMENTS, failedReplacementsAfter, membersOf, nameOfSlot, TEMPLATE_LABEL } from './members.ts';
import type { GroupObserved, Member } from './members.ts';
import { currentRevision, imageToRecord, rollBackTo, TEMPLATE_CHANGED, whyOutdated } from './revisions.ts';
import type { GroupConfig } from './config.ts';
import { planCount } from './count.ts';
import type { CountStep } from './count.ts';
import { effectiveOf } from './schedules.ts';
import { decide, freeSlots } from './rollout.ts';
import type { RolloutPlan, RolloutTarget } from './rollout.ts';

export type ScalingGroupStep =
  | (Step & { do: 'createInstance'; name: string; failedReplacements: number })
  | (Step & { do: 'deleteInstance'; ref: Ref; uid: string })
  | (Step & { do: 'recordRevision' })
  | (Step & { do: 'recordImage'; imageId: string })
  | CountStep
  | (Step & { do: 'rollBack'; to: Revision });

/** The moves of the moment, with what they were decided on. */
export interface Decision {
  members: readonly Member[];
  wish: RolloutTarget;
  moves: RolloutPlan;
  slots: readonly number[];
  /** Slots that are wanted and held by strangers. */
  blocked: readonly number[];
}

/** So many instances are made in one pass: a count that was a mistake can be corrected before all of them exist. */
const AT_ONCE = 100;

/** What only one can have, a host's port or an address, is free when the one before has gone. */
function waitsForOld({ spec: { template } }: ScalingGroup, members: readonly Member[]): boolean {
  const { privateIp, ports } = template.spec;
  const isFixed =
    privateIp !== undefined || ports.some((text) => parsePorts(text)?.some(({ hostPort }) => hostPort !== 0));
  return isFixed && members.some((m) => m.leaving);
}

/** While something is missing that instances are given: none could be made in place of another. */
const HELD = ['Launch', 'InstanceRefresh', 'ReplaceUnhealthy'];

export function decisionOf(group: ScalingGroup, observed: GroupObserved, now: Date): Decision {
  const members = membersOf(group, observed, now);
  const { strategy, terminationPolicy, suspend } = group.spec;
  const desired = effectiveOf(group, now).desiredCount;
  const wish: RolloutTarget = {
    desired,
    strategy: strategy.type,
    maxUnavailable: countOf(strategy.maxUnavailable, desired, Math.floor),
    maxSurge: countOf(strategy.maxSurge, desired, Math.ceil),
    newestFirst: terminationPolicy === 'NewestInstance',
    suspend: new Set(observed.config.missing.length > 0 ? [...suspend, ...HELD] : suspend),
  };
  // A percentage of a small group can come to nothing on both sides: then one at a time.
  if (wish.maxUnavailable === 0 && wish.maxSurge === 0) wish.maxUnavailable = 1;
  const moves = decide(members, wish);
  const create = waitsForOld(group, members) ? 0 : Math.min(moves.create, AT_ONCE);
  return { members, wish, moves, ...freeSlots(create, members, observed.foreign) };
}

/** Pure: which instances shall come and go now. */
export function planScalingGroup(group: ScalingGroup, observed: GroupObserved, now: Date): readonly ScalingGroupStep[] {
  if (group.metadata.deletionTimestamp !== undefined) return planDeletion(group, observed);
  const counted = planCount(group, observed.scaling, now);
  if (counted) return [counted];
  const { config } = observed;
  const to = rollBackTo(group, config);
  if (to) return [{ do: 'rollBack', to, why: `revision ${group.status?.revision} failed`, event: 'RolledBack' }];
  const { members, wish, moves, slots } = decisionOf(group, observed, now);
  // Written before its first instance exists: which are of this revision is told by their age.
  const because = whyOutdated(group, config);
  const record: ScalingGroupStep[] =
    currentRevision(group, config) || config.missing.length > 0
      ? []
      : [{ do: 'recordRevision', why: group.status?.revisions ? because : 'the group is new' }];
  const staying = members.filter((m) => !m.leaving).length;
  const why = `${staying} of ${wish.desired} ${wish.desired === 1 ? 'instance exists' : 'instances exist'}`;
  const isUpdate = members.some((m) => m.outdated && !m.leaving);
  const failedReplacements = failedReplacementsOf(members, moves, now);
  const creations = slots.map((slot): ScalingGroupStep => ({
    do: 'createInstance',
    name: nameOfSlot(group, slot),
    failedReplacements,
    why: isUpdate ? because : why,
    event: isUpdate ? 'RollingOut' : 'ScaledOut',
  }));
  return [
    ...record,
    ...recordImage(group, config, members),
    ...moves.remove.map(({ member, why: w, event }) =>
      removal(group, member, event === 'RolledOut' && because !== TEMPLATE_CHANGED ? because : w, event),
    ),
    ...creations,
  ];
}

function recordImage(group: ScalingGroup, config: GroupConfig, members: readonly Member[]): ScalingGroupStep[] {
  const imageId = imageToRecord(group, config, members);
  return imageId === undefined ? [] : [{ do: 'recordImage', imageId, why: 'its first instance runs' }];
}

/** A group whose instances do not last replaces them more and more slowly: another of the same kind cures nothing. */
function failedReplacementsOf(members: readonly Member[], { remove }: RolloutPlan, now: Date): number {
  const replaced = remove.filter(({ event }) => event === 'Replaced').map(({ member }) => member);
  const leaving = members.filter((m) => m.leaving && m.unhealthy && !m.outdated);
  return Math.max(0, ...[...replaced, ...leaving].map((member) => failedReplacementsAfter(member, now)));
}

const removal = (group: ScalingGroup, member: Pick<Member, 'name' | 'uid'>, why: string, event: string) =>
  ({
    do: 'deleteInstance',
    ref: { kind: 'Instance', namespace: group.metadata.namespace, name: member.name },
    uid: member.uid,
    why,
    event,
  }) as const;

/** The group goes after its instances. Those of one that is deleted with `--cascade=orphan` are let go of. */
function planDeletion(group: ScalingGroup, observed: GroupObserved): ScalingGroupStep[] {
  if ((group.metadata.finalizers ?? []).includes(ORPHAN)) return [];
  return observed.instances
    .filter((i) => i.metadata.deletionTimestamp === undefined)
    .map(({ metadata: { name, uid } }) => removal(group, { name, uid }, 'the group was deleted', 'ScaledIn'));
}

/** Why the newest template, which has not been seen to work yet, counts as failed; `undefined` while it does not. */
export function rolloutFailure(
  group: ScalingGroup,
  config: GroupConfig,
  members: readonly Member[],
): string | undefined {
  const newest = currentRevision(group, config);
  if (!newest || newest.completedAt !== undefined) return undefined;
  // Times of documents are whole seconds. What is older was there before, with a template that has come back.
  const since = Math.floor(Date.parse(newest.createdAt) / 1000) * 1000;
  const bad = members.find((m) => !m.leaving && !m.outdated && m.failed && m.createdAt >= since);
  return bad && `${bad.name} ${bad.failed}`;
}

/** The document of a new instance. Its name is its slot's, so that nothing is made twice. */
export function instanceOf(
  group: ScalingGroup,
  config: GroupConfig,
  name: string,
  failedReplacements: number,
): Parameters<Pass['create']>[0] {
  const { namespace, name: owner, uid } = group.metadata;
  const { template, vpc } = group.spec;
  const { [RESTARTED_AT]: _, ...wanted } = template.metadata?.annotations ?? {};
  const imageId = currentRevision(group, config)?.imageId;
  const annotations = {
    ...wanted,
    ...(imageId !== undefined && { [IMAGE_ID]: `${template.spec.image}@${imageId}` }),
    ...(failedReplacements > 0 && { [FAILED_REPLACEMENTS]: String(failedReplacements) }),
  };
  return {
    apiVersion: API_VERSION,
    kind: 'Instance',
    metadata: {
      namespace,
      name,
      annotations,
      labels: { ...labelsOf(template), [GROUP_LABEL]: owner, [TEMPLATE_LABEL]: config.hash },
      ownerReferences: [
        { apiVersion: API_VERSION, kind: 'ScalingGroup', name: owner, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    // A template of before has no init, and its instances are made without one.
    spec: { ...initSaid(template.spec), vpc },
  };
}
