import { keyOf, refOf } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { grouped } from '../../base/grouped.ts';
import { familiarReference } from '../../base/image-reference.ts';
import type { EngineImage } from '../../drivers/compute.ts';
import type { PulledImage } from './pulled-images.ts';

/** Who brought an image to the Engine. */
type Origin = 'pulled' | 'built' | 'others';

/** An image of the Engine, as people and the keeper see it. */
export interface ImageEntry {
  id: string;
  references: readonly string[];
  digests: readonly string[];
  sizeBytes: number;
  origin: Origin;
  /** Objects that name it, and containers that are made of it: `Instance/default/web`, `container/somebody`. */
  usedBy: readonly string[];
  pulledAt?: string;
  unusedSince?: string;
}

/** Which documents name which images; by the Engine's names and ids of these. */
function namersIn(view: View): ReadonlyMap<string, readonly string[]> {
  const named = grouped(view.indexed('image'), ({ value }) => familiarReference(value));
  return new Map([...named].map(([name, by]) => [name, by.map(({ resource }) => keyOf(refOf(resource)))]));
}

/** Every image of the Engine, whose it is, and what needs it. */
export function imageEntries(
  images: readonly EngineImage[],
  pulled: readonly PulledImage[],
  view: View,
): readonly ImageEntry[] {
  const known = new Map(pulled.map((row) => [row.id, row]));
  const namers = namersIn(view);
  return images.map(({ id, references, digests, sizeBytes, isBuilt, containers }) => {
    const row = known.get(id);
    const names = [id, ...references, ...digests];
    const usedBy = [
      ...names.flatMap((name) => namers.get(name) ?? []),
      ...containers.map(({ name, owner }) => (owner ? keyOf(owner) : `container/${name}`)),
    ];
    return {
      id,
      references,
      digests,
      sizeBytes,
      origin: isBuilt ? 'built' : row && isOursAlone(row, references) ? 'pulled' : 'others',
      usedBy: [...new Set(usedBy)].toSorted(),
      ...(row ? { pulledAt: row.pulledAt.toISOString() } : {}),
      ...(row?.unusedSince ? { unusedSince: row.unusedSince.toISOString() } : {}),
    };
  });
}

/** A reference that no pull of ours made is somebody else's, and so is the image. */
const isOursAlone = (row: PulledImage, references: readonly string[]): boolean => {
  const ours = new Set(row.references.map(familiarReference));
  return references.every((reference) => ours.has(reference));
};
