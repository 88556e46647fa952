import { contentOf, DEFAULT_NAMESPACE, FINALIZER } from '../api/metadata.ts';
import type { Metadata, Resource } from '../api/metadata.ts';
import { groupOf } from '../api/kind.ts';
import type { Admission, AdmissionSettings, KindDefinition, View } from '../api/kind.ts';
import type { Cause } from '../base/errors.ts';
import { StatusError } from '../base/errors.ts';
import { sameJson } from '../base/hash.ts';
import { checkJsonSize } from './fields/bounds.ts';
import { keepTimes } from './fields/update.ts';
import { identityOf } from './load.ts';
import { checkOwners } from './owner-references.ts';
import { parsePath } from './path.ts';
import { validate } from './validate.ts';

export interface AdmissionContext {
  settings: AdmissionSettings;
  now: Date;
  /** What is done with fields that the schema does not know (Kubernetes' fieldValidation). */
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Filled with what the client should be told (`Warn`). */
  warnings: string[];
  /** What a server-side apply said itself, before it was merged with what is stored. */
  applied?: RawDocument;
  /** Filled with what a rule of the kind has set itself, and in whose name. */
  takenOver?: Admission['takenOver'];
}

/** A document as it came, JSON but otherwise unknown. */
export type RawDocument = Record<string, unknown> & { metadata?: Record<string, unknown> };

/** Whole seconds, as Kubernetes' times. */
export const timestamp = (now: Date): string => now.toISOString().replace(/\.\d+Z$/, 'Z');

/**
 * Whatever was written in whatever way ends here before it is stored: defaults are filled, the schema and the kind's
 * rules hold, and what is the server's own (uid, times, generation, our finalizer) is as it must be.
 * @returns `old` itself when nothing would change. Throws StatusError `Invalid` with every cause's field.
 */
export function admit(
  kind: KindDefinition,
  raw: RawDocument,
  old: Resource | undefined,
  view: View,
  context: AdmissionContext,
): Resource {
  checkJsonSize(raw, 'the document');
  const document = structuredClone(raw);
  const metadata = (document.metadata ??= {});
  const { status: _, ...rest } = document;
  dropServerFields(metadata);
  const most = context.fieldValidation === 'Strict' ? undefined : Infinity;
  refuse(kind, document, handleUnknown(rest, validate(kind, rest, most), context));
  const base = { ...rest, metadata: serverMetadata(kind, metadata, old, context) } as unknown as Resource;
  const { governors = [] } = kind.scope === 'Cluster' ? {} : context.settings;
  const own = kind.complete?.(base, old) ?? base;
  const completed = governors.reduce((next, governor) => governor.complete(next, old, kind, view), own);
  refuse(kind, document, [...kind.check(completed, old), ...checkOwners(completed, old, view)]);
  const { resource, causes, takenOver } = kind.admit(
    withStatus(completed, old),
    old,
    view,
    context.settings,
    context.applied,
  );
  refuse(kind, document, causes);
  context.takenOver = takenOver;
  const next = finish(resource, old);
  if (next === old) return next;
  for (const governor of governors) governor.check(next, old, kind, view);
  for (const each of old ? [old, next] : [next]) context.settings.author?.checkGrants(kind, each);
  return next;
}

/** What the server decides; a client that read the object sends it back, and one that made it up is not believed. */
function dropServerFields(metadata: Record<string, unknown>): void {
  for (const field of [
    'uid',
    'resourceVersion',
    'generation',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
    'generateName',
  ]) {
    delete metadata[field];
  }
}

function serverMetadata(
  kind: KindDefinition,
  sent: Record<string, unknown>,
  old: Resource | undefined,
  { now }: AdmissionContext,
): Metadata {
  const own = old?.metadata;
  const finalizers = (sent['finalizers'] as string[] | undefined) ?? [];
  const metadata: Record<string, unknown> = {
    ...sent,
    namespace: kind.scope === 'Cluster' ? undefined : (sent['namespace'] ?? DEFAULT_NAMESPACE),
    uid: own?.uid ?? crypto.randomUUID(),
    resourceVersion: own?.resourceVersion ?? '0',
    generation: own?.generation ?? 1,
    creationTimestamp: own?.creationTimestamp ?? timestamp(now),
    deletionTimestamp: own?.deletionTimestamp,
    finalizers: keepsOurs(kind, old) ? withOurs(finalizers, own?.finalizers) : finalizers,
  };
  for (const [field, value] of Object.entries(metadata))
    if (value === undefined || isEmptyContainer(value)) delete metadata[field];
  return metadata as unknown as Metadata;
}

/** Set at creation, and taken away by the engine alone: a client's replace must not lose a container. */
const keepsOurs = (kind: KindDefinition, old: Resource | undefined): boolean =>
  old ? (old.metadata.finalizers ?? []).includes(FINALIZER) : kind.finalizer;

function withOurs(sent: readonly string[], stored: readonly string[] | undefined): readonly string[] {
  if (sent.includes(FINALIZER)) return sent;
  const all = [...sent, FINALIZER];
  return stored && sameJson([...stored].sort(), [...all].sort()) ? stored : all;
}

const isEmptyContainer = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

const withStatus = (resource: Resource, old: Resource | undefined): Resource =>
  old?.status ? { ...resource, status: old.status } : resource;

function finish(resource: Resource, old: Resource | undefined): Resource {
  if (!old) return resource;
  const generation = sameJson(contentOf(resource), contentOf(old))
    ? old.metadata.generation
    : old.metadata.generation + 1;
  const next = { ...resource, metadata: { ...resource.metadata, generation } };
  if (sameJson(next, old)) return old;
  return keepTimes(old, next) as Resource;
}

/** Under `Strict` unknown fields are refused like any other fault; otherwise they are dropped, with or without a word. */
function handleUnknown(document: RawDocument, causes: readonly Cause[], context: AdmissionContext): readonly Cause[] {
  if (context.fieldValidation === 'Strict') return causes;
  const unknown = causes.filter((cause) => cause.reason === 'FieldValueUnknown');
  for (const { field = '', message } of unknown) {
    removeAt(document, field);
    if (context.fieldValidation === 'Warn') context.warnings.push(`${field}: ${message}`);
  }
  return causes.filter((cause) => cause.reason !== 'FieldValueUnknown');
}

function removeAt(document: unknown, field: string): void {
  const path = parsePath(field);
  const last = path.pop();
  const parent = path.reduce<unknown>(
    (node, segment) => (node as Record<string, unknown> | undefined)?.[segment],
    document,
  );
  if (last !== undefined && parent) delete (parent as Record<string, unknown>)[last];
}

function refuse(kind: KindDefinition, document: RawDocument, causes: readonly Cause[]): void {
  if (causes.length === 0) return;
  throw invalid(kind, identityOf(document).name, causes);
}

export function invalid(
  kind: Pick<KindDefinition, 'kind' | 'plural' | 'apiVersion'>,
  name: string,
  causes: readonly Cause[],
): StatusError {
  const told = causes.map((cause) => `${cause.field ? `${cause.field}: ` : ''}${cause.message}`);
  const list = told.length === 1 ? told[0] : `[${told.join(', ')}]`;
  const group = groupOf(kind);
  return new StatusError('Invalid', `${kind.kind}${group && `.${group}`} "${name}" is invalid: ${list}`, {
    causes,
    details: { name, kind: kind.plural, group },
  });
}
