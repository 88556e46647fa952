import type { Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { isVpc, rangeOf } from '../vpc/types.ts';
import type { Vpc } from '../vpc/types.ts';
import { contains, formatAddress, parseAddress } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';

/** What is wanted in one VPC. */
interface Wanted {
  vpc: string;
  privateIp?: string;
}

/** What was given out there. An address never outlives its VPC. */
interface Held {
  privateIp?: string;
  vpcUid?: string;
}

/** What has an address in a VPC, and in others beside it: given out by us, and kept for the document's life. */
export type Addressed = Resource<
  Wanted & { networks?: readonly Wanted[] },
  Held & { networks?: readonly (Held & { vpc: string; privateIp: string })[] }
>;

/** What the claim writes. */
type Claimed = NonNullable<Addressed['status']>;

/** Runs under the revision's lock: two documents never get one address. */
export function claimAddress(resource: Addressed, view: View): Claimed {
  const { spec, status = {}, metadata } = resource;
  const vpc = vpcNamed(spec.vpc, resource, view);
  if (!vpc) throw new PassError('DependencyNotReady', `VPC ${metadata.namespace}/${spec.vpc} is gone`);
  const networks = claimBeside(resource, view);
  return {
    ...(isGiven(spec, status, vpc.metadata.uid) ? {} : given(spec, 'privateIp', resource, vpc, view)),
    ...(networks === status.networks ? {} : { networks }),
  };
}

/** A VPC that is not there yet gets its address later. What is wanted no more stays until it is let go of. */
function claimBeside(resource: Addressed, view: View): Claimed['networks'] {
  const { spec, status } = resource;
  const claimed = (spec.networks ?? []).flatMap((wanted, at) => {
    const vpc = vpcNamed(wanted.vpc, resource, view);
    if (!vpc || isGiven(wanted, heldIn(resource, wanted.vpc), vpc.metadata.uid)) return [];
    return [{ vpc: wanted.vpc, ...given(wanted, `networks[${at}].privateIp`, resource, vpc, view) }];
  });
  if (claimed.length === 0) return status?.networks;
  const others = (status?.networks ?? []).filter(({ vpc }) => !claimed.some((c) => c.vpc === vpc));
  return [...others, ...claimed].toSorted((a, b) => (a.vpc < b.vpc ? -1 : 1));
}

function vpcNamed(name: string, { metadata }: Addressed, view: View): Vpc | undefined {
  const vpc = view.get({ kind: 'VPC', namespace: metadata.namespace, name });
  return vpc && isVpc(vpc) ? vpc : undefined;
}

/** What it holds in this VPC, be it the one that it is in or one beside it. */
export const heldIn = ({ spec, status }: Addressed, vpc: string): Held =>
  (spec.vpc === vpc ? status : status?.networks?.find((network) => network.vpc === vpc)) ?? {};

const isGiven = (wanted: Wanted, held: Held, vpcUid: string): boolean =>
  held.privateIp !== undefined &&
  held.vpcUid === vpcUid &&
  (wanted.privateIp === undefined || wanted.privateIp === held.privateIp);

/** Whether it has none there yet, or one that is not what it wants or was of another VPC. */
export const needsAddress = (resource: Addressed, vpcUid: string, wanted: Wanted = resource.spec): boolean =>
  !isGiven(wanted, heldIn(resource, wanted.vpc), vpcUid);

/** Where a document may be found by the addresses that it wants and holds: `namespace/vpc/address`. */
export function addressKeys({ metadata, spec, status }: Addressed): string[] {
  const places = [{ vpc: spec.vpc, privateIp: status?.privateIp }, ...(status?.networks ?? [])];
  return [spec, ...(spec.networks ?? []), ...places].flatMap(({ vpc, privateIp }) =>
    privateIp === undefined ? [] : [`${metadata.namespace}/${vpc}/${privateIp}`],
  );
}

/** The VPCs that it lives in, or has not left yet: `namespace/name`. */
export const vpcKeys = ({ metadata, spec, status }: Addressed): string[] => [
  ...new Set(
    [spec, ...(spec.networks ?? []), ...(status?.networks ?? [])].map(({ vpc }) => `${metadata.namespace}/${vpc}`),
  ),
];

function given(wanted: Wanted, field: string, resource: Addressed, vpc: Vpc, view: View) {
  const { privateIp } = wanted;
  const address =
    privateIp === undefined ? freeAddress(resource, vpc, view) : checkedAddress(resource, privateIp, field, vpc, view);
  return { privateIp: address, vpcUid: vpc.metadata.uid };
}

function holderOf(resource: Addressed, address: string, vpc: Vpc, view: View): Addressed | undefined {
  const holders = view.lookupAll('address', `${resource.metadata.namespace}/${vpc.metadata.name}/${address}`);
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
    if (address !== gateway && !holderOf(resource, formatAddress(address), vpc, view)) return formatAddress(address);
  }
  throw new PassError(
    'SubnetFull',
    `every address of ${vpc.spec.cidrBlock} is given out; make a larger VPC, or delete instances of ${vpc.metadata.name}`,
  );
}

/** A document may have been admitted before its VPC existed: its address is checked against the range here. */
function checkedAddress(resource: Addressed, wanted: string, field: string, vpc: Vpc, view: View): string {
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
      `spec.${field} ${wanted} is not a usable address of ${vpc.spec.cidrBlock}, the range of VPC ${vpc.metadata.name}; change it, or leave it out`,
    );
  }
  const holder = holderOf(resource, wanted, vpc, view);
  if (holder)
    throw new PassError(
      'AddressInUse',
      `${wanted} is held by ${holder.kind} ${holder.metadata.namespace}/${holder.metadata.name}${hasNow(holder, wanted, vpc) ? '' : ' until it has moved'}`,
    );
  return wanted;
}

/** Whether it means to keep the address. */
function hasNow(holder: Addressed, address: string, { metadata }: Vpc): boolean {
  const wanted = [holder.spec, ...(holder.spec.networks ?? [])].find(({ vpc }) => vpc === metadata.name);
  return wanted !== undefined && (wanted.privateIp ?? heldIn(holder, wanted.vpc).privateIp) === address;
}
