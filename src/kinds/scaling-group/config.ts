import type { View } from '../../api/kind.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import type { Digest } from '../../base/hash.ts';
import { resolveConfig } from '../instance/public.ts';
import { templateHash } from './template-hash.ts';
import type { ScalingGroup } from './types.ts';

/** What the group's instances are given. */
export interface GroupConfig {
  /** Of what makes a new revision when it changes; what reaches a running instance by itself is not in it. */
  digests: Readonly<Record<string, string>>;
  /** While there is any, the group goes on with what it has. */
  missing: readonly string[];
  /** Names the template together with these; without any, it is the template's own. */
  hash: string;
}

/** As the instance of the first slot would have it: which slot an instance has makes no revision. */
export function groupConfig(group: ScalingGroup, view: View, digest: Digest): GroupConfig {
  const { namespace } = group.metadata;
  const own = { name: `${group.metadata.name}-0`, namespace, address: '', slot: '0' };
  const { missing, items } = resolveConfig(group.spec.template.spec, own, { view, digest });
  const rolled = Object.entries(items).filter(([, { onChange }]) => onChange === 'Recreate' || onChange === 'Restart');
  const digests =
    missing.length > 0
      ? (group.status?.revisions?.at(-1)?.config ?? {})
      : Object.fromEntries(rolled.map(([item, { digest: of }]) => [item, of]));
  return { digests, missing, hash: hashOf(templateHash(group.spec.template), digests) };
}

const hashOf = (hash: string, digests: GroupConfig['digests']): string =>
  Object.keys(digests).length === 0 ? hash : sha256(`${hash} ${canonicalJson(digests)}`).slice(0, hash.length);
