import { isInstance } from '../kinds/instance/types.ts';
import type { Resource } from '../api/metadata.ts';
import { sleep } from '../base/clock.ts';
import { StatusError } from '../base/errors.ts';
import { passError } from '../drivers/docker/errors.ts';
import { FILE_TAMPERINGS, prune, TAMPERINGS, tamperWithFiles } from './tampering.ts';
import { ENGINE_ERRORS, LOST, timedOut } from './engine-errors.ts';
import type { Person } from './person.ts';
import type { Effect, Fault } from './seam.ts';
import type { World } from './world.ts';

/** A kind of fault, to be had at every side effect. The letters are those of the table of faults: F1, F2, … */
export interface FaultRow {
  name: string;
  fault: (world: World) => Fault;
  /** What becomes of the daemon: it `lives`, it `dies` at the fault and another is started, or it is `paused` and another takes over. */
  daemon: 'lives' | 'dies' | 'paused';
  /** Changing calls that the fault may cost beside those of an undisturbed run. */
  cost: (undisturbed: number) => number;
  /** Nobody but the daemon touched the world: what it said at any time must have been so. */
  steady: boolean;
}

/** What hangs ends by a deadline. The driver's own is a minute for a change; a shorter one proves the same. */
const DEADLINE_MS = 30_000;
const OUTAGE_MS = 30_000;
const SLOW_MS = 5_000;
/** How long a leader is stopped: longer than its lease stands. */
export const PAUSED_MS = 20_000;
const HOUR_MS = 3_600_000;

/** A call of the Engine fails as the driver says it; a commit as the store does. */
const errorOf = (make: () => Error, { name }: Effect): Error =>
  name === 'commit'
    ? new StatusError('ServiceUnavailable', `the database did not take the write: ${make().message}`)
    : passError(make(), name);

const nothing = () => 0;
/** The disturbed call is made once more. */
const once = () => 1;
/** A claim that another pass makes meanwhile is a look too: what it saw is made, goes, and is made as it should be. */
const twice = () => 2;
/** All that there was may have to be made again, after a call in vain, and a container made, joined and started in vain on networks that are gone. */
const everything = (undisturbed: number) => undisturbed + 4;

/** A step whose effect is not seen is done again, without effect: ten times at once, and a few times more as the pauses grow. */
const unseen = (undisturbed: number) => Math.max(everything(undisturbed), 14);

/** F1: the process dies before, and after, the side effect. */
export const DEATHS: readonly FaultRow[] = [
  {
    name: 'dies before',
    daemon: 'dies',
    cost: nothing,
    steady: true,
    fault:
      () =>
      ({ die }) =>
        die(),
  },
  {
    name: 'dies after',
    daemon: 'dies',
    cost: nothing,
    steady: true,
    fault:
      () =>
      async ({ act, die }) => {
        // Refused or done: its answer reaches nobody.
        await act().catch(() => undefined);
        return die();
      },
  },
];

/** F2: the call succeeds and its answer is lost; and it fails, or is slow, or never answers. */
export const FAILURES: readonly FaultRow[] = [
  ...Object.entries(ENGINE_ERRORS)
    .filter(([name]) => LOST.has(name))
    .map(([name, make]): FaultRow => ({
      name: `its answer is lost (${name})`,
      daemon: 'lives',
      cost: once,
      steady: true,
      fault: () => async (effect) => {
        await effect.act();
        throw errorOf(make, effect);
      },
    })),
  ...Object.entries(ENGINE_ERRORS).map(([name, make]): FaultRow => ({
    name: `fails with ${name}`,
    daemon: 'lives',
    cost: once,
    steady: true,
    fault: () => async (effect) => {
      throw errorOf(make, effect);
    },
  })),
  {
    name: 'is slow',
    daemon: 'lives',
    cost: nothing,
    steady: true,
    fault:
      (world) =>
      async ({ act }) => {
        await sleep(world.clock, SLOW_MS);
        return act();
      },
  },
  {
    name: 'is done, and the answer is slow',
    daemon: 'lives',
    cost: nothing,
    steady: true,
    fault:
      (world) =>
      async ({ act }) => {
        const answer = await act();
        await sleep(world.clock, SLOW_MS);
        return answer;
      },
  },
  ...[false, true].map((done): FaultRow => ({
    name: `hangs until its deadline, ${done ? 'done' : 'not done'}`,
    daemon: 'lives',
    cost: once,
    steady: true,
    fault: (world) => async (effect) => {
      if (done) await effect.act();
      await sleep(world.clock, DEADLINE_MS);
      throw errorOf(timedOut, effect);
    },
  })),
];

/** F3: the view answers as of before the side effect, at once or after it has told the truth for a while. */
export const STALE_VIEWS: readonly FaultRow[] = [0, 1_000].map((after) => ({
  name: `the view is ${after === 0 ? 'late' : 'set back'} for ${SLOW_MS / 1000} s`,
  daemon: 'lives',
  cost: unseen,
  steady: false,
  fault:
    (world) =>
    async ({ act, remember }) => {
      const past = remember();
      if (after === 0) past.show();
      else world.clock.after(after, () => past.show());
      world.clock.after(after + SLOW_MS, () => past.end());
      return act();
    },
}));

