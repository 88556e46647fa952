import type { Resource } from '../../api/metadata.ts';
import { valueOf } from '../../base/observed.ts';
import type { Compute, Container } from '../../drivers/compute.ts';
import type { Contradiction } from '../shared/kind-module.ts';
import { isVpc } from '../vpc/types.ts';
import { isOfHash } from './proxy-config.ts';
import type { LoadBalancer } from './types.ts';

/** One running container, of this specification, on its networks; every target exists. */
export const contradiction: Contradiction<LoadBalancer> = (lb, compute, documents) => {
  const observed = compute.containers(lb.metadata.uid);
  if (observed.state === 'unobservable') return undefined;
  const containers = valueOf(observed) ?? [];
  const [container] = containers;
  if (containers.length !== 1 || !container) return `it has ${containers.length} containers`;
  if (container.state !== 'running') return `its container is ${container.state}`;
  if (!isOfHash(lb, container)) return 'its container is of another specification';
  const elsewhere = documents && offItsNetworks(lb, container, compute, documents);
  if (elsewhere) return elsewhere;
  const gone = documents && lb.status?.targets?.find((t) => !documents.some((r) => r.metadata.uid === t.uid));
  return gone && `its target ${gone.instance} does not exist`;
};

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
