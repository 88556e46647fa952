import { isInstance } from '../api/instance.ts';
import type { Instance } from '../api/instance.ts';
import type { Resource } from '../api/metadata.ts';
import { isVpc } from '../api/vpc.ts';
import { valueOf } from '../base/observed.ts';
import { specHash } from '../controllers/instance-hash.ts';
import type { Compute } from '../drivers/compute.ts';

/**
 * What contradicts a document that says Ready, as this daemon's own driver sees the world; `undefined`: nothing
 * does, or nothing can be seen.
 * One case for each kind; it asks the driver and not the controller, which is what is judged.
 */
export function contradiction(resource: Resource, compute: Compute): string | undefined {
  if (isVpc(resource)) {
    const observed = compute.networks(resource.metadata.uid);
    if (observed.state === 'unobservable') return undefined;
    const networks = valueOf(observed) ?? [];
    const [network] = networks;
    if (networks.length !== 1) return `it has ${networks.length} networks`;
    return network?.cidrBlock === resource.spec.cidrBlock ? undefined : `its network is ${network?.cidrBlock}`;
  }
  return isInstance(resource) ? ofInstance(resource, compute) : undefined;
}

function ofInstance(instance: Instance, compute: Compute): string | undefined {
  const observed = compute.containers(instance.metadata.uid);
  if (observed.state === 'unobservable') return undefined;
  const containers = valueOf(observed) ?? [];
  const [container] = containers;
  if (containers.length !== 1 || !container) return `it has ${containers.length} containers`;
  if (container.specHash !== specHash(instance.spec)) return 'its container is of another specification';
  const running = instance.spec.powerState === 'Running';
  if ((container.state === 'running') !== running)
    return `powerState is ${instance.spec.powerState} and its container is ${container.state}`;
  const { cpus } = instance.spec.resources;
  if (container.cpus !== cpus) return `resources.cpus is ${cpus} and its container has ${container.cpus}`;
  const [attachment] = container.attachments;
  if (container.attachments.length !== 1) return `its container is on ${container.attachments.length} networks`;
  return attachment?.address === instance.status?.privateIp
    ? undefined
    : `status says address ${instance.status?.privateIp} and its container has ${attachment?.address}`;
}