/** F4: people change every document to and fro, and the daemon sees what came of it alone. */
export const UNSEEN_CHANGES: readonly FaultRow[] = [
  {
    name: 'every document is changed to and fro between two looks',
    daemon: 'lives',
    cost: twice,
    steady: true,
    fault:
      (world) =>
      async ({ act, remember }) => {
        const answer = await act();
        const past = remember();
        past.show();
        const person = await world.person();
        try {
          for (const document of world.documents) await toAndFro(person, document);
        } finally {
          past.end();
        }
        return answer;
      },
  },
];

async function toAndFro(person: Person, resource: Resource): Promise<void> {
  const { apiVersion, kind, metadata, spec } = resource;
  const { name, namespace, labels = {} } = metadata;
  const changes = isInstance(resource) ? [{ image: 'other:1' }, { env: { X: '1' } }, { powerState: 'Stopped' }] : [{}];
  if (metadata.deletionTimestamp !== undefined) return;
  const apply = (more: object, change: object) =>
    person.apply(
      { apiVersion, kind, metadata: { name, namespace, labels: { ...labels, ...more } }, spec: { ...spec, ...change } },
      'person',
      true,
    );
  for (const change of changes) await apply({ x: '1' }, change);
  await apply({}, {});
}

/** F6: the Engine goes out of reach, before and after. */
export const OUTAGES: readonly FaultRow[] = [false, true].map((done) => ({
  name: `the Engine is away for 30 s ${done ? 'after' : 'before'} it`,
  daemon: 'lives',
  cost: everything,
  steady: true,
  fault:
    (world) =>
    async ({ act }) => {
      const answer = done ? await act() : undefined;
      world.engine.reachable = false;
      world.clock.after(OUTAGE_MS, () => (world.engine.reachable = true));
      return done ? answer : act();
    },
}));

/** F7: a person tampers right after the side effect; F5: and no event says so. */
export const TAMPERING: readonly FaultRow[] = [
  ...Object.entries(TAMPERINGS).flatMap(([how, tamper]) =>
    [false, true].map((silent) =>
      tampering(how, silent, (world) => [...world.engine.containers.values()].forEach((c) => void tamper(world, c))),
    ),
  ),
  ...[false, true].map((silent) => tampering('system prune', silent, prune)),
];

function tampering(how: string, silent: boolean, tamper: (world: World) => void): FaultRow {
  return byHand(`${how} by hand${silent ? ', and the events are lost' : ''}`, async (world) => {
    world.engine.dropsEvents = silent;
    tamper(world);
    world.engine.dropsEvents = false;
  });
}

/** F7, for the files of declared objects; there are no events of them. */
export const FILE_TAMPERING: readonly FaultRow[] = Object.entries(FILE_TAMPERINGS).map(([how, tamper]) =>
  byHand(`${how} by hand`, (world) => tamperWithFiles(world, tamper)),
);

function byHand(name: string, tamper: (world: World) => Promise<void>): FaultRow {
  return {
    name,
    daemon: 'lives',
    cost: everything,
    steady: false,
    fault:
      (world) =>
      async ({ act }) => {
        const answer = await act();
        await tamper(world);
        return answer;
      },
  };
}

/** F9: the leader is stopped before, or after, its side effect; another works; then it wakes up and goes on. */
export const PAUSES: readonly FaultRow[] = ['before', 'after'].map((when) => ({
  name: `the leader is stopped ${when} it, and wakes up when another has led`,
  daemon: 'paused',
  // The call that lands late, and what undoes it where the world has gone on meanwhile.
  cost: () => 2,
  steady: true,
  fault:
    (world) =>
    async ({ act }) => {
      const answer = when === 'after' ? await act() : undefined;
      await sleep(world.clock, PAUSED_MS);
      return when === 'after' ? answer : act();
    },
}));

/** F14: the wall clock jumps. */
export const JUMPS: readonly FaultRow[] = [-HOUR_MS, HOUR_MS, -8_760 * HOUR_MS, 8_760 * HOUR_MS].map((ms) => ({
  name: `the clock jumps by ${ms / HOUR_MS} h`,
  daemon: 'lives',
  cost: nothing,
  steady: true,
  fault:
    (world) =>
    async ({ act }) => {
      const answer = await act();
      world.clock.jump(ms);
      return answer;
    },
}));

/** The whole table, for one document as for all of them. */
export const ALL_FAULTS: readonly FaultRow[] = [
  ...DEATHS,
  ...FAILURES,
  ...STALE_VIEWS,
  ...UNSEEN_CHANGES,
  ...OUTAGES,
  ...TAMPERING,
  ...FILE_TAMPERING,
  ...PAUSES,
  ...JUMPS,
];
