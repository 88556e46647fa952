/** Server-side apply, as the Kubernetes API server does it: everyone says only what they want, and every field has owners (I6). */
import { LAST_APPLIED } from '../../api/metadata.ts';
import type { ManagedFields } from '../../api/metadata.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { StatusError } from '../../base/errors.ts';
import { sameJson } from '../../base/hash.ts';
import { checkJsonSize } from './bounds.ts';
import { compare, fieldsOf } from './compare.ts';
import type { Changes } from './compare.ts';
import { conflictsOf } from './conflicts.ts';
import type { Conflict } from './conflicts.ts';
import { trackedPart, withTrackedPart } from './document.ts';
import type { Document } from './document.ts';
import { EMPTY, difference, isEmpty, union } from './fieldset.ts';
import type { FieldSet } from './fieldset.ts';
import { KUBECTL, rewriteLastApplied, unchangedSinceLastApplied } from './lastApplied.ts';
import { arrange, checkManager, entryOf, giveUp, isOwner, timeOf } from './managers.ts';
import type { Owner } from './managers.ts';
import { merge, normalize, prune } from './merge.ts';
import { isObject, rootOf } from './structure.ts';
import type { JsonObject } from './structure.ts';

export interface ApplyRequest {
  /** None: the object is created. */
  live?: Document | undefined;
  /** Only what the manager wants, before any defaulting. */
  applied: Document;
  manager: string;
  /** Take fields over from whoever owns them. */
  force?: boolean;
  /** Of the whole document: `documentSchema(kind)`. */
  schema: JsonSchema;
  now: Date;
  subresource?: string;
}

export interface ApplyResult {
  /** `live` itself, the same reference, when nothing changes or when there are conflicts. To be defaulted and checked by admission. */
  object: Document;
  /** Not empty: refuse with `conflictError`. */
  conflicts: readonly Conflict[];
}

/** Throws a StatusError for a configuration that cannot be applied to anything. Never changes what it is given. */
export function apply(request: ApplyRequest): ApplyResult {
  checkRequest(request);
  const { live, applied, manager, subresource } = request;
  const schema = rootOf(request.schema);
  const before = trackedPart(live, subresource);
  const config = normalize(trackedPart(applied, subresource), schema) as JsonObject;
  const fields = fieldsOf(config, schema);
  const entries = live?.metadata.managedFields ?? [];
  const owner: Owner = {
    manager,
    operation: 'Apply',
    apiVersion: applied.apiVersion,
    ...(subresource ? { subresource } : {}),
  };
  const mine = entries.find((entry) => isOwner(entry, owner));
  const others = entries.filter((entry) => entry !== mine);

  const merged = merge(before, config, schema) as JsonObject;
  const givenUp = mine !== undefined && !isEmpty(difference(mine.fieldsV1, fields));
  const after = givenUp ? (prune(merged, mine.fieldsV1, ownedBy(fields, others), schema) as JsonObject) : merged;
  const changes = compare(before, after, schema);
  const conflicts = conflictsOf(changes, others);
  const refused = live && !request.force ? standing(conflicts, live, manager, schema) : [];
  if (live && refused.length > 0) return { object: live, conflicts: refused };

  const object = withAnnotation(withValues(request, before, after), request);
  const rest = others.flatMap((entry) => giveUp(entry, lostBy(entry, changes, conflicts)));
  return { object: withOwners(object, request, { owner, fields, mine, rest }), conflicts: [] };
}

function checkRequest({ applied, manager, live }: ApplyRequest): void {
  checkManager(manager);
  checkJsonSize(applied, 'the applied configuration');
  if (!isObject(applied) || !isObject(applied.metadata))
    throw refusal('metadata', 'an applied configuration is an object with metadata');
  const managed: unknown = applied.metadata.managedFields;
  if (managed !== undefined && managed !== null && !(Array.isArray(managed) && managed.length === 0)) {
    throw refusal('metadata.managedFields', 'metadata.managedFields must be nil');
  }
  if (live && (live.kind !== applied.kind || live.apiVersion !== applied.apiVersion)) {
    throw refusal(
      'kind',
      `the configuration is a ${applied.apiVersion} ${applied.kind}, the object a ${live.apiVersion} ${live.kind}`,
    );
  }
}

const refusal = (field: string, message: string): StatusError =>
  new StatusError('BadRequest', message, { causes: [{ reason: 'FieldValueInvalid', field, message }] });

/** The fields that stay when the manager's own former ones go. */
const ownedBy = (fields: FieldSet, others: readonly ManagedFields[]): FieldSet =>
  others.reduce((all, entry) => union(all, entry.fieldsV1), fields);

/** The conflicts that count: for kubectl, not those on what it set itself by client-side apply and nobody changed. */
function standing(
  conflicts: readonly Conflict[],
  live: Document,
  manager: string,
  schema: JsonSchema,
): readonly Conflict[] {
  if (conflicts.length === 0 || manager !== KUBECTL) return conflicts;
  const allowed = unchangedSinceLastApplied(live, schema);
  return conflicts.flatMap(({ entry, fields }) => {
    const left = difference(fields, allowed);
    return isEmpty(left) ? [] : [{ entry, fields: left }];
  });
}

function lostBy(entry: ManagedFields, changes: Changes, conflicts: readonly Conflict[]): FieldSet {
  return union(changes.removed, conflicts.find((conflict) => conflict.entry === entry)?.fields ?? EMPTY);
}

function withValues({ live, applied, subresource }: ApplyRequest, before: JsonObject, after: JsonObject): Document {
  if (live) return after === before ? live : withTrackedPart(live, after, subresource);
  const { name, namespace } = applied.metadata;
  const metadata = { ...(name === undefined ? {} : { name }), ...(namespace === undefined ? {} : { namespace }) };
  return withTrackedPart({ apiVersion: applied.apiVersion, kind: applied.kind, metadata }, after, subresource);
}

/** Nobody owns the rewriting: it follows from the configuration. */
function withAnnotation(object: Document, { live, applied, manager, subresource }: ApplyRequest): Document {
  if (manager !== KUBECTL || subresource || live?.metadata.annotations?.[LAST_APPLIED] === undefined) return object;
  const before = object.metadata.annotations ?? {};
  const annotations = rewriteLastApplied(before, applied);
  return annotations === before ? object : { ...object, metadata: { ...object.metadata, annotations } };
}

interface Ownership {
  owner: Owner;
  fields: FieldSet;
  mine: ManagedFields | undefined;
  rest: readonly ManagedFields[];
}

function withOwners(object: Document, { live, now }: ApplyRequest, { owner, fields, mine, rest }: Ownership): Document {
  const before = live?.metadata.managedFields ?? [];
  const sameRest = rest.length === before.length - (mine ? 1 : 0) && rest.every((entry) => before.includes(entry));
  const sameMine = mine ? sameJson(mine.fieldsV1, fields) : isEmpty(fields);
  if (live && object === live && sameRest && sameMine) return live;
  const entry = isEmpty(fields) ? [] : [entryOf(owner, fields, timeOf(now))];
  return { ...object, metadata: { ...object.metadata, managedFields: arrange([...rest, ...entry]) } };
}
