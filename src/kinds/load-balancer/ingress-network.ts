import type { LoadBalancer, LoadBalancerStatus } from './types.ts';
import type { View } from '../../api/kind.ts';
import { formatAddress, formatCidr, lastFreeBlock, overlaps, parseCidr } from '../../base/cidr.ts';
import type { Cidr } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';
import { valueOf } from '../../base/observed.ts';
import type { Observed } from '../../base/observed.ts';
import type { Network, NetworkSpec } from '../../drivers/compute.ts';
import { engineName } from '../../drivers/labels.ts';
import type { Step } from '../../engine/contract.ts';
import type { Place } from '../shared/container-steps.ts';
import type { VpcObserved } from '../shared/vpc-reference.ts';
import { ownerOfResource } from '../shared/owner.ts';

/** The gateway, the proxy, and room for what a person connects to look around. */
const PREFIX = 28;
const WHY = 'its VPC is internal, and clients come from outside';

/**
 * The Engine publishes no port of a container that is on an internal network alone. So the proxy of an internal VPC is
 * on a bridge network of its own as well, which nothing else joins: its VPC stays as closed as it was.
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

/** One network as claimed where it is needed; any other with the mark of this load balancer goes. */
export function planIngress(lb: LoadBalancer, vpc: VpcObserved, observed: IngressObserved): IngressStep[] {
  if (vpc.is !== 'ready' || observed.networks.state === 'unobservable') return [];
  const good = isNeeded(vpc) ? ingressOf(lb, observed) : undefined;
  const wrong = (valueOf(observed.networks) ?? [])
    .filter((network) => network !== good)
    .map((network) => removal(network, 'it is not the ingress network that it should be'));
  if (good || !isNeeded(vpc)) return wrong;
  const range = parseCidr(lb.status?.ingressCidrBlock ?? '');
  const isFree = range && !rangesOf(observed.foreign).some((other) => overlaps(other, range));
  const claim: IngressStep[] = isFree ? [] : [{ do: 'claimIngress', why: WHY }];
  return [...wrong, ...claim, { do: 'createIngress', why: WHY, event: 'IngressCreated' }];
}

/** A container that is made now joins before its first start. */
export const joinIngress = (vpc: VpcObserved, name: string): IngressStep[] =>
  isNeeded(vpc) ? [{ do: 'joinIngress', name, why: WHY }] : [];

/** After the container, which is on it. */
export const removeIngress = ({ networks }: IngressObserved): IngressStep[] =>
  (valueOf(networks) ?? []).map((network) => removal(network, 'the load balancer was deleted'));

const removal = ({ id, name }: Network, why: string): IngressStep => ({ do: 'removeIngress', id, name, why });

/** Where the container shall be, beside its VPC; `undefined`: that cannot be told now. */
export function ingressPlace(lb: LoadBalancer, vpc: VpcObserved, observed: IngressObserved): Place[] | undefined {
  if (!isNeeded(vpc)) return [];
  if (observed.networks.state === 'unobservable') return undefined;
  const network = ingressOf(lb, observed);
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

/** The one that is as claimed. */
export const ingressOf = (lb: LoadBalancer, { networks }: Pick<IngressObserved, 'networks'>): Network | undefined =>
  (valueOf(networks) ?? []).find((n) => !n.internal && n.cidrBlock === lb.status?.ingressCidrBlock);

/** The one after the gateway. */
export const addressIn = (cidrBlock: string): string => formatAddress((parseCidr(cidrBlock)?.first ?? 0) + 2);

/**
 * Runs under the revision's lock: two load balancers never get one range, and no VPC one of these. From the pool of VPCs,
 * which the administrator chose to clash with nothing, and from its end: VPCs fill it from its beginning.
 */
export function claimIngress(
  lb: LoadBalancer,
  view: View,
  { pool, foreign }: { pool: string; foreign: readonly string[] },
): Pick<LoadBalancerStatus, 'ingressCidrBlock'> {
  const others = view.indexed('ipRange').filter(({ resource }) => resource.metadata.uid !== lb.metadata.uid);
  const within = parseCidr(pool);
  const block = within && lastFreeBlock(within, PREFIX, rangesOf([...others.map(({ value }) => value), ...foreign]));
  if (block) return { ingressCidrBlock: formatCidr(block) };
  throw new PassError(
    'SubnetFull',
    `no /${PREFIX} is left in the pool ${pool} for the ingress network: give a larger one (serve --vpc-pool), or delete a VPC`,
  );
}

/** Taken since it was claimed: the next pass claims another, and so it is no reason to wait for whoever has it. */
export function overlapAsRetry(error: unknown): never {
  if (error instanceof PassError && error.reason === 'CidrOverlap')
    throw new PassError('AddressInUse', `the ingress range was taken meanwhile: ${error.message}`, error);
  throw error;
}

const rangesOf = (texts: readonly string[]): Cidr[] => texts.flatMap((text) => parseCidr(text) ?? []);
