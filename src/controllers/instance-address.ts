import { addressOf } from '../api/instance.ts';
import type { Instance, InstanceStatus } from '../api/instance.ts';
import type { Resource } from '../api/metadata.ts';
import type { View } from '../api/schema.ts';
import { isVpc, rangeOf } from '../api/vpc.ts';
import type { Vpc } from '../api/vpc.ts';
import { contains, formatAddress, parseAddress } from '../base/cidr.ts';
import { PassError } from '../base/errors.ts';

/** Runs under the revision's lock: two instances never get one address (ruling 6). */
export function claimAddress(instance: Instance, view: View): Pick<InstanceStatus, 'privateIp' | 'vpcUid'> {
  const { namespace } = instance.metadata;
  const vpc = view.get({ kind: 'VPC', namespace, name: instance.spec.vpc });
  if (!vpc || !isVpc(vpc)) throw new PassError('DependencyNotReady', `VPC ${namespace}/${instance.spec.vpc} is gone`);
  const { privateIp, vpcUid } = instance.status ?? {};
  const wanted = instance.spec.privateIp;
  if (privateIp !== undefined && vpcUid === vpc.metadata.uid && (wanted === undefined || wanted === privateIp))
    return {};
  return {
    privateIp: wanted === undefined ? freeAddress(instance, vpc, view) : checkedAddress(instance, wanted, vpc, view),
    vpcUid: vpc.metadata.uid,
  };
}

function holderOf(instance: Instance, address: string, view: View): Resource | undefined {
  const key = `${instance.metadata.namespace}/${instance.spec.vpc}/${address}`;
  return view.lookup('Instance', 'address', key).find((other) => other.metadata.uid !== instance.metadata.uid);
}

/** The first free one from a place that the uid gives, so that an address just given back is not the next given out. */
function freeAddress(instance: Instance, vpc: Vpc, view: View): string {
  const { first, size } = rangeOf(vpc);
  const gateway = parseAddress(vpc.spec.gateway);
  const usable = size - 2;
  const start = Number.parseInt(instance.metadata.uid.replaceAll('-', '').slice(0, 8), 16) % usable;
  for (let i = 0; i < usable; i++) {
    const address = first + 1 + ((start + i) % usable);
    if (address !== gateway && !holderOf(instance, formatAddress(address), view)) return formatAddress(address);
  }
  throw new PassError(
    'SubnetFull',
    `every address of ${vpc.spec.cidrBlock} is given out; make a larger VPC, or delete instances of ${vpc.metadata.name}`,
  );
}

/** An instance may have been admitted before its VPC existed: its address is checked against the range here. */
function checkedAddress(instance: Instance, wanted: string, vpc: Vpc, view: View): string {
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
  const holder = holderOf(instance, wanted, view);
  if (holder)
    throw new PassError(
      'AddressInUse',
      `${wanted} is held by Instance ${holder.metadata.namespace}/${holder.metadata.name}${addressOf(holder as Instance) === wanted ? '' : ' until it has moved'}`,
    );
  return wanted;
}
