import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEATHS } from '../../src/proof/faults.ts';
import type { FaultRow } from '../../src/proof/faults.ts';
import { differences } from '../../src/proof/oracles.ts';
import { play } from '../../src/proof/scenario.ts';
import type { Action, Scenario } from '../../src/proof/scenario.ts';
import { SideEffects } from '../../src/proof/seam.ts';
import { World } from '../../src/proof/world.ts';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { engine } from '../support/engine.ts';
import { testImage } from '../support/images.ts';
import { emptied } from '../support/postgres-world.ts';
import { sampled } from '../support/prove.ts';
import { RealWorld } from '../support/real-world.ts';
import { eventually } from '../support/wait.ts';

let database: TestDatabase;
let image: string;
beforeAll(async () => {
  database = await freshDatabase();
  image = await testImage(engine);
});
afterAll(() => database?.drop());

const vpc: Action = { apply: { kind: 'VPC', metadata: { name: 'main' }, spec: { cidrBlock: '10.215.24.0/24' } } };
const web = (spec: object = {}): Action => ({
  apply: { kind: 'Instance', metadata: { name: 'web' }, spec: { image, vpc: 'main', stopGracePeriod: '0s', ...spec } },
});
const scenarios = (): Scenario[] => [
  { name: 'create', given: [], when: [vpc, web()] },
  { name: 'recreate', given: [vpc, web()], when: [web({ env: { A: '1' } })] },
  { name: 'delete', given: [vpc, web()], when: [{ delete: 'VPC/default/main' }, { delete: 'Instance/default/web' }] },
];

interface Run {
  end: readonly string[];
  effects: readonly string[];
  mutations: number;
  faults: readonly string[];
}

/** One life of a real world: `given` undisturbed, then `when` with the fault at its n-th side effect. */
async function run({ given, when }: Scenario, disturbance?: { at: number; row: FaultRow }): Promise<Run> {
  await emptied(database);
  const world = new RealWorld(database);
  try {
    const before = await world.start();
    await play(before, given);
    await before.settled();
    await before.stop();
    const effects = new SideEffects(disturbance && { at: disturbance.at, fault: disturbance.row.fault(new World()) });
    const first = await world.start(effects);
    await play(first, when);
    let last = first;
    if (disturbance) {
      await eventually(`side effect ${disturbance.at}`, () => effects.dead);
      await first.die();
      last = await world.start();
    }
    await last.settled();
    const found = [...(await last.faults()), ...(await world.orphans())];
    const mutations = first.mutations() + (last === first ? 0 : last.mutations());
    const end = await world.picture();
    await last.stop();
    return { end, effects: effects.names, mutations, faults: found };
  } finally {
    await world.clear();
  }
}

describe('F1 over the real Engine and PostgreSQL: the daemon dies before and after every side effect', () => {
  it.each(['create', 'recreate', 'delete'])('of a %s, and the end is the same', { timeout: 900_000 }, async (name) => {
    const scenario = scenarios().find((s) => s.name === name)!;
    const clean = await run(scenario);
    expect(clean.faults).toEqual([]);
    const points = clean.effects.flatMap((_, i) => DEATHS.map((row) => ({ at: i + 1, row })));
    for (const { at, row } of sampled(`deaths of a ${name}`, points)) {
      const where = `${row.name} effect ${at} of ${clean.effects.length} (${clean.effects[at - 1]})`;
      const disturbed = await run(scenario, { at, row }).catch((error: unknown) => {
        throw new Error(where, { cause: error });
      });
      expect([...differences(clean.end, disturbed.end), ...disturbed.faults], where).toEqual([]);
      // One that was on its way at the death is made again, and finds what it made.
      expect(disturbed.mutations, where).toBeLessThanOrEqual(clean.mutations + 1);
    }
  });
});

/** A change and the one that takes it back, so that each begins in the world that the other has left, whatever befell it. */
interface ThereAndBack {
  given: readonly Action[];
  turns: readonly [Turn, Turn];
}
interface Turn {
  when: readonly Action[];
  /** Those of a change that is the same both ways are halved between the ways. */
  deaths: readonly FaultRow[];
}

const before = DEATHS.filter((row) => row.name === 'dies before');
const after = DEATHS.filter((row) => row.name === 'dies after');
const network = (cidrBlock: string): Action => ({
  apply: { kind: 'VPC', metadata: { name: 'main' }, spec: { cidrBlock } },
});
const group = (desiredCount: number, env: object = {}): Action => ({
  apply: {
    kind: 'ScalingGroup',
    metadata: { name: 'web' },
    spec: {
      vpc: 'main',
      minInstances: 1,
      maxInstances: 2,
      desiredCount,
      strategy: { minReadySeconds: 0 },
      template: { spec: { image, env, stopGracePeriod: '0s' } },
    },
  },
});
const server = (name: string): Action => ({
  apply: {
    kind: 'Instance',
    metadata: { name, labels: { app: 'web' } },
    spec: { image, vpc: 'main', stopGracePeriod: '0s' },
  },
});
const balancer = (spec: object = {}): Action => ({
  apply: {
    kind: 'LoadBalancer',
    metadata: { name: 'front' },
    spec: {
      vpc: 'main',
      listeners: [{ port: 28_770 }],
      targetGroups: [{ name: 'app', selector: { app: 'web' }, targetPort: 80 }],
      healthCheck: { path: '/', interval: '200ms', timeout: '1s', healthyThreshold: 1 },
      deregistrationDelay: '0s',
      ...spec,
    },
  },
});

