import {
  contains,
  firstFreeBlock,
  formatAddress,
  formatCidr,
  hasHostBits,
  overlaps,
  parseAddress,
  parseCidr,
} from '../base/cidr.ts';
import type { Cidr } from '../base/cidr.ts';
import type { Cause } from '../base/errors.ts';
import { invalid } from './causes.ts';
import { ingressRanges } from './ingress-ranges.ts';
import { findCondition } from './metadata.ts';
import type { Resource } from './metadata.ts';
import type { Admission, AdmissionSettings, KindDefinition, View } from './schema.ts';

interface VpcSpec {
  /** Always there after admission: given, or taken from the pool. */
  cidrBlock: string;
  gateway: string;
  internetGateway: boolean;
}

export interface VpcStatus {
  phase?: 'Pending' | 'Available' | 'Deleting';
  networkId?: string;
  networkName?: string;
}

export type Vpc = Resource<VpcSpec, VpcStatus>;

export const isVpc = (r: Resource): r is Vpc => r.kind === 'VPC';

const immutable = (field: string): Cause =>
  invalid(
    field,
    `${field} of a VPC cannot change, because its instances hold addresses in it; ` +
      'make a VPC with another name, move the instances to it, then delete this one',
  );

function check(vpc: Vpc, old?: Vpc): Cause[] {
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

function admit(next: Vpc, old: Vpc | undefined, view: View, settings: AdmissionSettings): Admission<Vpc> {
  if (old) {
    const changed = (['cidrBlock', 'gateway', 'internetGateway'] as const).filter(
      (f) => fieldOf(next, old, f) !== old.spec[f],
    );
    return { resource: { ...next, spec: { ...old.spec, ...next.spec } }, causes: changed.map(immutable) };
  }
  const others = [...view.list('VPC')] as Vpc[];
  const ingress = ingressRanges(view);
  const spec =
    next.spec.cidrBlock === undefined
      ? takeFromPool(next.spec, [...others.map(rangeOf), ...ingress], settings)
      : next.spec;
  if (!spec) {
    return {
      resource: next,
      causes: [
        invalid(
          'cidrBlock',
          `no free /${settings.vpcPrefix} is left in the pool ${settings.vpcPool}; give a cidrBlock`,
        ),
      ],
    };
  }
  const cidr = parseCidr(spec.cidrBlock);
  const holder = cidr && others.find((vpc) => overlaps(cidr, rangeOf(vpc)));
  const causes = holder
    ? [
        invalid(
          'cidrBlock',
          `${spec.cidrBlock} overlaps ${holder.spec.cidrBlock} of VPC ${holder.metadata.namespace}/${holder.metadata.name}`,
        ),
      ]
    : ingress
        .filter((range) => cidr && overlaps(cidr, range))
        .map((range) =>
          invalid(
            'cidrBlock',
            `${spec.cidrBlock} overlaps ${formatCidr(range)}, the ingress network of a load balancer`,
          ),
        );
  return { resource: { ...next, spec: complete(spec) }, causes };
}

/** A field that was filled in at creation and is left out now stays as it is. */
const fieldOf = (next: Vpc, old: Vpc, field: keyof VpcSpec) => next.spec[field] ?? old.spec[field];

function takeFromPool(spec: VpcSpec, taken: readonly Cidr[], settings: AdmissionSettings): VpcSpec | undefined {
  const pool = parseCidr(settings.vpcPool);
  const foreign = settings.foreignRanges().flatMap((range) => parseCidr(range) ?? []);
  const block = pool && firstFreeBlock(pool, settings.vpcPrefix, [...taken, ...foreign]);
  return block && { ...spec, cidrBlock: formatCidr(block) };
}

export const rangeOf = (vpc: Vpc): Cidr => parseCidr(vpc.spec.cidrBlock) ?? { first: 0, size: 0, prefix: 32 };

/** The gateway is the range's first address unless the manifest says another. */
function complete(spec: VpcSpec): VpcSpec {
  const cidr = spec.cidrBlock === undefined ? undefined : parseCidr(spec.cidrBlock);
  if (!cidr || spec.gateway !== undefined) return spec;
  return { ...spec, gateway: formatAddress(cidr.first + 1) };
}

export const vpcKind: KindDefinition<Vpc> = {
  kind: 'VPC',
  plural: 'vpcs',
  singular: 'vpc',
  shortNames: [],
  categories: ['all'],
  description: 'A private network. Instances of one VPC reach each other by name; those of another are out of reach.',
  maxNameLength: 63,
  spec: {
    type: 'object',
    additionalProperties: false,
    properties: {
      cidrBlock: {
        type: 'string',
        maxLength: 18,
        description:
          'The IPv4 range, /16 to /28, without host bits. Overlaps no other VPC. Left out, a free range is taken from the pool (serve --vpc-pool). Immutable.',
      },
      gateway: {
        type: 'string',
        maxLength: 15,
        description: "The gateway's address; the first of the range when left out. Immutable.",
      },
      internetGateway: {
        type: 'boolean',
        default: true,
        description:
          'Whether instances reach the outside, and ports can be published. false makes the network internal. Immutable.',
      },
    },
  },
  status: {
    type: 'object',
    properties: {
      phase: { type: 'string', description: 'Pending, Available or Deleting.' },
      networkId: { type: 'string', description: "The Engine's id of the network." },
      networkName: { type: 'string', description: "The network's name on the Engine." },
    },
  },
  columns: [
    { name: 'CIDR', description: 'The IPv4 range', cell: (r) => r.spec.cidrBlock },
    { name: 'Internet', description: 'Whether it reaches the outside', cell: (r) => String(r.spec.internetGateway) },
    { name: 'Status', description: 'Phase', cell: (r) => r.status?.phase ?? 'Pending' },
    {
      name: 'Ready',
      description: 'Whether the network is as specified',
      cell: (r) => findCondition(r, 'Ready')?.status ?? 'Unknown',
    },
    { name: 'Gateway', description: "The gateway's address", wide: true, cell: (r) => r.spec.gateway },
    {
      name: 'Network',
      description: "The Engine's network",
      wide: true,
      cell: (r) => r.status?.networkName ?? '<none>',
    },
  ],
  indexes: {},
  complete,
  check,
  admit,
};
