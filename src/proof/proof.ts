import { findCondition, isReady } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import { PAUSED_MS } from './faults.ts';
import type { FaultRow } from './faults.ts';
import { judge, picture } from './oracles.ts';
import { play } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { SideEffects } from './seam.ts';
import { Silence } from './silence.ts';
import { World } from './world.ts';
import type { WorldDaemon } from './world.ts';

/** Longer than the slowest rate at which a failed or blocked key, and everything at a relist, is looked at again. */
const SETTLED_MS = 45_000;
/** So often what is not Ready yet, for a health check that is seldom made, is given as much time again. */
const TIMES_MORE = 20;
/** How long a fault may let wait for itself, and in which steps it is waited for, in the world's time. */
const REACHED_MS = 120_000;
const STEP_MS = 100;
/** How soon a leader that has woken up knows that it is none any more. */
const RESIGNED_MS = 500;

/** The run that every disturbed one must equal. */
export interface Clean {
  end: readonly string[];
  /** The side effects of `when`, by name, in their order. */
  effects: readonly string[];
  /** Changing calls of the whole run. */
  mutations: number;
}

export async function undisturbed(scenario: Scenario): Promise<Clean> {
  const world = await upTo(scenario);
  const effects = new SideEffects();
  const daemon = await world.start(effects);
  if (!scenario.pending) await play(daemon, scenario.when);
  await arrive(world, daemon);
  const clean = { end: await picture(world), effects: [...effects.names], mutations: world.mutations() };
  await daemon.stop();
  return clean;
}

/** The same run with a fault at the n-th of its side effects. Answers what is wrong at its end. */
export async function disturbed(scenario: Scenario, n: number, row: FaultRow, clean: Clean): Promise<string[]> {
  const world = await upTo(scenario);
  const effects = new SideEffects({ at: n, fault: row.fault(world) });
  const first = await world.start(effects);
  if (!scenario.pending) await play(first, scenario.when);
  const reached = () => (row.daemon === 'dies' ? effects.dead : effects.count >= n);
  for (let waited = 0; !reached() && waited < REACHED_MS; waited += STEP_MS) await world.clock.advance(STEP_MS);
  if (!reached()) return [`side effect ${n} was not reached within ${REACHED_MS / 1000} s`];
  // The one that the fault is about is accounted for by its row.
  const repeated = row.daemon === 'lives' ? 0 : effects.underway - 1;
  const last = await successor(world, first, row);
  await arrive(world, last);
  const found = await judge(world, last, {
    end: clean.end,
    mutations: clean.mutations + row.cost(clean.mutations) + repeated + rewritten(clean.effects, n),
    steady: row.steady,
  });
  await last.stop();
  return found;
}

/**
 * Files of a container that has not started yet are written again by whoever starts it, a process is told of replaced
 * files again until it is written down, and bytes that have no row yet are put again: nothing else tells what was done.
 */
function rewritten(effects: readonly string[], n: number): number {
  const before = effects.slice(0, n - 1);
  const last = (name: string) => effects.slice(0, n).lastIndexOf(name);
  const isWritten = last('writeFiles') > before.lastIndexOf('startContainer');
  const isReplaced = last('replaceFiles') > before.lastIndexOf('commit');
  const isPut = last('put') > before.lastIndexOf('change');
  return isWritten || isReplaced || isPut ? 1 : 0;
}

/** How soon somebody else's instance runs, whatever hangs: milliseconds of the world's time. */
const BYSTANDER_MS = 10_000;
/** How long the call hangs: several deadlines, and the waits between them. */
const SILENT_MS = 300_000;
const BYSTANDER = 'bystander';

/** F15: a call for one thing hangs. Nobody else waits for it, and once it is healed the end is the same. */
export async function silenced(scenario: Scenario, n: number, clean: Clean): Promise<string[]> {
  const world = await upTo(scenario);
  const silence = new Silence(world.clock, n);
  const daemon = await world.start(silence);
  if (!scenario.pending) await play(daemon, scenario.when);
  for (let waited = 0; !silence.struck && waited < REACHED_MS; waited += STEP_MS) await world.clock.advance(STEP_MS);
  if (!silence.struck) return [`call ${n} was not reached within ${REACHED_MS / 1000} s`];
  const late = await bystanderRuns(world, daemon);
  await world.clock.advance(SILENT_MS);
  silence.heal();
  await daemon.delete(`Namespace/${BYSTANDER}`);
  await arrive(world, daemon);
  const found = await judge(world, daemon, { end: clean.end, mutations: Infinity, steady: true });
  await daemon.stop();
  return [...late, ...found];
}

async function bystanderRuns(world: World, daemon: WorldDaemon): Promise<string[]> {
  const metadata = { name: BYSTANDER, namespace: BYSTANDER };
  await daemon.apply({ kind: 'Namespace', metadata: { name: BYSTANDER }, spec: {} });
  await daemon.apply({ kind: 'VPC', metadata, spec: { cidrBlock: '10.250.250.0/24' } });
  await daemon.apply({ kind: 'Instance', metadata, spec: { image: 'bystander:1', vpc: BYSTANDER } });
  const runs = () => world.documents.some((r) => r.kind === 'Instance' && r.metadata.name === BYSTANDER && isReady(r));
  for (let waited = 0; waited < BYSTANDER_MS; waited += STEP_MS) {
    if (runs()) return [];
    await world.clock.advance(STEP_MS);
  }
  return [`somebody else's instance does not run after ${BYSTANDER_MS / 1000} s`];
}

/** Until nothing moves and, where that comes at all, everything is Ready. */
async function arrive(world: World, daemon: WorldDaemon): Promise<void> {
  await daemon.settle(SETTLED_MS);
  for (let more = 0; more < TIMES_MORE && !world.documents.every((r) => hasArrived(world, r)); more++)
    await daemon.settle(SETTLED_MS);
}

/** Ready, where a controller says so; or a process that was to run once, and did; or it waits to be gone. */
export const hasArrived = ({ kinds }: Pick<World, 'kinds'>, r: Resource): boolean =>
  !kinds.must(r.kind).reconciled ||
  isReady(r) ||
  findCondition(r, 'Ready')?.reason === 'Completed' ||
  r.metadata.deletionTimestamp !== undefined;

/** The world as `when` finds it, without a daemon. */
async function upTo(scenario: Scenario): Promise<World> {
  const world = new World();
  scenario.prepare?.(world);
  const daemon = await world.start();
  await play(daemon, scenario.given);
  await arrive(world, daemon);
  await daemon.stop();
  await world.clock.advance(scenario.asleepMs ?? 0);
  if (scenario.pending) await play(await world.person(), scenario.when);
  return world;
}

async function successor(world: World, first: WorldDaemon, row: FaultRow): Promise<WorldDaemon> {
  if (row.daemon === 'lives') return first;
  if (row.daemon === 'dies') first.die();
  else world.clock.after(PAUSED_MS + RESIGNED_MS, () => first.die());
  return world.start();
}
