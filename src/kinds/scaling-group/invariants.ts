import { isReady } from '../../api/metadata.ts';
import type { InstanceSpec } from '../instance/types.ts';
import type { Contradiction } from '../shared/kind-module.ts';
import type { ScalingGroup } from './types.ts';

/** As many instances as are desired, of the template’s image, all Ready. */
export const contradiction: Contradiction<ScalingGroup> = (group, _compute, documents) => {
  if (!documents) return undefined;
  const own = documents.filter(
    (r) =>
      r.metadata.deletionTimestamp === undefined &&
      r.metadata.ownerReferences?.some((owner) => owner.uid === group.metadata.uid),
  );
  const desired = group.status?.effective?.desiredCount;
  if (own.length !== desired) return `it has ${own.length} instances, and ${desired} are desired`;
  const other = own.find((r) => (r.spec as InstanceSpec).image !== group.spec.template.spec.image);
  if (other) return `${other.metadata.name} has another image than the template`;
  const unready = own.find((r) => !isReady(r));
  return unready && `${unready.metadata.name} is not Ready`;
};
