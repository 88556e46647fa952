import { namespacedName, refOf, titleOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';

/** Names that are told before the rest is counted. */
const TOLD = 5;

/** Documents that read this one, of whatever kind: they have an index of this kind's name. */
const usersOf = (ref: Ref, view: View): readonly Resource[] => view.lookupAll(ref.kind, namespacedName(ref));

/** For who deletes it. */
export function usersWarning(resource: Resource, view: View): string[] {
  const ref = refOf(resource);
  const users = usersOf(ref, view).filter((user) => user.metadata.deletionTimestamp === undefined);
  if (users.length === 0) return [];
  const named = users.slice(0, TOLD).map((user) => titleOf(refOf(user)));
  const rest = users.length > TOLD ? ` and ${users.length - TOLD} more` : '';
  return [
    `${titleOf(ref)} is used by ${named.join(', ')}${rest}: they run on with what they have, and cannot be made anew until it is there again`,
  ];
}
