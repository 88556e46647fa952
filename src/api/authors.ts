import { sameJson } from '../base/hash.ts';
import { SOURCE } from './metadata.ts';
import type { ManagedFields, Resource } from './metadata.ts';

/** Whose fields a version has changed, against the one before; without one, who wrote the document last. */
export function authorOf(next: Resource, old: Resource | undefined): string | undefined {
  const ownerOf = (e: ManagedFields) => `${e.manager}/${e.operation}/${e.subresource ?? ''}`;
  const before = new Map((old?.metadata.managedFields ?? []).map((e) => [ownerOf(e), e]));
  const changed = (next.metadata.managedFields ?? []).filter((e) => !sameJson(before.get(ownerOf(e)), e));
  // An owner who only lost fields to the author keeps its time.
  const wrote = changed.filter((e) => before.get(ownerOf(e))?.time !== e.time);
  return (wrote.length > 0 ? wrote : changed).toSorted((a, b) => (b.time ?? '').localeCompare(a.time ?? ''))[0]
    ?.manager;
}

/** The repository's commit that a version is of, where the one before was of another. */
export function newCommitOf({ metadata }: Resource, old: Resource | undefined): string | undefined {
  const source = metadata.annotations?.[SOURCE];
  return source === old?.metadata.annotations?.[SOURCE] ? undefined : source?.split(' ')[0];
}
