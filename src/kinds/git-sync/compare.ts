import type { RawDocument } from '../../admission/admit.ts';
import { formatProblem } from '../../admission/load.ts';
import type { Problem } from '../../admission/load.ts';
import { applyDocument } from '../../admission/operations.ts';
import type { WriteContext } from '../../admission/operations.ts';
import { problemsOf } from '../../admission/problems.ts';
import { OverlayView } from '../../api/overlay-view.ts';
import { appliersOf, namespacedName, refOf, SOURCE, titleOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import type { KindRegistry } from '../../api/registry.ts';
import { StatusError } from '../../base/errors.ts';
import { turns } from '../../base/turns.ts';
import { withIgnored } from './ignored.ts';
import { withoutSecrets } from './masked.ts';
import { managerOf, sourceOf, syncOfManager } from './types.ts';
import type { GitSync } from './types.ts';
import type { SyncDocument } from './revision.ts';

/** A document that is not as its file says. */
export interface SyncChange {
  document: SyncDocument;
  /** Of which the document is. */
  commit: string;
  ref: Ref;
  is: 'created' | 'changed';
  /** Who changed by hand what is put back. */
  by: readonly string[];
  /** As it would be stored. */
  resource: Resource;
}

/** An object that another sync keeps. */
export interface Claim {
  ref: Ref;
  /** `namespace/name` of the other one. */
  by: string;
}

export interface Comparison {
  changes: readonly SyncChange[];
  problems: readonly Problem[];
  claims: readonly Claim[];
}

/** What a comparison looks at beside the documents. */
export interface CompareOptions {
  kinds: KindRegistry;
  context: Omit<WriteContext, 'manager' | 'warnings'>;
  /** Whether the sync with this field manager keeps the object. */
  keeps: (manager: string, ref: Ref) => boolean;
}

/** What of a live object decides whether applying a document to it changes anything. */
interface Unchanged {
  /** Of the sync: what it says of forcing and ignoring counts, too. */
  by: number;
  metadata: Pick<Resource['metadata'], 'uid' | 'generation' | 'managedFields' | 'labels' | 'annotations'>;
}

/**
 * Compares the documents of a revision with what is live, as applying them would. Each sees those before it, as they
 * would be. What was once found unchanged is looked at again when it is another.
 */
export class Comparer {
  readonly #unchanged = new WeakMap<SyncDocument, Unchanged>();

  /** In slices: other work has its turn meanwhile. */
  async all(
    sync: GitSync,
    documents: readonly { document: SyncDocument; commit: string }[],
    view: View,
    options: CompareOptions,
  ): Promise<Comparison> {
    const overlay = new OverlayView(options.kinds, view);
    const found = { changes: [] as SyncChange[], problems: [] as Problem[], claims: [] as Claim[] };
    await turns.each(documents, ({ document, commit }) => {
      const live = view.get(document.ref);
      if (live && this.#isUnchanged(sync, document, live)) return;
      const one = compareOne(sync, { document, commit }, overlay, options);
      if (one === 'unchanged') this.#remember(sync, document, live);
      else if ('claims' in one) found.claims.push(...one.claims);
      else if ('problems' in one) found.problems.push(...one.problems);
      else {
        overlay.put(one.resource);
        found.changes.push(one);
      }
    });
    return found;
  }

  #isUnchanged(sync: GitSync, document: SyncDocument, { metadata }: Resource): boolean {
    const { by, metadata: known } = this.#unchanged.get(document) ?? {};
    return (
      known !== undefined &&
      by === sync.metadata.generation &&
      known.uid === metadata.uid &&
      known.generation === metadata.generation &&
      known.managedFields === metadata.managedFields &&
      known.labels === metadata.labels &&
      known.annotations === metadata.annotations &&
      metadata.deletionTimestamp === undefined
    );
  }

  #remember({ metadata }: GitSync, document: SyncDocument, live: Resource | undefined): void {
    if (live) this.#unchanged.set(document, { by: metadata.generation, metadata: live.metadata });
  }
}

