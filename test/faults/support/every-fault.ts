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
} from '../../../src/proof/faults.ts';
import type { FaultRow } from '../../../src/proof/faults.ts';
import { disturbed, silenced, undisturbed } from '../../../src/proof/proof.ts';
import type { Clean } from '../../../src/proof/proof.ts';
import type { Scenario } from '../../../src/proof/scenario.ts';
import { sampled } from '../../support/prove.ts';

const cleans = new Map<Scenario, Promise<Clean>>();

/** Each scenario is played undisturbed once. */
function cleanRun(scenario: Scenario): Promise<Clean> {
  const known = cleans.get(scenario) ?? undisturbed(scenario);
  cleans.set(scenario, known);
  return known;
}

/** Every fault of the rows at every side effect of the scenario; the first ten differences are told. */
async function proveAll(fault: string, scenario: Scenario, rows: readonly FaultRow[]): Promise<void> {
  const clean = await cleanRun(scenario);
  const found: string[] = [];
  const points = clean.effects.flatMap((name, i) => rows.map((row) => ({ n: i + 1, name, row })));
  for (const { n, name, row } of sampled(`${scenario.name}: ${fault}`, points)) {
    const wrong = await disturbed(scenario, n, row, clean).catch((error: unknown) => [String(error)]);
    found.push(...wrong.map((what) => `effect ${n} of ${clean.effects.length} (${name}) ${row.name}: ${what}`));
    if (found.length >= 10) break;
  }
  expect(found.slice(0, 10)).toEqual([]);
}

/** F15 at every call of a driver that the scenario makes. */
async function proveSilence(scenario: Scenario): Promise<void> {
  const clean = await cleanRun(scenario);
  const calls = clean.effects.filter((name) => name !== 'commit');
  const found: string[] = [];
  const points = calls.map((name, i) => ({ n: i + 1, name }));
  for (const { n, name } of sampled(`${scenario.name}: F15`, points)) {
    const wrong = await silenced(scenario, n, clean).catch((error: unknown) => [String(error)]);
    found.push(...wrong.map((what) => `call ${n} of ${calls.length} (${name}) hangs: ${what}`));
  }
  expect(found.slice(0, 10)).toEqual([]);
}

interface Parts {
  bursts?: readonly Scenario[];
  composed?: readonly Scenario[];
  /** What a person may do to what there is. */
  tampering?: readonly FaultRow[];
}

/**
 * The tests of a kind: every fault of the table at every side effect of its scenarios. Long ones (`bursts`) only die, fail,
 * and are paused. Those `composed` of what others have proven singly only die and are paused: what is between the parts.
 */
export function proveEveryFault(
  scenarios: readonly Scenario[],
  { bursts = [], composed = [], tampering = TAMPERING }: Parts = {},
): void {
  describe.each<[string, readonly FaultRow[], readonly Scenario[]]>([
    ['F1, I3: the daemon dies', DEATHS, [...scenarios, ...bursts, ...composed]],
    ['F2: a call fails, hangs, or its answer is lost', FAILURES, [...scenarios, ...bursts]],
    ['F3: the view is stale', STALE_VIEWS, scenarios],
    ['F4: what people do is not seen', UNSEEN_CHANGES, scenarios],
    ['F5, F7: a person tampers, seen and unseen', tampering, scenarios],
    ['F6: the Engine is away', OUTAGES, [...scenarios, ...bursts]],
    ['F9, I9: the leader is stopped past its lease', PAUSES, [...scenarios, ...bursts, ...composed]],
    ['F14: the clock jumps', JUMPS, scenarios],
  ])('%s at any side effect, and the end is the same', (fault, rows, played) => {
    it.each(played)('$name', { timeout: 600_000 }, (scenario) => proveAll(fault, scenario, rows));
  });
  describe('F15: one call, for one thing, hangs; nobody else waits, and the end is the same', () => {
    it.each(scenarios)('$name', { timeout: 600_000 }, (scenario) => proveSilence(scenario));
  });
}
