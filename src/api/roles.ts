import { ALL, READ_VERBS } from './access.ts';
import type { PolicyRule } from './access.ts';
import type { KindDefinition } from './kind.ts';

/** Kubernetes' user-facing roles; each may do what those behind it may. */
export const ROLES = ['admin', 'edit', 'view'] as const;
export type Role = (typeof ROLES)[number];

/** Lists of records that are in namespaces. */
export const RECORDS: readonly string[] = ['events', 'reconcilelogs'];
/** What is of the machine as a whole. */
export const MACHINE: readonly string[] = ['images', 'metrics', 'nodes', 'orphans', 'volumes'];
const EDIT_VERBS = ['create', 'update', 'patch', 'delete', 'deletecollection'];
/** Subresources that change something, or run something, as Kubernetes' edit may. */
const EDITED = ['scale', 'exec', 'attach', 'portforward', 'objects'];

/**
 * What a role may do: everywhere, or in these namespaces alone. `view` reads but for what its kinds keep for others, `edit`
 * writes what is in namespaces and reads secrets, too, `admin` may do everything.
 */
export function rulesOfRole(
  role: Role,
  kinds: Iterable<KindDefinition>,
  namespaces?: readonly string[],
): readonly PolicyRule[] {
  const place = namespaces === undefined || namespaces.includes(ALL) ? {} : { namespaces };
  const isEverywhere = !('namespaces' in place);
  if (role === 'admin' && isEverywhere) return [{ verbs: [ALL], resources: [ALL] }];
  const all = [...kinds];
  const inNamespaces = all.filter((kind) => kind.scope === 'Namespaced');
  // The roles stand in the order of what they may.
  const readable = all.filter(({ readableBy = 'view' as const }) => ROLES.indexOf(readableBy) >= ROLES.indexOf(role));
  const reads: PolicyRule = {
    verbs: READ_VERBS,
    resources: [...withSubresources(readable), ...RECORDS, ...(isEverywhere ? MACHINE : [])],
    ...place,
  };
  if (role === 'view') return [reads];
  return [reads, ...editRules(inNamespaces, place)];
}

/** All that may be written of kinds that are in namespaces. */
export const editRules = (
  kinds: readonly KindDefinition[],
  place: Pick<PolicyRule, 'namespaces'>,
): readonly PolicyRule[] => [
  {
    verbs: EDIT_VERBS,
    resources: kinds.flatMap(({ plural }) => [plural, ...EDITED.map((subresource) => `${plural}/${subresource}`)]),
    ...place,
  },
];

const withSubresources = (kinds: readonly KindDefinition[]): string[] =>
  kinds.flatMap(({ plural }) => [plural, `${plural}/${ALL}`]);
