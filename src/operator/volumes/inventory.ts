import { keyOf, refOf } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { grouped } from '../../base/grouped.ts';
import type { Volume } from '../../drivers/compute.ts';
import { volumeNameOf } from '../../drivers/labels.ts';
import type { VolumeUse } from './volume-uses.ts';

/** A named volume of this installation, as people see it. */
export interface VolumeEntry {
  /** On the Engine. */
  name: string;
  namespace: string;
  /** As documents call it. */
  volume: string;
  /** Documents that mount it: `Instance/default/db`. */
  usedBy: readonly string[];
  /** Those that did last. */
  lastUsedBy: readonly string[];
  /** Left out while it is used, and where nobody has seen it unused yet. */
  unusedSince?: string;
}

/** Who mounts which volume, by its name on the Engine. */
export function volumeUsers(view: View, installation: string): ReadonlyMap<string, readonly string[]> {
  const named = grouped(view.indexed('volume'), ({ value }) => {
    const [namespace = '', name = ''] = value.split('/');
    return volumeNameOf(installation, namespace, name);
  });
  return new Map([...named].map(([name, by]) => [name, by.map(({ resource }) => keyOf(refOf(resource))).toSorted()]));
}

/** Of one whose use nobody has noted, the last user is the one that it was made for. */
export function volumeEntries(
  volumes: readonly Volume[],
  uses: readonly VolumeUse[],
  users: ReadonlyMap<string, readonly string[]>,
): readonly VolumeEntry[] {
  const known = new Map(uses.map((use) => [use.name, use]));
  return volumes
    .map(({ name, owner }) => {
      const [namespace = '', volume = ''] = name.split('.');
      const usedBy = users.get(name) ?? [];
      const last = known.get(name);
      return {
        name,
        namespace,
        volume,
        usedBy,
        lastUsedBy: usedBy.length > 0 ? usedBy : (last?.lastUsedBy ?? [`${owner.namespace}/${owner.name}`]),
        ...(usedBy.length === 0 && last?.unusedSince ? { unusedSince: last.unusedSince.toISOString() } : {}),
      };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
