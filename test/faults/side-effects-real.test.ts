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
  it.each(['create', 'recreate', 'delete'])('of a %s, and the end is the same', { timeout: 240_000 }, async (name) => {
    const scenario = scenarios().find((s) => s.name === name)!;
    const clean = await run(scenario);
    expect(clean.faults).toEqual([]);
    for (let at = 1; at <= clean.effects.length; at++) {
      for (const row of DEATHS) {
        const where = `${row.name} effect ${at} of ${clean.effects.length} (${clean.effects[at - 1]})`;
        const disturbed = await run(scenario, { at, row }).catch((error: unknown) => {
          throw new Error(where, { cause: error });
        });
        expect([...differences(clean.end, disturbed.end), ...disturbed.faults], where).toEqual([]);
        // One that was on its way at the death is made again, and finds what it made.
        expect(disturbed.mutations, where).toBeLessThanOrEqual(clean.mutations + 1);
      }
    }
  });
});
