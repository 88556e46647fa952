import { isLoadBalancer } from '../api/load-balancer.ts';
import type { LoadBalancer, LoadBalancerStatus } from '../api/load-balancer.ts';
import type { View } from '../api/schema.ts';
import { isVpc, rangeOf } from '../api/vpc.ts';
import { firstFreeBlock, formatAddress, formatCidr, overlaps, parseCidr } from '../base/cidr.ts';
import { PassError } from '../base/errors.ts';
import { valueOf } from '../base/observed.ts';
import type { Observed } from '../base/observed.ts';
import type { Network, NetworkSpec } from '../drivers/compute.ts';
import { engineName } from '../drivers/labels.ts';
import type { Step } from '../engine/contract.ts';
import type { Place } from './container-care.ts';
import type { VpcObserved } from './vpc-place.ts';
import { ownerOfResource } from './vpc.ts';

/** Of RFC 6598's shared addresses, which neither a company's network nor a VPC is usually made of: 4,096 ranges. */
const POOL = '100.65.0.0/16';
/** The gateway, the proxy, and room for what a person connects to look around. */
const PREFIX = 28;

/**
 * The Engine publishes no port of a container that is on an internal network alone. So the proxy of an internal VPC is
 * on a bridge network of its own as well, which nothing else joins: its VPC stays as closed as it was (ruling 17).
 */
export type IngressStep =
  | (Step & { do: 'claimIngress' })
  | (Step & { do: 'createIngress' })
  | (Step & { do: 'joinIngress'; name: string })
  | (Step & { do: 'removeIngress'; id: string; name: string });

export interface IngressObserved {
  networks: Observed<readonly Network[]>;
  /** Ranges on the Engine that are not ours. */
  foreign: readonly string[];
}

const isNeeded = (vpc: VpcObserved): boolean => vpc.is === 'ready' && vpc.network.internal;

/** What is missing before the proxy's container can join it. */
export function planIngress(lb: LoadBalancer, vpc: VpcObserved, { networks, foreign }: IngressObserved): IngressStep[] {
  if (!isNeeded(vpc) || networks.state !== 'absent') return [];
  const why = 'its VPC is internal, and clients come from outside';
  const range = parseCidr(lb.status?.ingressCidrBlock ?? '');
  const isFree = range && !foreign.some((text) => isOver(text, range));
  const claim: IngressStep[] = isFree ? [] : [{ do: 'claimIngress', why }];
  return [...claim, { do: 'createIngress', why, event: 'IngressCreated' }];
}

/** A container that is made now joins before its first start. */
export const joinIngress = (vpc: VpcObserved, name: string): IngressStep[] =>
  isNeeded(vpc) ? [{ do: 'joinIngress', name, why: 'its VPC is internal, and clients come from outside' }] : [];

/** After the container, which is on it. */
export const removeIngress = ({ networks }: IngressObserved): IngressStep[] =>
  (valueOf(networks) ?? []).map(({ id, name }) => ({
    do: 'removeIngress',
    id,
    name,
    why: 'the load balancer was deleted',
  }));

/** Where the container shall be, beside its VPC. */
export function ingressPlace(vpc: VpcObserved, { networks }: IngressObserved): Place[] {
  const [network] = isNeeded(vpc) ? (valueOf(networks) ?? []) : [];
  return network ? [{ network, address: addressIn(network.cidrBlock), what: 'its ingress network' }] : [];
}

export function ingressSpecOf(lb: LoadBalancer): NetworkSpec {
  const owner = ownerOfResource(lb);
  const cidrBlock = lb.status?.ingressCidrBlock;
  const range = parseCidr(cidrBlock ?? '');
  if (cidrBlock === undefined || !range)
    throw new PassError('DependencyNotReady', 'the load balancer has no ingress range yet');
  const gateway = formatAddress(range.first + 1);
  return { owner, name: `${engineName(owner)}-ingress`, cidrBlock, gateway, internal: false };
}

/** The one after the gateway. */
export const addressIn = (cidrBlock: string): string => formatAddress((parseCidr(cidrBlock)?.first ?? 0) + 2);

/** Runs under the revision's lock: two load balancers never get one range. */
export function claimIngress(
  lb: LoadBalancer,
  view: View,
  foreign: readonly string[],
): Pick<LoadBalancerStatus, 'ingressCidrBlock'> {
  const others = [...view.list('LoadBalancer')]
    .filter(isLoadBalancer)
    .filter((other) => other.metadata.uid !== lb.metadata.uid)
    .flatMap(({ status }) => parseCidr(status?.ingressCidrBlock ?? '') ?? []);
  const vpcs = [...view.list('VPC')].filter(isVpc).map(rangeOf);
  const taken = [...others, ...vpcs, ...foreign.flatMap((text) => parseCidr(text) ?? [])];
  const pool = parseCidr(POOL);
  const block = pool && firstFreeBlock(pool, PREFIX, taken);
  if (!block) throw new PassError('SubnetFull', `no range of ${POOL} is free for the ingress of the load balancer`);
  return { ingressCidrBlock: formatCidr(block) };
}

function isOver(text: string, range: NonNullable<ReturnType<typeof parseCidr>>): boolean {
  const other = parseCidr(text);
  return other !== undefined && overlaps(other, range);
}
