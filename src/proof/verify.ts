import { findCondition, keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import { StatusError } from '../base/errors.ts';
import { ALL_FAULTS, DEATHS } from './faults.ts';
import type { FaultRow } from './faults.ts';
import type { Document } from './person.ts';
import { disturbed, hasArrived, undisturbed } from './proof.ts';
import type { Scenario } from './scenario.ts';
import { World } from './world.ts';

/** In the world's time: what is not Ready after it never will be; it covers every back-off and a crash loop's. */
const PATIENCE_MS = 900_000;

/** A manifest and what a person calls it. */
export interface Verifiable {
  key: string;
  document: Document;
}

export type Verdict =
  /** Whatever happened at whatever side effect, the end was the same. */
  | { is: 'same end'; crashPoints: number }
  /** Admission refuses it, once the others are there. */
  | { is: 'refused'; key: string; error: StatusError }
  /** Undisturbed, these never become Ready. */
  | { is: 'never ready'; objects: readonly { key: string; reason: string; message: string }[] }
  /** The first end that is not the same, and what led to it. */
  | { is: 'different'; schedule: readonly string[]; differences: readonly string[] };

export interface Progress {
  scenario: string;
  done: number;
  total: number;
}

export interface VerifyOptions {
  /** Every fault of the table, and not the daemon's death alone. */
  allFaults: boolean;
  onProgress: (progress: Progress) => void;
  /** What else is so of the Engine. */
  prepare?: (world: World) => void;
}

/**
 * The proof of the loop on a person's own documents: they are applied, found pending at a start, and deleted, with a
 * fault at each side effect. What an image does is not known: it runs, and its health checks succeed.
 */
export async function verify(documents: readonly Verifiable[], options: VerifyOptions): Promise<Verdict> {
  const prepare = (world: World) => {
    world.engine.probe = () => ({ healthy: true, detail: 'taken to be healthy' });
    world.engine.processes.health = () => true;
    options.prepare?.(world);
  };
  const wrong = await unverifiable(documents, prepare);
  if (wrong) return wrong;
  const scenarios = scenariosOf(documents, prepare);
  const rows = options.allFaults ? ALL_FAULTS : DEATHS;
  const cleans = [];
  for (const scenario of scenarios) cleans.push({ scenario, clean: await undisturbed(scenario) });
  const total = cleans.reduce((sum, { clean }) => sum + clean.effects.length * rows.length, 0);
  let done = 0;
  for (const { scenario, clean } of cleans) {
    for (let n = 1; n <= clean.effects.length; n++) {
      for (const row of rows) {
        const differences = await disturbed(scenario, n, row, clean).catch((error: unknown) => [String(error)]);
        const effect = `side effect ${n} of ${clean.effects.length} (${clean.effects[n - 1]})`;
        if (differences.length > 0)
          return { is: 'different', schedule: scheduleOf(scenario, documents, effect, row), differences };
        options.onProgress({ scenario: scenario.name, done: ++done, total });
      }
    }
  }
  return { is: 'same end', crashPoints: done };
}

function scenariosOf(documents: readonly Verifiable[], prepare: (world: World) => void): Scenario[] {
  const apply = documents.map(({ document }) => ({ apply: document }));
  const remove = documents.map(({ key }) => ({ delete: key }));
  return [
    { name: 'apply', prepare, given: [], when: apply },
    { name: 'start of a daemon that finds them', prepare, given: [], when: apply, pending: true },
    { name: 'delete', prepare, given: apply, when: remove },
  ];
}

const scheduleOf = (
  { name, given, pending }: Scenario,
  documents: readonly Verifiable[],
  effect: string,
  row: FaultRow,
): string[] => [
  ...(given.length > 0 ? [`${documents.length} objects are applied, and become Ready`] : []),
  `${name}: ${documents.map(({ key }) => key).join(', ')}`,
  ...(pending ? ['a daemon starts'] : []),
  `${effect}: ${row.name.startsWith('dies') ? `the daemon ${row.name} it` : row.name}`,
  ...(row.daemon === 'lives' ? [] : ['another daemon leads']),
];

/** Why these cannot be Ready at all, whatever is done to the daemon. */
async function unverifiable(
  documents: readonly Verifiable[],
  prepare: (world: World) => void,
): Promise<Verdict | undefined> {
  const world = new World();
  prepare(world);
  const daemon = await world.start();
  try {
    for (const { key, document } of documents) {
      try {
        await daemon.apply(document);
      } catch (error) {
        if (error instanceof StatusError) return { is: 'refused', key, error };
        throw error;
      }
    }
    await world.clock.advance(PATIENCE_MS);
    const objects = world.documents.filter((r) => !hasArrived(world, r)).map(complaint);
    return objects.length > 0 ? { is: 'never ready', objects } : undefined;
  } finally {
    await daemon.stop();
  }
}

function complaint(r: Resource): { key: string; reason: string; message: string } {
  const { reason = 'Unknown', message = 'nothing was said of it' } = findCondition(r, 'Ready') ?? {};
  return { key: keyOf(refOf(r)), reason, message };
}
