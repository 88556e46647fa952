import { valueOf } from '../../base/observed.ts';
import { heldIn } from '../shared/ip-address.ts';
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
  const { attachments } = container;
  const wanted = [instance.spec, ...(instance.spec.networks ?? [])];
  if (attachments.length !== wanted.length)
    return `its container is on ${attachments.length} networks, and ${wanted.length} is right`;
  const missing = wanted.find(({ vpc }) => !attachments.some((a) => a.address === heldIn(instance, vpc).privateIp));
  return missing && `its container has not ${heldIn(instance, missing.vpc).privateIp}, its address in ${missing.vpc}`;
};
