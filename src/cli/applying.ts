import { formatProblem } from '../admission/load.ts';
import type { Problem } from '../admission/load.ts';
import { StatusError } from '../base/errors.ts';
import { applyAll, compareAll, refusals, rehearse } from './changes.ts';
import type { Applied, Comparison } from './changes.ts';
import { Failure, tell } from './failure.ts';
import { loadManifests } from './manifests.ts';
import type { Manifest } from './manifests.ts';
import { nameOf } from './objects.ts';
import type { Session } from './session.ts';
import { readSources } from './sources.ts';
import type { Source } from './sources.ts';
import { waitReady } from './waiting.ts';

export interface ApplyOptions extends HowToApply {
  filename: string[];
  recursive?: boolean;
}

interface HowToApply {
  dryRun?: boolean | string;
  wait?: boolean;
  timeout: number;
  forceConflicts?: boolean;
  fieldManager: string;
}

export async function apply(session: Session, options: ApplyOptions): Promise<void> {
  return applyAndWait(session, await readManifests(session, options.filename, options.recursive === true), options);
}

/** As `apply` of a file of this name with this text. */
export async function applyText(session: Session, source: Source, options: HowToApply): Promise<void> {
  return applyAndWait(session, loadAll(session, [source], []), options);
}

async function applyAndWait(session: Session, manifests: readonly Manifest[], options: HowToApply): Promise<void> {
  const dryRun = options.dryRun === true || options.dryRun === 'server';
  const applied = await applyManifests(session, manifests, {
    fieldManager: options.fieldManager,
    force: options.forceConflicts === true,
    dryRun,
  });
  if (!options.wait || dryRun || session.signal.aborted) return;
  await waitReady(
    session,
    applied.map(({ manifest }) => manifest.ref),
    options.timeout,
  );
}

/** All manifests of the paths. Throws a Failure after telling every problem at its place; nothing has been sent by then (I13). */
export async function readManifests(
  session: Session,
  paths: readonly string[],
  recursive: boolean,
): Promise<Manifest[]> {
  const { signal, io } = session;
  const { sources, problems } = await readSources(paths, { recursive, stdin: io.stdin, signal });
  const manifests = loadAll(session, sources, problems);
  if (manifests.length === 0) throw new Failure(`no document in ${paths.join(', ')}`);
  return manifests;
}

function loadAll(session: Session, sources: readonly Source[], problems: readonly Problem[]): Manifest[] {
  const choice = { namespace: session.namespace, explicit: session.options.namespace !== undefined };
  const loaded = loadManifests(session.kinds, sources, choice);
  refuse(session, [...problems, ...loaded.problems]);
  return loaded.manifests;
}

export function refuse(session: Session, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  for (const problem of problems) session.tell(session.colors.red(formatProblem(problem)));
  const what = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  throw new Failure(`${what}; nothing was changed`);
}

/**
 * Applies and prints what became of each object. Throws a Failure when a document is refused: at the rehearsal, and then
 * nothing has changed; or at the write, because someone else was quicker, and then the others are made.
 */
async function applyManifests(
  session: Session,
  manifests: readonly Manifest[],
  options: { fieldManager: string; force: boolean; dryRun: boolean },
): Promise<Applied[]> {
  const compared = await compareAll(session.client, manifests, options);
  warnOfDeleted(session, compared);
  const changes = compared.filter((c) => !c.unchanged);
  const { problems } = await rehearse(session.client, changes, options);
  refuse(session, problems);
  const applied: Applied[] = [];
  let failed = 0;
  for await (const result of applyAll(session.client, compared, options)) {
    if ('error' in result) {
      failed++;
      tellRefusal(session, result.manifest, result.error);
      continue;
    }
    applied.push(result);
    session.print(
      `${nameOf(session.kinds, result.manifest.ref)} ${result.outcome}${options.dryRun ? ' (server dry run)' : ''}`,
    );
  }
  if (failed > 0) throw new Failure(`${failed} of ${manifests.length} objects could not be applied; the others were`);
  return applied;
}

function warnOfDeleted(session: Session, compared: readonly Comparison[]): void {
  for (const { manifest, live } of compared)
    if (live?.metadata.deletionTimestamp !== undefined)
      session.warn(`${nameOf(session.kinds, manifest.ref)} is being deleted; what is applied to it goes with it`);
}

function tellRefusal(session: Session, manifest: Manifest, error: unknown): void {
  if (error instanceof StatusError)
    for (const problem of refusals(manifest, error)) session.tell(session.colors.red(formatProblem(problem)));
  else session.tell(`${nameOf(session.kinds, manifest.ref)}: ${tell(error)}`);
}
