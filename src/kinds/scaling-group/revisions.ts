import type { FieldsV1, ManagedFields } from '../../api/metadata.ts';
import { initSaid } from '../instance/public.ts';
import type { Revision, ScalingGroup, Template } from './types.ts';
import { canonicalJson } from '../../base/hash.ts';
import { templateHash } from './members.ts';

/** Revisions of the template that are kept, and the most that they may weigh together, characters. */
const REVISIONS = 10;
const REVISIONS_WEIGHT = 256 * 1024;
/** Field manager of a group that goes back to an earlier template by itself. */
export const ROLLBACK = 'rollback';

/** Who owns the field of the specification now. */
export function ownerOf({ metadata }: ScalingGroup, field: string): ManagedFields | undefined {
  const owns = ({ fieldsV1, subresource }: ManagedFields) =>
    (subresource === undefined || subresource === 'scale') && (fieldsV1['f:spec'] as FieldsV1 | undefined)?.[field];
  return (metadata.managedFields ?? []).filter(owns).toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1))[0];
}

/** The revision of the template as it is now; `undefined` until it is recorded. */
export function currentRevision(group: ScalingGroup): Revision | undefined {
  const newest = group.status?.revisions?.at(-1);
  return newest?.hash === templateHash(group.spec.template) ? newest : undefined;
}

/** A template that comes back, by a rollback or by hand, is the newest again, under a new number, as in Kubernetes. */
export function recorded(group: ScalingGroup, now: Date): readonly Revision[] {
  const known = group.status?.revisions ?? [];
  if (currentRevision(group)) return known;
  const hash = templateHash(group.spec.template);
  const by = ownerOf(group, 'f:template')?.manager;
  const next: Revision = {
    revision: (known.at(-1)?.revision ?? 0) + 1,
    hash,
    createdAt: now.toISOString(),
    ...(by === undefined ? {} : { by }),
    template: group.spec.template,
  };
  const all = [...known.filter((r) => r.hash !== hash), next].slice(-REVISIONS);
  while (all.length > 1 && canonicalJson(all).length > REVISIONS_WEIGHT) all.shift();
  return all;
}

/** With what has come of the newest template: all desired instances have worked with it, or one has failed. */
export function judged(
  group: ScalingGroup,
  { failure, completed }: { failure: string | undefined; completed: boolean },
  now: Date,
): readonly Revision[] {
  const known = group.status?.revisions ?? [];
  const newest = currentRevision(group);
  if (!newest || newest.completedAt !== undefined) return known;
  const { failed, ...rest } = newest;
  if (completed) return [...known.slice(0, -1), { ...rest, completedAt: now.toISOString() }];
  return failure === undefined || failed !== undefined
    ? known
    : [...known.slice(0, -1), { ...newest, failed: failure }];
}

/**
 * Where the group goes back to by itself: to the last template that is known to have worked, once it is written down
 * that the newest has failed, and why. A rollback is not rolled back.
 */
export function rollBackTo(group: ScalingGroup, revisions = group.status?.revisions ?? []): Revision | undefined {
  const { strategy, suspend, template } = group.spec;
  const newest = revisions.at(-1);
  if (strategy.onFailure !== 'RollBack' || suspend.includes('InstanceRefresh')) return undefined;
  if (newest?.hash !== templateHash(template) || newest.failed === undefined || newest.by === ROLLBACK)
    return undefined;
  return revisions.findLast((r) => r !== newest && r.completedAt !== undefined);
}

/** The revision's template as it is written back: what it did not say is said, so that admission fills in nothing else. */
export const templateOf = ({ template }: Revision): Template => ({ ...template, spec: initSaid(template.spec) });
