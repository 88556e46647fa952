/** Who owns what after a write that is not an apply: create, replace, merge patch, JSON patch, scale, status. */
import type { ManagedFields } from '../../api/metadata.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { sameJson } from '../../base/hash.ts';
import { checkJsonSize } from './bounds.ts';
import { compare, existing, isUnchanged } from './compare.ts';
import type { Changes } from './compare.ts';
import { trackedPart, wholePart } from './document.ts';
import type { Document } from './document.ts';
import { EMPTY, difference, isEmpty, union } from './fieldset.ts';
import type { FieldSet } from './fieldset.ts';
import { arrange, checkManager, entryOf, giveUp, isOwner, parseManagedFields, timeOf } from './managers.ts';
import type { Owner } from './managers.ts';
import { isObject, rootOf } from './structure.ts';

export interface UpdateRequest {
  /** None: the object is created. */
  before?: Document | undefined;
  /** As it will be stored. Its managedFields are what the client sent, or those of `before`. */
  after: Document;
  manager: string;
  subresource?: string;
  /** Of the whole document: `documentSchema(kind)`. */
  schema: JsonSchema;
  now: Date;
}

/**
 * The manager's Update entry gains what it changed or added, all others lose it, and nobody keeps what is gone.
 * Gives the list of `before` itself when nothing changed. A list in `after` that differs from that of `before` counts as
 * set by the client, but for an empty one: clients that know nothing of managedFields send that. `[{}]` resets it.
 */
export function trackUpdate(request: UpdateRequest): readonly ManagedFields[] {
  checkManager(request.manager);
  checkJsonSize(request.after, 'the object');
  const { before, after, subresource } = request;
  const schema = rootOf(request.schema);
  const stored = before?.metadata.managedFields ?? [];
  const starting = subresource ? stored : startingList(stored, after.metadata.managedFields);
  const changes = compare(trackedPart(before, subresource), trackedPart(after, subresource), schema);
  if (starting === stored && isUnchanged(changes)) return stored;

  const entries = isUnchanged(changes) ? starting : withChanges(starting, changes, request);
  // Of an object that is created, the one entry was just made from what it has: nothing of it can be gone.
  if (!before && starting.length === 0) return arrange(entries);
  const whole = wholePart(after);
  const list = arrange(entries.flatMap((entry) => withExisting(entry, existing(entry.fieldsV1, whole, schema))));
  return sameJson(list, stored) ? stored : list;
}

function startingList(stored: readonly ManagedFields[], sent: unknown): readonly ManagedFields[] {
  if (sent === stored || sent === undefined || sent === null || (Array.isArray(sent) && sent.length === 0))
    return stored;
  if (Array.isArray(sent) && sent.length === 1 && isObject(sent[0]) && Object.keys(sent[0]).length === 0) return [];
  return sameJson(sent, stored) ? stored : parseManagedFields(sent);
}

function withChanges(entries: readonly ManagedFields[], changes: Changes, request: UpdateRequest): ManagedFields[] {
  const { manager, subresource, after, now } = request;
  const owner: Owner = {
    manager,
    operation: 'Update',
    apiVersion: after.apiVersion,
    ...(subresource ? { subresource } : {}),
  };
  const mine = entries.find((entry) => isOwner(entry, owner));
  const gained = union(changes.modified, changes.added);
  const touched = union(gained, changes.removed);
  const rest = entries.filter((entry) => entry !== mine).flatMap((entry) => giveUp(entry, touched));
  const fields = union(difference(mine?.fieldsV1 ?? EMPTY, changes.removed), gained);
  if (isEmpty(fields)) return rest;
  return [...rest, isEmpty(gained) && mine ? { ...mine, fieldsV1: fields } : entryOf(owner, fields, timeOf(now))];
}

function withExisting(entry: ManagedFields, fieldsV1: FieldSet): ManagedFields[] {
  if (isEmpty(fieldsV1)) return [];
  return sameJson(fieldsV1, entry.fieldsV1) ? [entry] : [{ ...entry, fieldsV1 }];
}

/**
 * For the end of admission: `next` with the owners' times of `live` when they are all that differs, so that an apply whose values
 * become the live ones only by defaulting writes nothing (I2). The Kubernetes API server does the same.
 */
export function keepTimes(live: Document, next: Document): Document {
  const [before, after] = [live.metadata.managedFields ?? [], next.metadata.managedFields ?? []];
  if (before === after || before.length !== after.length) return next;
  const timeless = (list: readonly ManagedFields[]): ManagedFields[] =>
    arrange(list.map((entry) => ({ ...entry, time: '' })));
  const kept = { ...next, metadata: { ...next.metadata, managedFields: before } };
  return sameJson(kept, live) && sameJson(timeless(before), timeless(after)) ? live : next;
}
