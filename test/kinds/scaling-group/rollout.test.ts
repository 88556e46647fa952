import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Member } from '../../../src/kinds/scaling-group/members.ts';
import { decide, freeSlots } from '../../../src/kinds/scaling-group/rollout.ts';
import type { RolloutPlan, RolloutTarget } from '../../../src/kinds/scaling-group/rollout.ts';
import { randomFrom } from '../../../src/proof/random.ts';

const member = (slot: number, over: Partial<Member> = {}): Member => ({
  name: `web-${slot}`,
  uid: `uid-${slot}`,
  slot,
  createdAt: slot,
  leaving: false,
  outdated: false,
  ready: true,
  available: true,
  lateAt: Infinity,
  replaceAt: 0,
  replaceable: true,
  failedReplacements: 0,
  noAddress: false,
  protected: false,
  ...over,
});
const wish = (desired: number, over: Partial<RolloutTarget> = {}): RolloutTarget => ({
  desired,
  strategy: 'RollingUpdate',
  maxUnavailable: 0,
  maxSurge: 1,
  newestFirst: true,
  suspend: new Set(),
  ...over,
});
const old = { outdated: true };
const unready = { ready: false, available: false };
const sick = { ...unready, unhealthy: 'is CrashLoopBackOff' };
const words = ({ create, remove }: RolloutPlan) => [`+${create}`, ...remove.map((r) => `-${r.member.slot}`)].join(' ');

describe('the moves of a group', () => {
  it.each<[string, Member[], RolloutTarget, string]>([
    ['nothing there', [], wish(3), '+3'],
    ['as desired', [member(0), member(1)], wish(2), '+0'],
    ['too few', [member(0)], wish(3), '+2'],
    ['none desired', [member(0), member(1)], wish(0), '+0 -1 -0'],
    ['one is leaving and counts no more', [member(0), member(1, { leaving: true })], wish(2), '+1'],
    ['too many: the newest first', [member(0), member(1), member(2)], wish(1), '+0 -2 -1'],
    ['too many: the oldest first', [member(0), member(1), member(2)], wish(1, { newestFirst: false }), '+0 -0 -1'],
    ['too many: the unready before the ready', [member(0, unready), member(1)], wish(1), '+0 -0'],
    ['too many: the sick are gone anyway', [member(0), member(1, sick)], wish(1), '+0 -1'],
    ['too many: a protected one stays', [member(0), member(1, { protected: true })], wish(1), '+0 -0'],
    ['all too many are protected', [member(0, { protected: true })], wish(0), '+0'],
    ['a sick one is replaced', [member(0), member(1, sick)], wish(2), '+1 -1'],
    ['all are sick', [member(0, sick), member(1, sick)], wish(2), '+2 -0 -1'],
    ['a sick one that is protected stays', [member(0, { ...sick, protected: true })], wish(1), '+0'],
    ['nothing is replaced', [member(0, sick)], wish(1, { suspend: new Set(['ReplaceUnhealthy']) }), '+0'],
    ['nothing is launched', [member(0)], wish(3, { suspend: new Set(['Launch']) }), '+0'],
    ['nothing is terminated', [member(0)], wish(0, { suspend: new Set(['Terminate']) }), '+0'],
    ['roll: the first new one', [member(0, old), member(1, old)], wish(2), '+1'],
    ['roll: it is not available yet', [member(0, old), member(1, old), member(2, unready)], wish(2), '+0'],
    ['roll: it is', [member(0, old), member(1, old), member(2)], wish(2), '+0 -1'],
    ['roll: the next new one', [member(0, old), member(1, { ...old, leaving: true }), member(2)], wish(2), '+1'],
    ['roll: without surge', [member(0, old), member(1, old)], wish(2, { maxSurge: 0, maxUnavailable: 1 }), '+0 -1'],
    [
      'roll: a new one that fails stops it',
      [member(0, old), member(1, old), member(2, sick)],
      wish(2, { maxUnavailable: 1 }),
      '+0 -1',
    ],
    ['roll: and it stops there', [member(0, old), member(2, sick)], wish(2, { maxUnavailable: 1, maxSurge: 0 }), '+0'],
    [
      'roll: an old one that is broken goes first',
      [member(0, old), member(1, { ...old, ...sick }), member(2)],
      wish(2),
      '+0 -1',
    ],
    ['roll: protected ones stay as they are', [member(0, { ...old, protected: true })], wish(1), '+0'],
    ['roll: not now', [member(0, old)], wish(1, { suspend: new Set(['InstanceRefresh']) }), '+0'],
    ['recreate: all old ones go', [member(0, old), member(1, old)], wish(2, { strategy: 'Recreate' }), '+0 -1 -0'],
    [
      'recreate: the new ones wait for the last old one',
      [member(0, { ...old, leaving: true })],
      wish(1, { strategy: 'Recreate' }),
      '+0',
    ],
  ])('%s', (_what, members, wished, expected) => {
    const moves = decide(members, wished);
    expect(words(moves).split(' ').toSorted()).toEqual(expected.split(' ').toSorted());
  });

  it('takes the lowest free slots, and tells of those on which a stranger stands', () => {
    expect(freeSlots(3, [member(1), member(3, { leaving: true })], new Set([2]))).toEqual({
      slots: [0, 4],
      blocked: [2],
    });
  });
});

