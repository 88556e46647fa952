import { FINALIZER, refOf } from '../api/metadata.ts';
import type { Metadata, Ref, Resource } from '../api/metadata.ts';
import { nearest } from '../api/registry.ts';
import type { KindRegistry } from '../api/registry.ts';
import { groupOf, groupResource, refIn } from '../api/kind.ts';
import type { KindDefinition, View } from '../api/kind.ts';
import { StatusError } from '../base/errors.ts';
import type { Cause } from '../base/errors.ts';
import { sameJson } from '../base/hash.ts';
import { memoised } from '../base/memoised.ts';
import { admit, invalid, timestamp } from './admit.ts';
import type { AdmissionContext, RawDocument } from './admit.ts';
import { apply } from './fields/apply.ts';
import { checkJsonSize } from './fields/bounds.ts';
import { conflictError } from './fields/conflicts.ts';
import { identityOf } from './load.ts';
import type { Document } from './fields/document.ts';
import { handOver } from './fields/managers.ts';
import { jsonPatch, mergePatch } from './fields/patch.ts';
import { strategicPatch } from './fields/strategic-patch.ts';
import { documentSchema } from './fields/structure.ts';
import { trackUpdate } from './fields/update.ts';
import { validateStatus } from './validate.ts';

/**
 * The ways in which a document may change, as pure functions from what is stored to what shall be. They run while the
 * revision's lock is held, over exact views, and are the same for the API, the engine and the command's own no-op check.
 */

/** Kubernetes' finalizers that say how dependents go with their owner. */
export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export interface WriteContext extends AdmissionContext {
  /** Who writes: `kubectl-edit`, `miniaws`, a controller's name. Owns the fields that it changes (I6). */
  manager: string;
}

const ownershipSchema = memoised(documentSchema);

/** The kind that a document says it is of. Throws BadRequest with the nearest one there is. */
export function kindOfDocument(document: RawDocument, kinds: KindRegistry): KindDefinition {
  const name = document['kind'];
  const kind = typeof name === 'string' ? kinds.get(name) : undefined;
  if (kind) return kind;
  const near =
    typeof name === 'string'
      ? nearest(
          name,
          kinds.all.map((k) => k.kind),
        )
      : undefined;
  const found = typeof name === 'string' ? `no kind "${name}" is known` : 'kind is required';
  throw new StatusError(
    'BadRequest',
    `${found}; ${near ? `did you mean "${near}"?` : `there are ${kinds.all.map((k) => k.kind).join(', ')}`}`,
    {
      causes: [
        { reason: 'FieldValueInvalid', field: 'kind', message: `${found}${near ? `; did you mean "${near}"?` : ''}` },
      ],
    },
  );
}

export function notFound(kind: KindDefinition, name: string): StatusError {
  return new StatusError('NotFound', `${groupResource(kind)} "${name}" not found`, {
    details: { name, kind: kind.plural, group: groupOf(kind) },
  });
}

export function forbidden(kind: KindDefinition, name: string, why: string, causes: readonly Cause[] = []): StatusError {
  return new StatusError('Forbidden', `${groupResource(kind)} "${name}" is forbidden: ${why}`, {
    causes,
    details: { name, kind: kind.plural, group: groupOf(kind) },
  });
}

/** As it is stored where the kind lets clients write it otherwise. */
const converted = (kind: KindDefinition, document: RawDocument): RawDocument =>
  (kind.convert?.(document) as RawDocument | undefined) ?? document;

export function create(kind: KindDefinition, sent: RawDocument, view: View, context: WriteContext): Resource {
  const document = converted(kind, sent);
  const { namespace, name } = identityOf(document);
  if (view.get(refIn(kind, namespace, name))) {
    throw new StatusError('AlreadyExists', `${groupResource(kind)} "${name}" already exists`, {
      details: { name, kind: kind.plural, group: groupOf(kind) },
    });
  }
  return owned(kind, undefined, admit(kind, withoutOwners(document), undefined, view, context), context);
}

const withoutOwners = (document: RawDocument): RawDocument => {
  const { managedFields: _, ...metadata } = document.metadata ?? {};
  return { ...document, metadata };
};

