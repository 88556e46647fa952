import { describe, expect, it } from 'vitest';
import {
  DEATHS,
  FAILURES,
  JUMPS,
  OUTAGES,
  PAUSES,
  STALE_VIEWS,
  TAMPERING,
  UNSEEN_CHANGES,
} from '../../src/proof/faults.ts';
import type { FaultRow } from '../../src/proof/faults.ts';
import { disturbed, undisturbed } from '../../src/proof/proof.ts';
import type { Scenario } from '../../src/proof/scenario.ts';
import { BURSTS, INSTANCE_SCENARIOS } from './scenarios/instance.ts';
import { VPC_SCENARIOS } from './scenarios/vpc.ts';

const SCENARIOS = [...VPC_SCENARIOS, ...INSTANCE_SCENARIOS];

/** Every fault of the rows at every side effect of the scenario; the first ten differences are told. */
async function proveAll(scenario: Scenario, rows: readonly FaultRow[]): Promise<void> {
  const clean = await undisturbed(scenario);
  const found: string[] = [];
  for (let n = 1; n <= clean.effects.length && found.length < 10; n++) {
    for (const row of rows) {
      const wrong = await disturbed(scenario, n, row, clean).catch((error: unknown) => [String(error)]);
      found.push(
        ...wrong.map((what) => `effect ${n} of ${clean.effects.length} (${clean.effects[n - 1]}) ${row.name}: ${what}`),
      );
    }
  }
  expect(found.slice(0, 10)).toEqual([]);
}

describe.each<[string, readonly FaultRow[], readonly Scenario[]]>([
  ['F1, I3: the daemon dies', DEATHS, [...SCENARIOS, ...BURSTS]],
  ['F2: a call fails, hangs, or its answer is lost', FAILURES, [...SCENARIOS, ...BURSTS]],
  ['F3: the view is stale', STALE_VIEWS, SCENARIOS],
  ['F4: what people do is not seen', UNSEEN_CHANGES, SCENARIOS],
  ['F5, F7: a person tampers, seen and unseen', TAMPERING, SCENARIOS],
  ['F6: the Engine is away', OUTAGES, [...SCENARIOS, ...BURSTS]],
  ['F9, I9: the leader is stopped past its lease', PAUSES, [...SCENARIOS, ...BURSTS]],
  ['F14: the clock jumps', JUMPS, SCENARIOS],
])('%s at any side effect, and the end is the same', (_, rows, scenarios) => {
  it.each(scenarios)('$name', { timeout: 180_000 }, (scenario) => proveAll(scenario, rows));
});
