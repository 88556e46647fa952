import {
  contains,
  firstFreeBlock,
  formatAddress,
  formatCidr,
  hasHostBits,
  overlaps,
  parseAddress,
  parseCidr,
} from '../../base/cidr.ts';
import type { Cidr } from '../../base/cidr.ts';
import type { Cause } from '../../base/errors.ts';
import { invalid } from '../../api/field-errors.ts';
import { titleFor } from '../../api/kind.ts';
import type { Admission, AdmissionSettings, View } from '../../api/kind.ts';
import type { Vpc, VpcSpec } from './types.ts';

const immutable = (field: string): Cause =>
  invalid(
    field,
    `${field} of a VPC cannot change, because its instances hold addresses in it; ` +
      'make a VPC with another name, move the instances to it, then delete this one',
  );

export function checkVpc(vpc: Vpc, old?: Vpc): Cause[] {
  const { cidrBlock, gateway } = vpc.spec;
  if (cidrBlock === undefined) return gateway === undefined || old ? [] : [NO_RANGE];
  const cidr = parseCidr(cidrBlock);
  if (!cidr || cidr.prefix < 16 || cidr.prefix > 28) {
    return [invalid('cidrBlock', `"${cidrBlock}" is not an IPv4 range of /16 to /28, such as 10.20.0.0/24`)];
  }
  if (hasHostBits(cidrBlock))
    return [invalid('cidrBlock', `"${cidrBlock}" has host bits set; the range is ${formatCidr(cidr)}`)];
  // A moved range is refused by `admit` as such: that its gateway was not moved with it is not what is wrong.
  const moved = old !== undefined && old.spec.cidrBlock !== cidrBlock;
  return gateway === undefined || moved ? [] : checkGateway(gateway, cidr);
}

function checkGateway(gateway: string, cidr: Cidr): Cause[] {
  const address = parseAddress(gateway);
  if (address === undefined || !contains(cidr, address)) {
    return [invalid('gateway', `"${gateway}" is not an address of ${formatCidr(cidr)}`)];
  }
  const edge = address === cidr.first ? 'network' : address === cidr.first + cidr.size - 1 ? 'broadcast' : undefined;
  return edge
    ? [invalid('gateway', `${gateway} is the ${edge} address of ${formatCidr(cidr)}; take one between them`)]
    : [];
}

const NO_RANGE = invalid('gateway', 'a gateway is an address of a cidrBlock; give that too, or leave out both');

export function admitVpc(next: Vpc, old: Vpc | undefined, view: View, settings: AdmissionSettings): Admission<Vpc> {
  if (old) {
    const changed = (['cidrBlock', 'gateway', 'internetGateway'] as const).filter(
      (f) => fieldOf(next, old, f) !== old.spec[f],
    );
    return { resource: { ...next, spec: { ...old.spec, ...next.spec } }, causes: changed.map(immutable) };
  }
  const taken = view.indexed('ipRange').flatMap(({ value, resource }) => {
    const range = parseCidr(value);
    return range ? [{ range, holder: titleFor(settings.author, resource) }] : [];
  });
  const spec =
    next.spec.cidrBlock === undefined
      ? takeFromPool(
          next.spec,
          taken.map(({ range }) => range),
          settings,
        )
      : next.spec;
  if (!spec) {
    return {
      resource: next,
      causes: [
        invalid(
          'cidrBlock',
          `no free /${settings.vpcPrefix} is left in the pool ${settings.vpcPool}: give a cidrBlock, or the daemon a larger pool (serve --vpc-pool)`,
        ),
      ],
    };
  }
  const cidr = parseCidr(spec.cidrBlock);
  const held = taken.find(({ range }) => cidr && overlaps(cidr, range));
  const causes = held
    ? [invalid('cidrBlock', `${spec.cidrBlock} overlaps ${formatCidr(held.range)} of ${held.holder}`)]
    : [];
  return { resource: { ...next, spec: completeVpc(spec) }, causes };
}

/** A field that was filled in at creation and is left out now stays as it is. */
const fieldOf = (next: Vpc, old: Vpc, field: keyof VpcSpec) => next.spec[field] ?? old.spec[field];

function takeFromPool(spec: VpcSpec, taken: readonly Cidr[], settings: AdmissionSettings): VpcSpec | undefined {
  const pool = parseCidr(settings.vpcPool);
  const foreign = settings.foreignRanges().flatMap((range) => parseCidr(range) ?? []);
  const block = pool && firstFreeBlock(pool, settings.vpcPrefix, [...taken, ...foreign]);
  return block && { ...spec, cidrBlock: formatCidr(block) };
}

/** The gateway is the range's first address unless the manifest says another. */
export function completeVpc(spec: VpcSpec): VpcSpec {
  const cidr = spec.cidrBlock === undefined ? undefined : parseCidr(spec.cidrBlock);
  if (!cidr || spec.gateway !== undefined) return spec;
  return { ...spec, gateway: formatAddress(cidr.first + 1) };
}
