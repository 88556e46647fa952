import type { Observed } from '../base/observed.ts';
import { present } from '../base/observed.ts';
import type { Compute, Owned } from '../drivers/compute.ts';
import type { View } from '../api/kind.ts';
import { volumeUsers } from './volumes/inventory.ts';

/** Containers and networks whose uid no document has, and named volumes that no document mounts. */
export async function findOrphans(
  compute: Compute,
  documents: View,
  installation: string,
): Promise<Observed<readonly Owned[]>> {
  const everything = compute.everything();
  if (everything.state === 'unobservable') return everything;
  const owned = everything.state === 'present' ? everything.value : [];
  const mounted = volumeUsers(documents, installation);
  const volumes = (await compute.volumes()).map(({ name, owner }): Owned => ({
    type: 'volume',
    id: name,
    name,
    owner,
  }));
  return present([
    ...owned.filter((o) => o.type !== 'volume' && !documents.byUid(o.owner.uid)),
    ...volumes.filter((v) => !mounted.has(v.name)),
  ]);
}
