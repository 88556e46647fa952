import type { Owner } from '../../drivers/compute.ts';

/** What marks the Engine's objects as this document's. */
export const ownerOfResource = (r: {
  kind: string;
  metadata: { uid: string; namespace: string; name: string; generation: number };
}): Owner => ({
  uid: r.metadata.uid,
  kind: r.kind,
  namespace: r.metadata.namespace,
  name: r.metadata.name,
  generation: r.metadata.generation,
});
