import { sameJson } from '../base/hash.ts';
import { contentOf, SOURCE } from './metadata.ts';
import type { ManagedFields, Resource } from './metadata.ts';

/** Whose fields a version has changed, against the one before; without one, who wrote the document last. */
export function authorOf(next: Resource, old: Resource | undefined): string | undefined {
  const entries = next.metadata.managedFields ?? [];
  const before = new Map((old?.metadata.managedFields ?? []).map((e) => [ownerOf(e), e]));
  const changed = entries.filter((e) => !sameJson(before.get(ownerOf(e)), e));
  // An owner who only lost fields to the author keeps its time.
  const wrote = changed.filter((e) => before.get(ownerOf(e))?.time !== e.time);
  if (wrote.length > 0) return latest(wrote);
  if (changed.length > 0) return latest(changed);
  // Times have whole seconds: who gives the same fields other values within one leaves its entry as it was.
  return old && !sameJson(owned(next), owned(old)) ? latest(entries) : undefined;
}

const ownerOf = ({ manager, operation, subresource = '' }: ManagedFields): string =>
  `${manager}/${operation}/${subresource}`;

const latest = (entries: readonly ManagedFields[]): string | undefined =>
  entries.toSorted((a, b) => (b.time ?? '').localeCompare(a.time ?? ''))[0]?.manager;

/** What has owners. */
function owned(resource: Resource): object {
  const { labels = {}, annotations = {} } = resource.metadata;
  return { labels, annotations, content: contentOf(resource) };
}

/** The repository's commit that a version is of, where the one before was of another. */
export function newCommitOf({ metadata }: Resource, old: Resource | undefined): string | undefined {
  const source = metadata.annotations?.[SOURCE];
  return source === old?.metadata.annotations?.[SOURCE] ? undefined : source?.split(' ')[0];
}
