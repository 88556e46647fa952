import { isInstance } from '../kinds/instance/types.ts';
import type { Instance, InstanceSpec } from '../kinds/instance/types.ts';
import { isReady } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import { isLoadBalancer } from '../kinds/load-balancer/types.ts';
import type { LoadBalancer } from '../kinds/load-balancer/types.ts';
import { isScalingGroup } from '../kinds/scaling-group/types.ts';
import type { ScalingGroup } from '../kinds/scaling-group/types.ts';
import { isVpc } from '../kinds/vpc/types.ts';
import { valueOf } from '../base/observed.ts';
import { balancerHash } from '../kinds/load-balancer/proxy-config.ts';
import { limitChanges, notLifted } from '../kinds/instance/limits.ts';
import { specHash } from '../kinds/instance/spec-hash.ts';
import type { Compute, Container } from '../drivers/compute.ts';

/**
 * What contradicts a document that says Ready, as this daemon's own driver sees the world; `undefined`: nothing
 * does, or nothing can be seen.
 * What is made of documents alone is judged where `documents` are given: beside a pass under way, they change.
 * One case for each kind; it asks the driver, and the documents, and not the controller, which is what is judged.
 */
export function contradiction(
  resource: Resource,
  compute: Compute,
  documents?: readonly Resource[],
): string | undefined {
  if (isVpc(resource)) {
    const observed = compute.networks(resource.metadata.uid);
    if (observed.state === 'unobservable') return undefined;
    const networks = valueOf(observed) ?? [];
    const [network] = networks;
    if (networks.length !== 1) return `it has ${networks.length} networks`;
    return network?.cidrBlock === resource.spec.cidrBlock ? undefined : `its network is ${network?.cidrBlock}`;
  }
  if (isScalingGroup(resource)) return documents && ofGroup(resource, documents);
  if (isLoadBalancer(resource)) return ofBalancer(resource, compute, documents);
  return isInstance(resource) ? ofInstance(resource, compute) : undefined;
}

function ofBalancer(
  lb: LoadBalancer,
  compute: Compute,
  documents: readonly Resource[] | undefined,
): string | undefined {
  const observed = compute.containers(lb.metadata.uid);
  if (observed.state === 'unobservable') return undefined;
  const containers = valueOf(observed) ?? [];
  const [container] = containers;
  if (containers.length !== 1 || !container) return `it has ${containers.length} containers`;
  if (container.state !== 'running') return `its container is ${container.state}`;
  if (container.specHash !== balancerHash(lb)) return 'its container is of another specification';
  const elsewhere = documents && offItsNetworks(lb, container, compute, documents);
  if (elsewhere) return elsewhere;
  const gone = documents && lb.status?.targets?.find((t) => !documents.some((r) => r.metadata.uid === t.uid));
  return gone && `its target ${gone.instance} does not exist`;
}

/** On its VPC; and where that is internal, on one ingress network, which is not. */
function offItsNetworks(
  { metadata, spec, status }: LoadBalancer,
  { attachments }: Container,
  compute: Compute,
  documents: readonly Resource[],
): string | undefined {
  const vpc = documents.find(
    (r) => r.metadata.namespace === metadata.namespace && r.metadata.name === spec.vpc && isVpc(r),
  );
  const observed = compute.networks(metadata.uid);
  if (!vpc || !isVpc(vpc) || observed.state === 'unobservable') return undefined;
  const ingress = valueOf(observed) ?? [];
  const wanted = vpc.spec.internetGateway ? 0 : 1;
  if (ingress.length !== wanted) return `it has ${ingress.length} ingress networks, and ${wanted} is right`;
  if (ingress.some((n) => n.internal || n.cidrBlock !== status?.ingressCidrBlock))
    return `its ingress network is ${ingress[0]?.cidrBlock}, and status says ${status?.ingressCidrBlock}`;
  if (attachments.length !== 1 + wanted) return `its container is on ${attachments.length} networks`;
  if (!attachments.some((a) => a.address === status?.privateIp)) return `its container has not ${status?.privateIp}`;
  const isOutside = ingress.every((n) => attachments.some((a) => a.networkId === n.id));
  return isOutside ? undefined : 'its container is not on its ingress network';
}

function ofGroup(group: ScalingGroup, documents: readonly Resource[]): string | undefined {
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
  const lifted = notLifted(instance.spec, container);
  if (lifted !== undefined) return lifted;
  const [limit] = limitChanges(instance.spec, container).fields;
  if (limit !== undefined) return `its container has another ${limit}`;
  const [attachment] = container.attachments;
  if (container.attachments.length !== 1) return `its container is on ${container.attachments.length} networks`;
  return attachment?.address === instance.status?.privateIp
    ? undefined
    : `status says address ${instance.status?.privateIp} and its container has ${attachment?.address}`;
}
