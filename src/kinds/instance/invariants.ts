import { valueOf } from '../../base/observed.ts';
import type { Contradiction } from '../shared/kind-module.ts';
import { limitChanges, notLifted } from './limits.ts';
import { specHash } from './spec-hash.ts';
import type { Instance } from './types.ts';

/** One container, of this specification, in the state that is wanted, with its limits, at its address. */
export const contradiction: Contradiction<Instance> = (instance, compute) => {
  const observed = compute.containers(instance.metadata.uid);
  if (observed.state === 'unobservable') return undefined;
  const containers = valueOf(observed) ?? [];
  const [container] = containers;
  if (containers.length !== 1 || !container) return `it has ${containers.length} containers`;
  if (container.specHash !== specHash(instance.spec)) return 'its container is of another specification';
  const running = instance.spec.powerState === 'Running';
  if ((container.state === 'running') !== running)
    return `powerState is ${instance.spec.powerState} and its container is ${container.state}`;
  const lifted = notLifted(instance.spec, container);
  if (lifted !== undefined) return lifted;
  const [limit] = limitChanges(instance.spec, container).fields;
  if (limit !== undefined) return `its container has another ${limit}`;
  const [attachment] = container.attachments;
  if (container.attachments.length !== 1) return `its container is on ${container.attachments.length} networks`;
  return attachment?.address === instance.status?.privateIp
    ? undefined
    : `status says address ${instance.status?.privateIp} and its container has ${attachment?.address}`;
};