/** A group whose instances become what chance makes of them, moved as `decide` says. */
class Group {
  members: Member[];
  #uid = 100;

  constructor(members: Member[]) {
    this.members = members;
  }

  /** Answers how many available ones were told to go. */
  step(wished: RolloutTarget, luck: () => number): number {
    const moves = decide(this.members, wished);
    const availableGone = moves.remove.filter((r) => r.member.available).length;
    const gone = new Set(moves.remove.map((r) => r.member.uid));
    for (const m of this.members) if (gone.has(m.uid)) m.leaving = true;
    for (const slot of freeSlots(moves.create, this.members, new Set()).slots)
      this.members.push({ ...member(slot, unready), uid: `uid-${this.#uid++}`, createdAt: this.#uid });
    this.members = this.members.filter((m) => !m.leaving || luck() < 0.5);
    for (const m of this.members) if (!m.available && !m.unhealthy && luck() < 0.5) m.ready = m.available = true;
    return availableGone;
  }

  get staying(): Member[] {
    return this.members.filter((m) => !m.leaving);
  }
}

const anyMember = fc.record({ outdated: fc.boolean(), available: fc.boolean(), leaving: fc.boolean() });
const anyWish = fc
  .record({
    desired: fc.integer({ min: 0, max: 8 }),
    strategy: fc.constantFrom('RollingUpdate' as const, 'Recreate' as const),
    maxUnavailable: fc.integer({ min: 0, max: 3 }),
    maxSurge: fc.integer({ min: 0, max: 3 }),
    newestFirst: fc.boolean(),
  })
  .filter((w) => w.maxUnavailable + w.maxSurge > 0);

describe('a group, from any state', () => {
  it('arrives at the desired number of the newest template, keeps what its strategy promises, and then rests', () => {
    fc.assert(
      fc.property(fc.array(anyMember, { maxLength: 8 }), anyWish, fc.integer(), (start, wanted, seed) => {
        const wished: RolloutTarget = { ...wanted, suspend: new Set() };
        const group = new Group(start.map((m, slot) => member(slot, { ...m, ready: m.available })));
        const luck = randomFrom(seed);
        for (let i = 0; i < 400; i++) {
          const before = group.staying.filter((m) => m.available).length;
          const grown = Math.max(group.staying.length, wished.desired + wished.maxSurge);
          const availableGone = group.step(wished, luck);
          expect(group.staying.length).toBeLessThanOrEqual(grown);
          const least = wished.desired - wished.maxUnavailable;
          if (wished.strategy === 'RollingUpdate' && availableGone > 0)
            expect(before - availableGone).toBeGreaterThanOrEqual(Math.min(least, before));
        }
        for (const m of group.members) m.ready = m.available = true;
        expect(group.staying.map((m) => m.outdated)).toEqual(Array.from({ length: wished.desired }, () => false));
        expect(words(decide(group.members, wished))).toBe('+0');
      }),
      { numRuns: 500 },
    );
  });

  it('a template whose instances never become available takes no more than maxUnavailable of the old ones', () => {
    fc.assert(
      fc.property(anyWish, (wanted) => {
        const wished: RolloutTarget = { ...wanted, strategy: 'RollingUpdate', suspend: new Set() };
        const group = new Group(Array.from({ length: wished.desired }, (_, slot) => member(slot, old)));
        for (let i = 0; i < 50; i++) {
          group.step(wished, () => 0.9);
          for (const m of group.members) if (!m.outdated) m.unhealthy = 'is CrashLoopBackOff';
          group.members = group.members.filter((m) => !m.leaving);
        }
        expect(group.staying.filter((m) => m.available).length).toBe(
          Math.max(0, wished.desired - wished.maxUnavailable),
        );
      }),
      { numRuns: 200 },
    );
  });
});