/** PUT: the document as a whole. Without a resourceVersion it replaces whatever is there. */
export function replace(
  kind: KindDefinition,
  sent: RawDocument,
  old: Resource,
  view: View,
  context: WriteContext,
): Resource {
  const document = converted(kind, sent);
  checkPreconditions(kind, old, {
    uid: document.metadata?.['uid'] as string,
    resourceVersion: document.metadata?.['resourceVersion'] as string,
  });
  checkAddress(document, old.metadata);
  return owned(kind, old, admit(kind, document, old, view, context), context);
}

export interface Patch {
  type: 'merge' | 'json' | 'strategic';
  body: unknown;
}

export function patch(kind: KindDefinition, change: Patch, old: Resource, view: View, context: WriteContext): Resource {
  const next = converted(kind, patched(kind, change, old) as unknown as RawDocument);
  checkPreconditions(kind, old, {
    uid: next.metadata?.['uid'] as string,
    resourceVersion: next.metadata?.['resourceVersion'] as string,
  });
  checkAddress(next, old.metadata);
  return owned(kind, old, admit(kind, next, old, view, context), context);
}

function patched(kind: KindDefinition, { type, body }: Patch, old: Resource): Resource {
  if (type === 'json') return jsonPatch(old, body);
  return type === 'merge' ? mergePatch(old, body) : strategicPatch(old, body, ownershipSchema(kind));
}

/** Server-side apply: creates what is not there; conflicts name the other owner. */
export function applyDocument(
  kind: KindDefinition,
  sent: RawDocument,
  old: Resource | undefined,
  view: View,
  context: WriteContext & { force: boolean },
): Resource {
  const document = converted(kind, sent);
  if (old) {
    checkPreconditions(kind, old, {
      uid: document.metadata?.['uid'] as string,
      resourceVersion: document.metadata?.['resourceVersion'] as string,
    });
    checkAddress(document, old.metadata);
  }
  const { object, conflicts } = apply({
    live: old as Document | undefined,
    applied: withoutStatus(document) as unknown as Document,
    manager: context.manager,
    force: context.force,
    schema: ownershipSchema(kind),
    now: context.now,
  });
  if (conflicts.length > 0) throw conflictError(conflicts);
  if (object === old) return old as Resource;
  const admission = { ...context, applied: document };
  return handedOver(old, admit(kind, object as unknown as RawDocument, old, view, admission), admission);
}

const withoutStatus = ({ status: _, ...document }: RawDocument): RawDocument => document;

/** The status subresource: nothing but the status changes, and only of the document that was read. */
export function replaceStatus(
  kind: KindDefinition,
  document: RawDocument,
  old: Resource,
  context: WriteContext,
): Resource {
  if (kind.statusReadOnly) throw forbidden(kind, old.metadata.name, 'its status is written by the daemon alone');
  checkPreconditions(kind, old, {
    uid: document.metadata?.['uid'] as string,
    resourceVersion: document.metadata?.['resourceVersion'] as string,
  });
  checkAddress(document, old.metadata);
  const status = (document['status'] ?? undefined) as Resource['status'];
  checkJsonSize(status ?? {}, 'the status');
  const causes = validateStatus(kind, status === undefined ? {} : { status });
  if (causes.length > 0) throw invalid(kind, old.metadata.name, causes);
  if (sameJson(status, old.status)) return old;
  const next: Resource = { ...old, ...(status ? { status } : {}) };
  const managedFields = trackUpdate({
    before: old as Document,
    after: next as Document,
    manager: context.manager,
    subresource: 'status',
    schema: ownershipSchema(kind),
    now: context.now,
  });
  return { ...next, metadata: { ...next.metadata, managedFields } };
}

export const patchStatus = (kind: KindDefinition, change: Patch, old: Resource, context: WriteContext): Resource =>
  replaceStatus(kind, patched(kind, change, old) as unknown as RawDocument, old, context);

