import { isInstance } from '../instance/types.ts';
import type { Instance } from '../instance/types.ts';
import { findCondition, GROUP, isReady } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { SCALE_IN_PROTECTION } from './types.ts';
import type { ScalingGroup } from './types.ts';
import type { GroupConfig } from './config.ts';
import { withoutDefaults } from './template-hash.ts';
import { sameJson } from '../../base/hash.ts';
import type { Scaling } from './recommendation.ts';
import { boundsOf } from './schedules.ts';
import { countOf, durationMs } from '../../base/quantity.ts';

/** Label of every instance of a group: which template it was made from. */
export const TEMPLATE_LABEL = `${GROUP}/template`;

/** Reasons of an instance's Ready condition that another container of the same kind may cure. */
const UNHEALTHY = new Set(['Unhealthy', 'CrashLoopBackOff', 'Failed', 'Completed']);
/**
 * Reasons that only another template, or a person, cures: a new template whose instances have them has failed.
 * SubnetFull is none: another instance that leaves gives its address back.
 */
const STUCK = new Set(['ImageUnavailable', 'StartFailed', 'Refused', 'NameTaken', 'PortInUse']);

/** Annotation of an instance that took another's place: how many before it, one after the other, did not last. */
export const FAILED_REPLACEMENTS = `${GROUP}/replaced-in-vain`;
/** One that lived for so long, milliseconds, worked: whatever ended it is another matter. */
const LASTED_MS = 600_000;
/** Milliseconds that are waited beyond the grace period after the first that was in vain; doubled by each; at most. */
const [PATIENCE_MS, MOST_PATIENCE_MS] = [10_000, 300_000];

const replacementBackoffMs = (failedReplacements: number): number =>
  failedReplacements === 0 ? 0 : Math.min(PATIENCE_MS * 2 ** (failedReplacements - 1), MOST_PATIENCE_MS);

/** What is written on the instance that takes this one's place. */
export const failedReplacementsAfter = ({ failedReplacements, createdAt }: Member, now: Date): number =>
  now.getTime() - createdAt >= LASTED_MS ? 0 : failedReplacements + 1;

/** What a load balancer says of a target. */
export type TargetHealth = 'Healthy' | 'Unhealthy' | 'Pending';

/** An instance of the group, as far as the group needs to know it. */
export interface Member {
  name: string;
  uid: string;
  slot: number;
  createdAt: number;
  /** Its deletion was asked for: it holds its slot and counts for nothing else. */
  leaving: boolean;
  /** Made from another template, or changed by hand since. */
  outdated: boolean;
  ready: boolean;
  /** Ready for minReadySeconds and up in every load balancer that wants it. */
  available: boolean;
  /** When it will be, if nothing changes, milliseconds of the wall clock. */
  availableAt?: number;
  /** When, if it is not available by then, its template counts as failed. */
  lateAt: number;
  /** Why another shall take its place: it has been unwell since before the grace period ended. */
  unhealthy?: string;
  /** From when on another may; milliseconds of the wall clock. */
  replaceAt: number;
  /** That time has come. */
  replaceable: boolean;
  /** How many before it, one after the other, did not last. */
  failedReplacements: number;
  /** Why a template that it was made from counts as failed. */
  failed?: string;
  /** Its VPC has no address left for it. */
  noAddress: boolean;
  protected: boolean;
  /** Of the image that its container runs. */
  imageId?: string;
}

export interface GroupObserved {
  instances: readonly Instance[];
  /** Who holds the name of a slot and is not the group's. */
  foreign: ReadonlySet<number>;
  /** What the load balancers say of an instance, by its uid: the worst of them. */
  targets: ReadonlyMap<string, TargetHealth>;
  /** What the policies have come to; `undefined`: not yet, or there are none. */
  scaling: Scaling | undefined;
  /** What the instances are given. */
  config: GroupConfig;
  /** The VPC's uid when it has a row, for the group's own. */
  vpcRow: string | undefined;
}

const slotOf = (group: ScalingGroup, name: string): number | undefined => {
  const text = name.slice(group.metadata.name.length + 1);
  return name.startsWith(`${group.metadata.name}-`) && /^(0|[1-9]\d{0,4})$/.test(text) ? Number(text) : undefined;
};

export const nameOfSlot = (group: ScalingGroup, slot: number): string => `${group.metadata.name}-${slot}`;

const isOwn = (group: ScalingGroup, instance: Instance): boolean =>
  (instance.metadata.ownerReferences ?? []).some((o) => o.uid === group.metadata.uid && o.controller === true);

