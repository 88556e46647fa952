import { admit } from '../admission/admit.ts';
import type { RawDocument } from '../admission/admit.ts';
import type { Problem } from '../admission/load.ts';
import { applyDocument } from '../admission/operations.ts';
import pLimit from 'p-limit';
import { keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { KindDefinition, View } from '../api/kind.ts';
import { OverlayView } from '../api/overlay-view.ts';
import { StatusError } from '../base/errors.ts';
import type { ApiClient } from './client.ts';
import { problemsOf } from '../admission/problems.ts';
import { EMPTY_VIEW, localContext } from './manifests.ts';
import type { Manifest } from './manifests.ts';
import { applyObject, findObject, listObjects } from './objects.ts';
import type { ApplyRequest } from './objects.ts';

/** So many requests of one kind are on their way at once. */
const AT_ONCE = 16;
/** Fewer documents of one kind and namespace than this are read one by one: the list may be long. */
const LIST_FROM = 5;

/** A document and what it would change: nothing when `live` is as it says. */
export interface Comparison {
  manifest: Manifest;
  live: Resource | undefined;
  unchanged: boolean;
}

export type ApplyOptions = Omit<ApplyRequest, 'dryRun'>;

/** Reads what is live, once per kind and namespace, and finds by the server's own rules which documents would change nothing. */
export async function compareAll(
  client: ApiClient,
  manifests: readonly Manifest[],
  options: ApplyOptions,
): Promise<Comparison[]> {
  const live = await readLive(client, manifests);
  return manifests.map((manifest) => {
    const object = live.get(keyOf(manifest.ref));
    return { manifest, live: object, unchanged: object !== undefined && changesNothing(manifest, object, options) };
  });
}

async function readLive(client: ApiClient, manifests: readonly Manifest[]): Promise<Map<string, Resource>> {
  const groups = new Map<string, Manifest[]>();
  for (const manifest of manifests) {
    const key = `${manifest.ref.kind}/${manifest.ref.namespace}`;
    const group = groups.get(key);
    if (group) group.push(manifest);
    else groups.set(key, [manifest]);
  }
  const found = await Promise.all([...groups.values()].map((group) => readGroup(client, group)));
  return new Map(found.flat().map((object) => [keyOf(refOf(object)), object]));
}

async function readGroup(client: ApiClient, group: readonly Manifest[]): Promise<Resource[]> {
  const [first] = group;
  if (!first) return [];
  if (group.length >= LIST_FROM) return (await listObjects(client, first.kind, first.ref.namespace)).items;
  const found = await Promise.all(group.map(({ ref }) => findObject(client, ref)));
  return found.filter((object) => object !== undefined);
}

/** A conflict or refusal is a change: the server shall say it. */
function changesNothing({ kind, document }: Manifest, live: Resource, options: ApplyOptions): boolean {
  const context = { ...localContext(), manager: options.fieldManager, force: options.force };
  try {
    return applyDocument(kind, document, live, EMPTY_VIEW, context) === live;
  } catch {
    return false;
  }
}

export interface Rehearsal {
  /** What each document would make of its object, by key. */
  would: Map<string, Resource>;
  problems: Problem[];
}

/**
 * Asks the server about every change before the first is made, so that a refused document changes nothing (I13); then
 * looks at the would-be objects together, which the server sees one by one only.
 */
export async function rehearse(
  client: ApiClient,
  changes: readonly Comparison[],
  options: ApplyOptions,
): Promise<Rehearsal> {
  const limit = pLimit(AT_ONCE);
  const would = new Map<string, Resource>();
  const problems = await Promise.all(
    changes.map(({ manifest }) =>
      limit(async () => {
        try {
          const { body } = await applyObject(client, manifest.ref, manifest.document, { ...options, dryRun: true });
          would.set(keyOf(manifest.ref), body);
          return [];
        } catch (error) {
          if (!(error instanceof StatusError) || error.code >= 500 || error.code === 401) throw error;
          if (!isMadeHere(error, changes)) return refusals(manifest, error);
          would.set(keyOf(manifest.ref), locally(manifest, options));
          return [];
        }
      }),
    ),
  );
  const all = problems.flat();
  return { would, problems: all.length > 0 ? all : clashes(client.kinds, changes, would) };
}

/** What a document lacks is made by the same batch, before it: a namespace. */
const isMadeHere = ({ reason, details }: StatusError, changes: readonly Comparison[]): boolean =>
  reason === 'NotFound' &&
  changes.some(
    ({ manifest: { kind, ref }, live }) => !live && kind.plural === details.kind && ref.name === details.name,
  );

/** As it would be made, as far as that can be told without the server. */
const locally = ({ kind, document }: Manifest, { fieldManager, force }: ApplyOptions): Resource =>
  applyDocument(kind, document, undefined, EMPTY_VIEW, { ...localContext(), manager: fieldManager, force });

const OWNED = 'use --force-conflicts to take the field over';

export const refusals = (manifest: Manifest, error: StatusError): Problem[] =>
  problemsOf(manifest, error).map((problem) =>
    error.causes.some((cause) => cause.reason === 'FieldManagerConflict')
      ? { ...problem, message: `${problem.message}; ${OWNED}` }
      : problem,
  );

/** Changes of one batch that exclude each other: the same host port, overlapping ranges. */
function clashes(kinds: KindRegistry, changes: readonly Comparison[], would: ReadonlyMap<string, Resource>): Problem[] {
  const before = new OverlayView(kinds, EMPTY_VIEW);
  return changes.flatMap(({ manifest, live }) => {
    const object = would.get(keyOf(manifest.ref));
    // A range that the server chose is chosen anew at the write.
    if (!object || isChosen(manifest, object)) return [];
    try {
      check(manifest.kind, object, live, before);
      return [];
    } catch (error) {
      return problemsOf(manifest, error);
    } finally {
      before.put(object);
    }
  });
}

const isChosen = ({ document }: Manifest, object: Resource): boolean =>
  'cidrBlock' in (object.spec ?? {}) &&
  (document['spec'] as { cidrBlock?: unknown } | undefined)?.cidrBlock === undefined;

function check(kind: KindDefinition, object: Resource, live: Resource | undefined, before: View): void {
  const document = { ...object, metadata: { ...object.metadata } } as unknown as RawDocument;
  admit(kind, document, live, before, localContext());
}

export interface Applied {
  manifest: Manifest;
  outcome: 'created' | 'configured' | 'unchanged';
  object: Resource;
}

/** Makes the changes, kind after kind, and tells of each in the order of the documents. An error is told in its place, and the others go on. */
export async function* applyAll(
  client: ApiClient,
  comparisons: readonly Comparison[],
  options: ApplyRequest,
): AsyncGenerator<Applied | { manifest: Manifest; error: unknown }> {
  const kinds = new Set(comparisons.map(({ manifest }) => manifest.kind));
  for (const kind of kinds) {
    const limit = pLimit(AT_ONCE);
    const mine = comparisons.filter(({ manifest }) => manifest.kind === kind);
    const running = mine.map((comparison) => limit(() => applyOne(client, comparison, options)));
    for (const one of running) yield await one;
  }
}

async function applyOne(
  client: ApiClient,
  { manifest, live, unchanged }: Comparison,
  options: ApplyRequest,
): Promise<Applied | { manifest: Manifest; error: unknown }> {
  if (unchanged && live) return { manifest, outcome: 'unchanged', object: live };
  try {
    const { status, body } = await applyObject(client, manifest.ref, manifest.document, options);
    const same = body.metadata.resourceVersion === live?.metadata.resourceVersion && !options.dryRun;
    return { manifest, outcome: status === 201 ? 'created' : same ? 'unchanged' : 'configured', object: body };
  } catch (error) {
    return { manifest, error };
  }
}
