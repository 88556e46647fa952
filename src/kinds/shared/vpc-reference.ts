import type { Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { isVpc } from '../vpc/types.ts';
import { valueOf } from '../../base/observed.ts';
import type { Compute, Network } from '../../drivers/compute.ts';

/** The VPC as far as what lives in it needs it. */
export type VpcObserved =
  | { is: 'missing' }
  | { is: 'deleting' }
  | { is: 'pending' }
  | { is: 'unobservable'; why: string }
  | { is: 'ready'; uid: string; network: Network };

/** `name`: another VPC than the one that it is in. */
export function observeVpc(
  resource: Resource<{ vpc: string }>,
  compute: Compute,
  view: View,
  name = resource.spec.vpc,
): VpcObserved {
  const vpc = view.get({ kind: 'VPC', namespace: resource.metadata.namespace, name });
  if (!vpc || !isVpc(vpc)) return { is: 'missing' };
  if (vpc.metadata.deletionTimestamp !== undefined) return { is: 'deleting' };
  const networks = compute.networks(vpc.metadata.uid);
  if (networks.state === 'unobservable') return { is: 'unobservable', why: networks.why };
  const network = (valueOf(networks) ?? []).find((n) => n.cidrBlock === vpc.spec.cidrBlock);
  return network ? { is: 'ready', uid: vpc.metadata.uid, network } : { is: 'pending' };
}

/** Why what lives in the VPC cannot be made yet, and what it waits for. */
export function vpcWait(
  resource: Resource<{ vpc: string }>,
  vpc: VpcObserved,
  name = resource.spec.vpc,
): { message: string; on: string } {
  const on = `VPC ${resource.metadata.namespace}/${name}`;
  const why: Record<VpcObserved['is'], string> = {
    missing: `${on} does not exist; create it`,
    deleting: `${on} is being deleted; it will be waited for until it exists again`,
    pending: `${on} is not ready yet`,
    unobservable: `${on} cannot be observed`,
    ready: `${on} is ready`,
  };
  return { message: why[vpc.is], on };
}
