import type { Member } from './members.ts';

/** What a group is to come to, in numbers. */
export interface RolloutTarget {
  desired: number;
  strategy: 'RollingUpdate' | 'Recreate';
  /** RollingUpdate: how far the available ones may fall below `desired`, and all of them exceed it. */
  maxUnavailable: number;
  maxSurge: number;
  newestFirst: boolean;
  suspend: ReadonlySet<string>;
}

export interface RolloutPlan {
  /** How many instances of the newest template to add. */
  create: number;
  remove: readonly { member: Member; why: string; event: string }[];
}

type Removal = RolloutPlan['remove'][number];

/**
 * Which instances come and go now. Pure; what it says is true of any state that a crash, a person or a changed wish may
 * leave, and once its moves are made it has no others until something changes.
 */
export function decide(members: readonly Member[], wish: RolloutTarget): RolloutPlan {
  const staying = members.filter((m) => !m.leaving);
  const outdated = staying.filter((m) => m.outdated && !m.protected);
  const isRolling = outdated.length > 0 && !wish.suspend.has('InstanceRefresh');
  const moves = isRolling
    ? wish.strategy === 'Recreate'
      ? recreate(outdated)
      : roll(staying, outdated, wish)
    : keep(staying, members, wish);
  return {
    create: wish.suspend.has('Launch') ? 0 : moves.create,
    remove: wish.suspend.has('Terminate') ? [] : moves.remove,
  };
}

/** No template to change: the sick are replaced, then the number is set right. */
function keep(staying: readonly Member[], members: readonly Member[], wish: RolloutTarget): RolloutPlan {
  const replaced = wish.suspend.has('ReplaceUnhealthy')
    ? []
    : staying.filter((m) => m.unhealthy && m.replaceable && !m.protected);
  const rest = staying.filter((m) => !replaced.includes(m));
  const excess = inLeavingOrder(rest, wish)
    .slice(0, Math.max(0, rest.length - wish.desired))
    .map((member): Removal => ({
      member,
      why: tooMany(wish.desired),
      event: 'ScaledIn',
    }));
  // Recreate: the new ones wait until the last of the old has really gone.
  const mustWait = wish.strategy === 'Recreate' && members.some((m) => m.leaving && m.outdated);
  return {
    create: mustWait ? 0 : Math.max(0, wish.desired - rest.length),
    remove: [
      ...replaced.map((member): Removal => ({ member, why: `${member.name} ${member.unhealthy}`, event: 'Replaced' })),
      ...excess,
    ],
  };
}

const recreate = (outdated: readonly Member[]): RolloutPlan => ({
  create: 0,
  remove: outdated.map((member) => ({ member, why: OLD, event: 'RolledOut' })),
});

const OLD = 'it was made from another template';
const tooMany = (desired: number): string => `${desired} ${desired === 1 ? 'instance is' : 'instances are'} desired`;

/** As a Kubernetes Deployment: never fewer available than desired - maxUnavailable, never more than desired + maxSurge. */
function roll(staying: readonly Member[], outdated: readonly Member[], wish: RolloutTarget): RolloutPlan {
  const { desired, maxUnavailable, maxSurge } = wish;
  const current = staying.filter((m) => !outdated.includes(m));
  const least = desired - maxUnavailable;
  const available = staying.filter((m) => m.available).length;
  const pending = current.filter((m) => !m.available).length;
  // Those of the new that are too many, after a scale-in; then of the old those that are of no use, then the others.
  const surplus = inLeavingOrder(current, wish).slice(0, Math.max(0, current.length - desired));
  const old = inLeavingOrder(outdated, wish)
    .toSorted((a, b) => Number(a.available) - Number(b.available))
    .slice(0, Math.max(0, staying.length - least - pending));
  const leaving = [...surplus, ...old];
  const useless = leaving.filter((m) => !m.available);
  const useful = leaving.filter((m) => m.available).slice(0, Math.max(0, available - least));
  return {
    create: Math.max(0, Math.min(desired + maxSurge - staying.length, desired - current.length)),
    remove: [...useless, ...useful].map((member) => ({
      member,
      why: member.outdated ? OLD : tooMany(desired),
      event: member.outdated ? 'RolledOut' : 'ScaledIn',
    })),
  };
}

/** Unhealthy, outdated, not ready, then by age. Protected ones are not in it. */
function inLeavingOrder(members: readonly Member[], { newestFirst }: RolloutTarget): Member[] {
  const rank = (m: Member) => (m.unhealthy ? 0 : m.outdated ? 1 : m.ready ? 3 : 2);
  const age = (a: Member, b: Member) => b.createdAt - a.createdAt || b.slot - a.slot;
  return members
    .filter((m) => !m.protected)
    .toSorted((a, b) => rank(a) - rank(b) || (newestFirst ? age(a, b) : -age(a, b)));
}

/** The lowest slots that nobody holds. One on which a stranger stands is left out, and told of. */
export function freeSlots(
  count: number,
  members: readonly Member[],
  foreign: ReadonlySet<number>,
): { slots: number[]; blocked: number[] } {
  const held = new Set(members.map((m) => m.slot));
  const slots: number[] = [];
  const blocked: number[] = [];
  for (let slot = 0; slots.length + blocked.length < count; slot++) {
    if (foreign.has(slot)) blocked.push(slot);
    else if (!held.has(slot)) slots.push(slot);
  }
  return { slots, blocked };
}