/** The same again, of a few and under the lock, for what shall be stored. Throws what refuses it. */
export function decide(
  sync: GitSync,
  changes: readonly SyncChange[],
  view: View,
  options: CompareOptions,
): readonly Resource[] {
  const overlay = new OverlayView(options.kinds, view);
  return changes.flatMap((change) => {
    const one = compareOne(sync, change, overlay, options);
    if (one === 'unchanged') return [];
    if ('claims' in one)
      throw new StatusError('Conflict', one.claims.map((claim) => claimText(sync, claim)).join('; '));
    if ('problems' in one) throw new StatusError('Invalid', one.problems.map(formatProblem).join('; '));
    overlay.put(one.resource);
    return [one.resource];
  });
}

export const claimText = (sync: GitSync, { ref, by }: Claim): string =>
  `${titleOf(ref)} is kept by GitSync ${by}, and GitSync ${sync.metadata.namespace}/${sync.metadata.name} has it too: take it out of one of the two`;

function compareOne(
  sync: GitSync,
  { document, commit }: { document: SyncDocument; commit: string },
  view: View,
  options: CompareOptions,
): 'unchanged' | SyncChange | { problems: Problem[] } | { claims: Claim[] } {
  const old = view.get(document.ref);
  const other = old && keeperBeside(sync, old, options);
  if (other !== undefined) return { claims: [{ ref: document.ref, by: other }] };
  if (old?.metadata.deletionTimestamp !== undefined) return 'unchanged';
  const before = old && sourceOf(old);
  const wanted = old ? withIgnored(document.document, old, sync.spec.ignore ?? []) : document.document;
  try {
    // The commit that it came with is told for as long as nothing else of it changes.
    if (old && before?.path === document.file) {
      const same = applied(sync, document, marked(wanted, before.commit, document.file), old, view, options);
      if (same.resource === old) return 'unchanged';
    }
    const next = applied(sync, document, marked(wanted, commit, document.file), old, view, options);
    if (next.resource === old) return 'unchanged';
    return { document, commit, ref: document.ref, is: old ? 'changed' : 'created', ...next };
  } catch (error) {
    return { problems: problemsOf(document, error).map((problem) => withoutSecrets(problem, document.secrets)) };
  }
}

/** Another sync that keeps it; one that is gone, or has it no more, keeps nothing. */
export function keeperBeside(sync: GitSync, old: Resource, { keeps }: CompareOptions): string | undefined {
  const own = managerOf(sync);
  const keeper = appliersOf(old).find((manager) => manager !== own && keeps(manager, refOf(old)));
  const other = keeper === undefined ? undefined : syncOfManager(keeper);
  return other && namespacedName(other);
}

function marked(document: RawDocument, commit: string, file: string): RawDocument {
  const annotations = document.metadata?.['annotations'] as Record<string, string> | undefined;
  return {
    ...document,
    metadata: { ...document.metadata, annotations: { ...annotations, [SOURCE]: `${commit} ${file}` } },
  };
}

/**
 * Applied as this sync. What somebody else has set meanwhile is taken back, but for a count: that is left to who scales,
 * unless the sync shall force it.
 */
function applied(
  sync: GitSync,
  { kind }: SyncDocument,
  document: RawDocument,
  old: Resource | undefined,
  view: View,
  { context }: CompareOptions,
): { resource: Resource; by: string[] } {
  const write = { ...context, warnings: [], manager: managerOf(sync) };
  try {
    return { resource: applyDocument(kind, document, old, view, { ...write, force: false }), by: [] };
  } catch (error) {
    const conflicts = error instanceof StatusError && error.reason === 'Conflict' ? conflictsIn(error) : [];
    if (conflicts.length === 0) throw error;
    const count = kind.scale && `.spec.${kind.scale.specField}`;
    const counted = !sync.spec.force && conflicts.some(({ field }) => field === count);
    const rest = counted ? withoutField(document, kind.scale?.specField ?? '') : document;
    const by = conflicts.flatMap(({ field, manager }) => (counted && field === count ? [] : [manager]));
    return { resource: applyDocument(kind, rest, old, view, { ...write, force: by.length > 0 }), by: [...new Set(by)] };
  }
}

function conflictsIn({ causes }: StatusError): { field: string; manager: string }[] {
  return causes.flatMap(({ reason, field = '', message }) =>
    reason === 'FieldManagerConflict' ? [{ field, manager: /"([^"]*)"/.exec(message)?.[1] ?? '' }] : [],
  );
}

function withoutField(document: RawDocument, field: string): RawDocument {
  const { [field]: _, ...spec } = document['spec'] as Record<string, unknown>;
  return { ...document, spec };
}