const scaling = (): ThereAndBack => ({
  given: [network('10.215.25.0/24'), group(1)],
  turns: [
    { when: [group(2)], deaths: DEATHS },
    { when: [group(1)], deaths: DEATHS },
  ],
});
const rolling = (): ThereAndBack => ({
  given: [network('10.215.26.0/24'), group(1)],
  turns: [
    { when: [group(1, { A: '1' })], deaths: before },
    { when: [group(1)], deaths: after },
  ],
});
const membership = (): ThereAndBack => ({
  given: [network('10.215.27.0/24'), server('web'), balancer()],
  turns: [
    { when: [server('web-b')], deaths: DEATHS },
    { when: [{ delete: 'Instance/default/web-b' }], deaths: DEATHS },
  ],
});
const ruling = (): ThereAndBack => ({
  given: [network('10.215.28.0/24'), server('web'), balancer()],
  turns: [
    { when: [balancer({ rules: [{ pathPrefix: '/a', targetGroup: 'app' }] })], deaths: before },
    { when: [balancer()], deaths: after },
  ],
});

interface Taken {
  end: readonly string[];
  effects: readonly string[];
  /** Changing calls, of the driver and of the proxy. */
  calls: number;
}
const callsOf = ({ names }: SideEffects): number => names.filter((name) => name !== 'commit').length;

/** One turn, undisturbed. */
async function taken(world: RealWorld, when: readonly Action[]): Promise<Taken> {
  const effects = new SideEffects();
  const daemon = await world.start(effects);
  await play(daemon, when);
  await daemon.settled();
  expect([...(await daemon.faults()), ...(await world.orphans())]).toEqual([]);
  await daemon.stop();
  return { end: await world.picture(), effects: effects.names, calls: callsOf(effects) };
}

/** What is wrong after a turn with a death at its n-th side effect; `undefined`: this time it had fewer. */
async function disturbed(
  world: RealWorld,
  when: readonly Action[],
  { at, row }: Point,
  clean: Taken,
): Promise<string[] | undefined> {
  const effects = new SideEffects({ at, fault: row.fault(new World()) });
  const first = await world.start(effects);
  await play(first, when);
  const isThere = async () => differences(clean.end, await world.picture()).length === 0;
  await eventually(`side effect ${at}`, async () => effects.dead || (first.isSettled() && (await isThere())));
  if (!effects.dead) {
    await first.stop();
    return undefined;
  }
  const underway = effects.underway;
  await first.die();
  const later = new SideEffects();
  const last = await world.start(later);
  await last.settled();
  await eventually('the same end', isThere).catch(() => undefined);
  const calls = callsOf(effects) + callsOf(later);
  const found = [
    ...differences(clean.end, await world.picture()),
    ...(await last.faults()),
    ...(await world.orphans()),
    ...(calls > clean.calls + underway
      ? [`too much work: ${calls} changing calls, ${clean.calls} and ${underway} under way are due`]
      : []),
  ];
  await last.stop();
  return found;
}

type Way = Turn & { clean: Taken };
type Point = { at: number; row: FaultRow };
const pointsOf = ({ clean, deaths }: Way): Point[] =>
  clean.effects.flatMap((_, i) => deaths.map((row) => ({ at: i + 1, row })));

/** @returns whether the point was reached. */
async function proven(world: RealWorld, { when, clean }: Way, point: Point): Promise<boolean> {
  const where = `${point.row.name} effect ${point.at} of ${clean.effects.length} (${clean.effects[point.at - 1]})`;
  const found = await disturbed(world, when, point, clean).catch((error: unknown) => {
    throw new Error(where, { cause: error });
  });
  expect(found ?? [], where).toEqual([]);
  return found !== undefined;
}

describe('F1 over the real Engine, PostgreSQL and HAProxy, before and after every side effect', () => {
  it.each([
    ['scale out and scale in', scaling],
    ['rolling update', rolling],
    ['target that joins and leaves', membership],
    ['rule that changes', ruling],
  ])('of a %s, and the end is the same', { timeout: 900_000 }, async (name, scenario) => {
    const { given, turns } = scenario();
    await emptied(database);
    const world = new RealWorld(database);
    try {
      await taken(world, given);
      const ways: Way[] = [];
      for (const turn of turns) ways.push({ ...turn, clean: await taken(world, turn.when) });
      const points = ways.map((way, n) => sampled(`deaths of a ${name}, turn ${n + 1}`, pointsOf(way)));
      const reached: boolean[] = [];
      for (let i = 0; i < Math.max(...points.map((list) => list.length)); i++) {
        for (const [n, way] of ways.entries()) {
          const point = points[n]?.[i];
          if (point) reached.push(await proven(world, way, point));
          else await taken(world, way.when);
        }
      }
      // Two commits may have become one here and there.
      expect(reached.filter((is) => !is).length).toBeLessThanOrEqual(Math.ceil(reached.length / 5));
    } finally {
      await world.clear();
    }
  });
});
