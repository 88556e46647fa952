import type { View } from '../../api/kind.ts';
import type { Clock } from '../../base/clock.ts';
import { sameJson } from '../../base/hash.ts';
import type { Compute } from '../../drivers/compute.ts';
import type { Store } from '../../store/store.ts';
import { volumeEntries, volumeUsers } from './inventory.ts';
import { VOLUME_USES } from './volume-uses.ts';

export interface VolumeUsesDeps {
  compute: Compute;
  store: Pick<Store, 'beside'>;
  view: View;
  clock: Clock;
  installation: string;
}

/** Writes down who uses which volume, and since when nobody does: a volume outlives those who could say it. */
export async function noteVolumeUses({ compute, store, view, clock, installation }: VolumeUsesDeps): Promise<void> {
  const uses = store.beside(VOLUME_USES);
  const [volumes, known] = [await compute.volumes(), await uses.list()];
  const there = new Set(volumes.map(({ name }) => name));
  for (const { name } of known) if (!there.has(name)) await uses.remove(name);
  for (const { name, usedBy, lastUsedBy } of volumeEntries(volumes, known, volumeUsers(view, installation))) {
    const before = known.find((use) => use.name === name);
    const unusedSince = usedBy.length > 0 ? null : (before?.unusedSince ?? clock.now());
    if (!before || !sameJson(before, { name, lastUsedBy, unusedSince }))
      await uses.put({ name, lastUsedBy, unusedSince });
  }
}