/** Who owns what after a write that is not an apply. */
function owned(kind: KindDefinition, old: Resource | undefined, next: Resource, context: WriteContext): Resource {
  if (next === old) return next;
  const managedFields = trackUpdate({
    before: old as Document | undefined,
    after: next as Document,
    manager: context.manager,
    schema: ownershipSchema(kind),
    now: context.now,
  });
  const metadata: Metadata = { ...next.metadata, managedFields };
  const result = handedOver(old, { ...next, metadata }, context);
  return old && sameJson(result, old) ? old : result;
}

/** What a rule of the kind has set in this write belongs to that rule. */
function handedOver(old: Resource | undefined, next: Resource, { now, takenOver }: WriteContext): Resource {
  if (!takenOver || next === old) return next;
  const owner = { manager: takenOver.manager, operation: 'Update', apiVersion: next.apiVersion } as const;
  const managedFields = handOver(next.metadata.managedFields ?? [], owner, takenOver.fields, now);
  return { ...next, metadata: { ...next.metadata, managedFields } };
}

export interface DeleteOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
}

/** What a write leaves: the document as it shall be, or its removal. */
export type Left = { put: Resource } | { remove: Ref };

/** Marks it deleted; it goes when its last finalizer does (I14). Deleting again changes nothing. */
export function remove(kind: KindDefinition, old: Resource, options: DeleteOptions, now: Date, view: View): Left {
  checkPreconditions(kind, old, options.preconditions ?? {});
  const why = kind.permanent?.(old, view);
  if (why !== undefined) throw forbidden(kind, old.metadata.name, why);
  const policy = { Background: undefined, Foreground: FOREGROUND, Orphan: ORPHAN }[
    options.propagationPolicy ?? 'Background'
  ];
  const existing = old.metadata.finalizers ?? [];
  const finalizers = policy === undefined || existing.includes(policy) ? existing : [...existing, policy];
  const deletionTimestamp = old.metadata.deletionTimestamp ?? timestamp(now);
  return removeIfFinalized(
    finalizers === existing && old.metadata.deletionTimestamp
      ? old
      : { ...old, metadata: { ...old.metadata, finalizers, deletionTimestamp } },
  );
}

/** A deleted document whose finalizers are gone is gone itself. */
export function removeIfFinalized(resource: Resource): Left {
  const { deletionTimestamp, finalizers } = resource.metadata;
  return deletionTimestamp !== undefined && (finalizers ?? []).length === 0
    ? { remove: refOf(resource) }
    : { put: resource };
}

export const withoutFinalizer = (resource: Resource, finalizer: string = FINALIZER): Resource => ({
  ...resource,
  metadata: { ...resource.metadata, finalizers: (resource.metadata.finalizers ?? []).filter((f) => f !== finalizer) },
});

function checkPreconditions(
  kind: KindDefinition,
  old: Resource,
  want: { uid?: string; resourceVersion?: string },
): void {
  const { name, uid, resourceVersion } = old.metadata;
  const refuse = (message: string) => {
    throw new StatusError('Conflict', `Operation cannot be fulfilled on ${groupResource(kind)} "${name}": ${message}`, {
      details: { name, kind: kind.plural, group: groupOf(kind) },
    });
  };
  if (want.uid && want.uid !== uid)
    refuse(
      `the UID in the precondition (${want.uid}) is not that of the object (${uid}): it was deleted and created again`,
    );
  if (want.resourceVersion && want.resourceVersion !== '0' && want.resourceVersion !== resourceVersion) {
    refuse('the object has been modified; please apply your changes to the latest version and try again');
  }
}

/**
 * What a body says of itself must be what the URL says: else a write would go to an object that nobody named. What it
 * leaves out holds as the URL has it. Throws BadRequest, in Kubernetes' words.
 */
export function checkAddress(document: RawDocument, at: { namespace?: string; name?: string }): void {
  const { name, namespace } = document.metadata ?? {};
  const said = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  if (at.name !== undefined && name !== undefined && name !== at.name)
    throw new StatusError(
      'BadRequest',
      `the name of the object (${said(name)}) does not match the name on the URL (${at.name})`,
    );
  if (namespace !== undefined && namespace !== '' && namespace !== (at.namespace ?? ''))
    throw new StatusError(
      'BadRequest',
      `the namespace of the object (${said(namespace)}) does not match the namespace on the request (${at.namespace ?? ''})`,
    );
}
