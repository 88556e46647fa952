/** The list `metadata.managedFields`: who owns what, one entry per manager, operation, version and subresource. */
import type { ManagedFields } from '../../api/metadata.ts';
import { API_VERSION } from '../../api/metadata.ts';
import { StatusError } from '../../base/errors.ts';
import { sameJson } from '../../base/hash.ts';
import { difference, isEmpty, parseFields, union } from './fieldset.ts';
import type { FieldSet } from './fieldset.ts';
import { isObject } from './structure.ts';

/** Updates by more managers than this are merged, oldest first, into one entry, as the Kubernetes API server does. */
export const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = 'ancient-changes';
/** Kubernetes' limit for the name of a manager, in characters. */
const MAX_MANAGER_LENGTH = 128;
/** More entries than this cannot have come from a server: it has ten updates, and a handful of appliers. */
const MAX_ENTRIES = 100;

export type Owner = Pick<ManagedFields, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

export function checkManager(manager: string): void {
  const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]+$/u.test(manager);
  if (printable && manager.length <= MAX_MANAGER_LENGTH) return;
  const message = `fieldManager must be 1 to ${MAX_MANAGER_LENGTH} printable characters`;
  throw new StatusError('Invalid', message, {
    causes: [{ reason: 'FieldValueInvalid', field: 'fieldManager', message }],
  });
}

/** A manager that applies is one whatever version it applies in. */
export const isOwner = (entry: ManagedFields, owner: Owner): boolean =>
  entry.manager === owner.manager &&
  entry.operation === owner.operation &&
  (entry.subresource ?? '') === (owner.subresource ?? '') &&
  (owner.operation === 'Apply' || entry.apiVersion === owner.apiVersion);

/** RFC 3339 in whole seconds, as Kubernetes' times are. */
export const timeOf = (now: Date): string => `${now.toISOString().slice(0, 19)}Z`;

export const entryOf = (owner: Owner, fieldsV1: FieldSet, time: string): ManagedFields => ({
  manager: owner.manager,
  operation: owner.operation,
  apiVersion: owner.apiVersion,
  time,
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...(owner.subresource ? { subresource: owner.subresource } : {}),
});

/** The entry without these fields; itself when it has none of them, none when nothing is left. */
export function giveUp(entry: ManagedFields, fields: FieldSet): ManagedFields[] {
  if (isEmpty(fields)) return [entry];
  const left = difference(entry.fieldsV1, fields);
  if (isEmpty(left)) return [];
  return sameJson(left, entry.fieldsV1) ? [entry] : [{ ...entry, fieldsV1: left }];
}

/** The list with these fields the owner's, and nobody else's. */
export function handOver(
  entries: readonly ManagedFields[],
  owner: Owner,
  fields: FieldSet,
  now: Date,
): ManagedFields[] {
  const had = entries.find((entry) => isOwner(entry, owner))?.fieldsV1 ?? {};
  const others = entries.filter((entry) => !isOwner(entry, owner)).flatMap((entry) => giveUp(entry, fields));
  return arrange([...others, entryOf(owner, union(had, fields), timeOf(now))]);
}

/** In Kubernetes' order (operation, time, manager), with at most MAX_UPDATE_MANAGERS updates. */
export function arrange(entries: readonly ManagedFields[]): ManagedFields[] {
  const sorted = entries.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  const updates = sorted.filter((entry) => entry.operation === 'Update' && !entry.subresource);
  if (updates.length <= MAX_UPDATE_MANAGERS) return sorted;
  const known = updates.filter((entry) => entry.manager === ANCIENT);
  const oldest = updates
    .filter((entry) => entry.manager !== ANCIENT)
    .slice(0, updates.length - known.length - (MAX_UPDATE_MANAGERS - 1));
  const folded = [...known, ...oldest];
  const latest = folded.at(-1);
  const owner: Owner = { manager: ANCIENT, operation: 'Update', apiVersion: latest?.apiVersion ?? API_VERSION };
  const fields = folded.reduce<FieldSet>((all, entry) => union(all, entry.fieldsV1), {});
  return arrange([...sorted.filter((entry) => !folded.includes(entry)), entryOf(owner, fields, latest?.time ?? '')]);
}

const orderOf = (entry: ManagedFields): string =>
  [entry.operation, entry.time ?? '', entry.manager, entry.apiVersion, entry.subresource ?? ''].join('\0');

/** The list as a client sent it. Throws a StatusError (Invalid) that says what is wrong with it. */
export function parseManagedFields(value: unknown): ManagedFields[] {
  if (!Array.isArray(value)) throw invalid('it is a list');
  if (value.length > MAX_ENTRIES) throw invalid(`it has more than ${MAX_ENTRIES} entries`);
  return value.map(parseEntry);
}

function parseEntry(entry: unknown): ManagedFields {
  if (!isObject(entry)) throw invalid('an entry is an object');
  const { manager, operation, apiVersion, time, fieldsType, fieldsV1, subresource } = entry as Partial<
    Record<keyof ManagedFields, unknown>
  >;
  if (operation !== 'Apply' && operation !== 'Update') throw invalid('operation must be Apply or Update');
  if (fieldsType !== 'FieldsV1') throw invalid('fieldsType must be FieldsV1');
  if (typeof manager !== 'string' || typeof apiVersion !== 'string')
    throw invalid('manager and apiVersion must be strings');
  if (![time, subresource].every((text) => text === undefined || typeof text === 'string'))
    throw invalid('time and subresource must be strings');
  checkManager(manager);
  const owner: Owner = {
    manager,
    operation,
    apiVersion,
    ...(subresource ? { subresource: subresource as string } : {}),
  };
  const { time: stamp, ...rest } = entryOf(owner, parseFields(fieldsV1 ?? {}), (time as string | undefined) ?? '');
  return stamp ? { ...rest, time: stamp } : rest;
}

const invalid = (why: string): StatusError =>
  new StatusError('Invalid', `metadata.managedFields cannot be used: ${why}`, {
    causes: [{ reason: 'FieldValueInvalid', field: 'metadata.managedFields', message: why }],
  });
