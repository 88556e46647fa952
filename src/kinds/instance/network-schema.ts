import type { JsonSchema } from '../../api/kind.ts';
import { aliases } from './container-schema.ts';

/** An interface more is a network more that the Engine joins at each start. */
const MOST = 4;

export const networks: JsonSchema = {
  type: 'array',
  maxItems: MOST,
  'x-also-known-as': ['networkInterfaces', 'secondaryNetworks', 'additionalNetworks'],
  description: 'More VPCs of the same namespace that it is in, beside vpc. Changed in place.',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['vpc'],
    'x-expected': 'a mapping such as { vpc: back }',
    properties: {
      vpc: {
        type: 'string',
        minLength: 1,
        maxLength: 63,
        'x-also-known-as': ['name', 'network', 'vpcId', 'vpcName', 'subnet', 'subnetId'],
        description: 'The VPC. "default" is made when it is needed.',
      },
      privateIp: {
        type: 'string',
        maxLength: 15,
        'x-also-known-as': ['ip', 'ipAddress', 'ipv4_address', 'privateIpAddress'],
        description: "The address in that VPC's range; a free one when left out.",
      },
      aliases: { ...aliases, description: "More names by which others of that VPC find it, beside the instance's." },
    },
  },
};

export const networksStatus: JsonSchema = {
  type: 'array',
  description: 'Addresses in its other VPCs; kept until it has left them.',
  items: {
    type: 'object',
    required: ['vpc', 'privateIp'],
    properties: {
      vpc: { type: 'string', description: 'The VPC.' },
      vpcUid: { type: 'string', description: 'The uid of the VPC that the address belongs to.' },
      privateIp: { type: 'string', description: 'The address.' },
    },
  },
};
