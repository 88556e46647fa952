import { parseCidr } from '../../base/cidr.ts';
import type { Cidr } from '../../base/cidr.ts';
import type { Resource } from '../../api/metadata.ts';

export interface VpcSpec {
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

export const rangeOf = (vpc: Vpc): Cidr => parseCidr(vpc.spec.cidrBlock) ?? { first: 0, size: 0, prefix: 32 };
