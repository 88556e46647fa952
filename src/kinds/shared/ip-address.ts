import type { Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { isVpc, rangeOf } from '../vpc/types.ts';
import type { Vpc } from '../vpc/types.ts';
import { contains, formatAddress, parseAddress } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';

/** What has an address in a VPC: given out by us, and kept for the document's life. */
export type Addressed = Resource<{ vpc: string; privateIp?: string }, { privateIp?: string; vpcUid?: string }>;

/** Runs under the revision's lock: two documents never get one address. */
export function claimAddress(resource: Addressed, view: View): { privateIp?: string; vpcUid?: string } {
  const { namespace } = resource.metadata;
  const vpc = view.get({ kind: 'VPC', namespace, name: resource.spec.vpc });
  if (!vpc || !isVpc(vpc)) throw new PassError('DependencyNotReady', `VPC ${namespace}/${resource.spec.vpc} is gone`);
  const { privateIp, vpcUid } = resource.status ?? {};
  const wanted = resource.spec.privateIp;
  if (privateIp !== undefined && vpcUid === vpc.metadata.uid && (wanted === undefined || wanted === privateIp))
    return {};
  return {
    privateIp: wanted === undefined ? freeAddress(resource, vpc, view) : checkedAddress(resource, wanted, vpc, view),
    vpcUid: vpc.metadata.uid,
  };
}

/** Whether it has none yet, or one that is not what it wants or was of another VPC. */
export const needsAddress = ({ spec, status }: Addressed, vpcUid: string): boolean =>
  status?.privateIp === undefined ||
  status.vpcUid !== vpcUid ||
  (spec.privateIp !== undefined && spec.privateIp !== status.privateIp);

function holderOf(resource: Addressed, address: string, view: View): Addressed | undefined {
  const key = `${resource.metadata.namespace}/${resource.spec.vpc}/${address}`;
  const holders = view.lookupAll('address', key);
  return holders.find((other) => other.metadata.uid !== resource.metadata.uid) as Addressed | undefined;
}

/** The first free one from a place that the uid gives, so that an address just given back is not the next given out. */
function freeAddress(resource: Addressed, vpc: Vpc, view: View): string {
  const { first, size } = rangeOf(vpc);
  const gateway = parseAddress(vpc.spec.gateway);
  const usable = size - 2;
  const start = Number.parseInt(resource.metadata.uid.replaceAll('-', '').slice(0, 8), 16) % usable;
  for (let i = 0; i < usable; i++) {
    const address = first + 1 + ((start + i) % usable);
    if (address !== gateway && !holderOf(resource, formatAddress(address), view)) return formatAddress(address);
  }
  throw new PassError(
    'SubnetFull',
    `every address of ${vpc.spec.cidrBlock} is given out; make a larger VPC, or delete instances of ${vpc.metadata.name}`,
  );
}

/** A document may have been admitted before its VPC existed: its address is checked against the range here. */
function checkedAddress(resource: Addressed, wanted: string, vpc: Vpc, view: View): string {
  const range = rangeOf(vpc);
  const address = parseAddress(wanted) ?? -1;
  if (
    !contains(range, address) ||
    address === range.first ||
    address === range.first + range.size - 1 ||
    wanted === vpc.spec.gateway
  ) {
    throw new PassError(
      'Refused',
      `spec.privateIp ${wanted} is not a usable address of ${vpc.spec.cidrBlock}, the range of VPC ${vpc.metadata.name}; change it, or leave it out`,
    );
  }
  const holder = holderOf(resource, wanted, view);
  if (holder)
    throw new PassError(
      'AddressInUse',
      `${wanted} is held by ${holder.kind} ${holder.metadata.namespace}/${holder.metadata.name}${hasNow(holder, wanted) ? '' : ' until it has moved'}`,
    );
  return wanted;
}

const hasNow = ({ spec, status }: Addressed, address: string): boolean =>
  (spec.privateIp ?? status?.privateIp) === address;