/** The group's instances in the order of their slots, and who else stands on a slot that the group may want. */
export function observeMembers(group: ScalingGroup, view: View): Pick<GroupObserved, 'instances' | 'foreign'> {
  const instances = view.lookup('Instance', 'owner', group.metadata.uid).filter(isInstance);
  const own = instances.filter((i) => isOwn(group, i) && slotOf(group, i.metadata.name) !== undefined);
  const { namespace } = group.metadata;
  const foreign = new Set<number>();
  const held = new Set(own.map((i) => slotOf(group, i.metadata.name)));
  const staying = own.filter((i) => i.metadata.deletionTimestamp === undefined).length;
  const { desiredCount, strategy, pin } = group.spec;
  const desired = Math.max(desiredCount, pin?.desiredCount ?? 0, boundsOf(group).minInstances);
  // As many slots as the group could want at once; one whose holder is not the group's takes up its place.
  let wanted = desired + countOf(strategy.maxSurge, desired, Math.ceil) - staying;
  for (let slot = 0; wanted > 0; slot++) {
    if (held.has(slot)) continue;
    const holder = view.get({ kind: 'Instance', namespace, name: nameOfSlot(group, slot) });
    if (holder && isInstance(holder) && !isOwn(group, holder)) foreign.add(slot);
    wanted--;
  }
  const bySlot = (i: Instance) => slotOf(group, i.metadata.name) ?? 0;
  return { instances: own.toSorted((a, b) => bySlot(a) - bySlot(b)), foreign };
}

export const membersOf = (group: ScalingGroup, observed: GroupObserved, now: Date): Member[] =>
  observed.instances.map((instance) => memberOf(group, instance, observed, now.getTime()));

function memberOf(group: ScalingGroup, instance: Instance, observed: GroupObserved, now: number): Member {
  const { metadata } = instance;
  const ready = isReady(instance);
  const target = observed.targets.get(metadata.uid);
  const member: Member = {
    name: metadata.name,
    uid: metadata.uid,
    slot: slotOf(group, metadata.name) ?? 0,
    createdAt: Date.parse(metadata.creationTimestamp),
    leaving: metadata.deletionTimestamp !== undefined,
    outdated: isOutdated(group, instance, observed.config),
    ready,
    available: false,
    lateAt: changedAt(instance) + durationMs(group.spec.strategy.progressDeadline),
    replaceAt: 0,
    replaceable: false,
    noAddress: findCondition(instance, 'Ready')?.reason === 'SubnetFull',
    failedReplacements: Number(metadata.annotations?.[FAILED_REPLACEMENTS] ?? 0) || 0,
    protected: metadata.annotations?.[SCALE_IN_PROTECTION] === 'true',
  };
  if (instance.status?.imageId !== undefined) member.imageId = instance.status.imageId;
  if (ready && (target === undefined || target === 'Healthy')) judgeAvailable(member, group, instance, now);
  const sick = unhealthyReason(group, instance, target);
  const grace = durationMs(group.spec.healthCheckGracePeriod);
  const age = now - member.createdAt;
  // A clock that was set back makes nobody young who was old enough to be replaced, and nobody's template a failure.
  member.replaceAt = member.createdAt + grace + replacementBackoffMs(member.failedReplacements);
  member.replaceable = age < 0 || now >= member.replaceAt;
  if (sick && (age < 0 || age >= grace)) member.unhealthy = sick;
  const bad = sick ?? stuckReason(instance);
  if (bad && age >= grace) member.failed = bad;
  else if (!member.available && now >= member.lateAt)
    member.failed = `is not available after ${group.spec.strategy.progressDeadline}`;
  return member;
}

/** Since when it is, or is not, Ready: one that was and is not any more has its time anew. */
const changedAt = (instance: Instance): number =>
  Date.parse(findCondition(instance, 'Ready')?.lastTransitionTime ?? instance.metadata.creationTimestamp);

function judgeAvailable(member: Member, group: ScalingGroup, instance: Instance, now: number): void {
  const since = Date.parse(findCondition(instance, 'Ready')?.lastTransitionTime ?? '');
  const at = since + group.spec.strategy.minReadySeconds * 1000;
  if (now >= at || now < since) member.available = true;
  else member.availableAt = at;
}

function isOutdated(group: ScalingGroup, { metadata, spec }: Instance, { hash }: GroupConfig): boolean {
  if (metadata.labels?.[TEMPLATE_LABEL] !== hash) return true;
  return !sameJson(withoutDefaults(spec), withoutDefaults(group.spec.template.spec));
}

function unhealthyReason(
  group: ScalingGroup,
  instance: Instance,
  target: TargetHealth | undefined,
): string | undefined {
  const ready = findCondition(instance, 'Ready');
  if (ready?.status === 'False' && UNHEALTHY.has(ready.reason)) return `is ${ready.reason}: ${ready.message}`;
  return group.spec.healthCheckType === 'LoadBalancer' && target === 'Unhealthy'
    ? 'fails the health check of its load balancer'
    : undefined;
}

function stuckReason(instance: Instance): string | undefined {
  const ready = findCondition(instance, 'Ready');
  return ready?.status === 'False' && STUCK.has(ready.reason) ? `is ${ready.reason}: ${ready.message}` : undefined;
}
