import { isInstance } from '../kinds/instance/types.ts';
import type { Observed } from '../base/observed.ts';
import { present } from '../base/observed.ts';
import type { Compute, Owned } from '../drivers/compute.ts';
import type { View } from '../api/kind.ts';
import { namedVolumesOf } from '../kinds/instance/container-spec.ts';

/** Containers and networks whose uid no document has, and named volumes that no instance mounts. */
export async function findOrphans(
  compute: Compute,
  documents: View,
  installation: string,
): Promise<Observed<readonly Owned[]>> {
  const everything = compute.everything();
  if (everything.state === 'unobservable') return everything;
  const owned = everything.state === 'present' ? everything.value : [];
  const mounted = new Set(
    [...documents.list('Instance')].filter(isInstance).flatMap((i) => namedVolumesOf(i, installation)),
  );
  const volumes = (await compute.volumes()).map((v): Owned => ({
    type: 'volume',
    id: v.name,
    name: v.name,
    owner: v.owner,
  }));
  return present([
    ...owned.filter((o) => o.type !== 'volume' && !documents.byUid(o.owner.uid)),
    ...volumes.filter((v) => !mounted.has(v.name)),
  ]);
}
