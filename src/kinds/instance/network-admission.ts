import { contains, formatCidr, parseAddress } from '../../base/cidr.ts';
import type { Cause } from '../../base/errors.ts';
import { invalid } from '../../api/field-errors.ts';
import type { View } from '../../api/kind.ts';
import type { Vpc } from '../vpc/types.ts';
import { rangeOf } from '../vpc/types.ts';
import type { Instance, InstanceSpec, SecondaryNetwork } from './types.ts';

/** Each VPC once. */
export function checkNetworks({ vpc, networks = [] }: Pick<InstanceSpec, 'vpc' | 'networks'>): Cause[] {
  return networks.flatMap((network, at) => {
    const field = `networks[${at}].vpc`;
    if (network.vpc === vpc) return [invalid(field, `${vpc} is the VPC that it is in already: spec.vpc`)];
    const first = networks.findIndex((other) => other.vpc === network.vpc);
    return first < at ? [invalid(field, `${network.vpc} is already networks[${first}]`)] : [];
  });
}

/** The addresses that it asks for, in those of its VPCs that exist. The others are looked at when they do. */
export function checkAddresses(next: Instance, view: View): Cause[] {
  const beside = (next.spec.networks ?? []).map((network, at) => ({ network, field: `networks[${at}].privateIp` }));
  return [{ network: next.spec, field: 'privateIp' }, ...beside].flatMap(({ network, field }) =>
    checkAddress(network, field, next, view),
  );
}

function checkAddress({ vpc: name, privateIp: ip }: SecondaryNetwork, field: string, next: Instance, view: View) {
  const { namespace } = next.metadata;
  const vpc = view.get({ kind: 'VPC', namespace, name }) as Vpc | undefined;
  if (ip === undefined || !vpc) return [];
  const range = rangeOf(vpc);
  const address = parseAddress(ip);
  if (address === undefined || !contains(range, address))
    return [invalid(field, `"${ip}" is not an address of ${formatCidr(range)}, the range of VPC ${name}`)];
  const reserved =
    address === range.first
      ? 'network'
      : address === range.first + range.size - 1
        ? 'broadcast'
        : ip === vpc.spec.gateway
          ? 'gateway'
          : undefined;
  if (reserved) return [invalid(field, `${ip} is the ${reserved} address of VPC ${name}`)];
  const holders = view.lookupAll('address', `${namespace}/${name}/${ip}`);
  const holder = holders.find((other) => other.metadata.uid !== next.metadata.uid);
  return holder
    ? [invalid(field, `${ip} is held by ${holder.kind} ${holder.metadata.namespace}/${holder.metadata.name}`)]
    : [];
}
