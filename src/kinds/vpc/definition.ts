import { API_VERSION, findCondition } from '../../api/metadata.ts';
import type { JsonSchema, KindDefinition } from '../../api/kind.ts';
import type { Vpc } from './types.ts';
import { admitVpc, checkVpc, completeVpc } from './admission.ts';

const vpcSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    cidrBlock: {
      type: 'string',
      maxLength: 18,
      'x-also-known-as': ['cidr', 'subnet', 'range', 'ipv4CidrBlock'],
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
};

export const vpcKind: KindDefinition<Vpc> = {
  kind: 'VPC',
  apiVersion: API_VERSION,
  scope: 'Namespaced',
  plural: 'vpcs',
  singular: 'vpc',
  shortNames: [],
  categories: ['all'],
  description: 'A private network. Instances of one VPC reach each other by name; those of another are out of reach.',
  names: { are: 'label', maxLength: 63 },
  reconciled: true,
  finalizer: true,
  content: { spec: vpcSpecSchema },
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
  indexes: {
    ipRange: (r) => [r.spec.cidrBlock],
    deleting: (r) => (r.metadata.deletionTimestamp === undefined ? [] : [r.metadata.namespace]),
  },
  complete: (vpc) => ({ ...vpc, spec: completeVpc(vpc.spec) }),
  check: checkVpc,
  admit: admitVpc,
};
