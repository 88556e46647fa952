import type { FieldsV1, ManagedFields } from '../../api/metadata.ts';
import { digestChanges, initSaid } from '../instance/public.ts';
import type { Revision, ScalingGroup, Template } from './types.ts';
import { shortImageId } from '../../base/image-reference.ts';
import { grouped } from '../../base/grouped.ts';
import { canonicalJson } from '../../base/hash.ts';
import { templateHash } from './template-hash.ts';
import type { GroupConfig } from './config.ts';
import type { Member } from './members.ts';
import { listed } from '../shared/conditions.ts';

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

/** The revision of the template, and of what it gives its instances, as they are now; `undefined` until it is recorded. */
export function currentRevision(group: ScalingGroup, { hash }: GroupConfig): Revision | undefined {
  const newest = group.status?.revisions?.at(-1);
  return newest?.hash === hash ? newest : undefined;
}

/** A template that comes back, by a rollback or by hand, is the newest again, under a new number, as in Kubernetes. */
export function recorded(group: ScalingGroup, config: GroupConfig, now: Date): readonly Revision[] {
  const known = group.status?.revisions ?? [];
  if (currentRevision(group, config)) return known;
  const { hash, digests } = config;
  // Who changed a content is not known here.
  const last = known.at(-1);
  const isSame = last && templateHash(last.template) === templateHash(group.spec.template);
  const by = isSame ? undefined : ownerOf(group, 'f:template')?.manager;
  const before = known.find((r) => r.hash === hash);
  const next: Revision = {
    revision: (known.at(-1)?.revision ?? 0) + 1,
    hash,
    createdAt: now.toISOString(),
    ...(by === undefined ? {} : { by }),
    ...(before?.imageId === undefined ? {} : { imageId: before.imageId }),
    ...(Object.keys(digests).length > 0 && { config: digests }),
    template: group.spec.template,
  };
  const all = [...known.filter((r) => r !== before), next].slice(-REVISIONS);
  while (all.length > 1 && canonicalJson(all).length > REVISIONS_WEIGHT) all.shift();
  return all;
}

/** The newest template's instances, with ids of the images that they run. */
const running = (members: readonly Member[]): readonly Member[] =>
  members.filter((m) => !m.leaving && !m.outdated && m.imageId !== undefined);

/** The image of a template that has none written down, once its instances run one, and all the same. */
export function imageToRecord(
  group: ScalingGroup,
  config: GroupConfig,
  members: readonly Member[],
): string | undefined {
  const newest = currentRevision(group, config);
  const ids = new Set(running(members).map((m) => m.imageId));
  return newest && newest.imageId === undefined && ids.size === 1 ? [...ids][0] : undefined;
}

/** Written once: a reference that means another image by then changes nothing. */
export function withImage(group: ScalingGroup, config: GroupConfig, imageId: string): readonly Revision[] {
  const newest = currentRevision(group, config);
  const known = group.status?.revisions ?? [];
  return newest && newest.imageId === undefined ? [...known.slice(0, -1), { ...newest, imageId }] : known;
}

/** Which instances of the newest template run which image, where these are several. */
export function differingImages({ spec }: ScalingGroup, members: readonly Member[]): string | undefined {
  const byId = grouped(running(members), (m) => m.imageId ?? '');
  if (byId.size < 2) return undefined;
  const each = [...byId].map(([id, who]) => `${listed(who.map((m) => m.name))}: ${shortImageId(id)}`);
  return `its instances run different images of ${spec.template.spec.image} (${each.join('; ')}); to have all of what it is now: miniaws restart`;
}

/** With what has come of the newest template: all desired instances have worked with it, or one has failed. */
export function judged(
  group: ScalingGroup,
  config: GroupConfig,
  { failure, completed }: { failure: string | undefined; completed: boolean },
  now: Date,
): readonly Revision[] {
  const known = group.status?.revisions ?? [];
  const newest = currentRevision(group, config);
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
export function rollBackTo(
  group: ScalingGroup,
  { hash }: GroupConfig,
  revisions = group.status?.revisions ?? [],
): Revision | undefined {
  const { strategy, suspend, template } = group.spec;
  const newest = revisions.at(-1);
  if (strategy.onFailure !== 'RollBack' || suspend.includes('InstanceRefresh')) return undefined;
  if (newest?.hash !== hash || newest.failed === undefined || newest.by === ROLLBACK) return undefined;
  // Where the contents alone differ there is nothing to go back to: they are what they are now.
  const differs = (r: Revision) => templateHash(r.template) !== templateHash(template);
  return revisions.findLast((r) => differs(r) && r.completedAt !== undefined);
}

export const TEMPLATE_CHANGED = 'the template changed';

/** What makes the template's instances of now differ from those of before. */
export function whyOutdated(group: ScalingGroup, config: GroupConfig): string {
  const known = group.status?.revisions ?? [];
  const before = currentRevision(group, config) ? known.at(-2) : known.at(-1);
  const { template } = group.spec;
  if (!before || templateHash(before.template) !== templateHash(template)) return TEMPLATE_CHANGED;
  return listed(digestChanges(before.config ?? {}, config.digests, group.metadata.namespace)) || TEMPLATE_CHANGED;
}

/** The revision's template as it is written back: what it did not say is said, so that admission fills in nothing else. */
export const templateOf = ({ template }: Revision): Template => ({ ...template, spec: initSaid(template.spec) });
