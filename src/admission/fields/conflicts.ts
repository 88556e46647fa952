import { StatusError } from '../../base/errors.ts';
import type { ManagedFields } from '../../api/metadata.ts';
import { intersection, isEmpty, toPaths, union } from './fieldset.ts';
import type { FieldSet } from './fieldset.ts';
import type { Changes } from './compare.ts';

/** What one manager owns and an apply would change. */
export interface Conflict {
  entry: ManagedFields;
  fields: FieldSet;
}

/** `others`: every entry but that of whoever applies. A field that goes is no conflict: it goes only when nobody else owns it. */
export function conflictsOf(changes: Changes, others: readonly ManagedFields[]): Conflict[] {
  const changed = union(changes.modified, changes.added);
  if (isEmpty(changed)) return [];
  return others.flatMap((entry) => {
    const fields = intersection(entry.fieldsV1, changed);
    return isEmpty(fields) ? [] : [{ entry, fields }];
  });
}

/** The refusal of an apply, word for word as the Kubernetes API server says it, because kubectl's users and scripts know it. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const byManager = new Map<string, string[]>();
  for (const { entry, fields } of conflicts) {
    const manager = printManager(entry);
    byManager.set(manager, [...(byManager.get(manager) ?? []), ...toPaths(fields)]);
  }
  const sorted = [...byManager].sort(([a], [b]) => (a < b ? -1 : 1));
  const causes = sorted.flatMap(([manager, paths]) =>
    paths.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${manager}`, field })),
  );
  return new StatusError('Conflict', messageOf(sorted, causes.length), { causes });
}

function messageOf(byManager: readonly [string, string[]][], count: number): string {
  const [first] = byManager;
  if (count === 1 && first) return `Apply failed with 1 conflict: conflict with ${first[0]}: ${first[1][0]}`;
  const blocks = byManager.map(
    ([manager, paths]) => `conflicts with ${manager}:\n${paths.map((path) => `- ${path}`).join('\n')}`,
  );
  return `Apply failed with ${count} conflicts: ${blocks.join('\n')}`;
}

/** `"kubectl-edit" using miniaws.dev/v1`; a manager that applies is known by its name alone. */
function printManager({ manager, operation, apiVersion, subresource }: ManagedFields): string {
  const name = JSON.stringify(manager) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}
