import { overlaps, parseCidr } from '../../base/cidr.ts';
import type { Observed } from '../../base/observed.ts';
import { valueOf } from '../../base/observed.ts';
import type { HostRange, MetadataAccess, Network, NetworkSpec } from '../../drivers/compute.ts';
import { engineName } from '../../drivers/labels.ts';
import type { Step } from '../../engine/contract.ts';
import { ownerOfResource } from '../shared/owner.ts';
import { rangeOf } from './types.ts';
import type { Vpc } from './types.ts';

export interface VpcObserved {
  networks: Observed<readonly Network[]>;
  /** Whether networks of ours reach the metadata service of the cloud that the host is in. */
  metadata: Observed<MetadataAccess>;
  /** The daemon's setting: instances may reach it. */
  allowsMetadata: boolean;
  /** What the Engine's host itself is on. */
  hostRanges: readonly HostRange[];
  /** What names this VPC, as `Instance namespace/name`: its deletion waits for it. */
  users: readonly string[];
}

export type VpcStep =
  | (Step & { do: 'createNetwork'; spec: NetworkSpec })
  | (Step & { do: 'removeNetwork'; id: string; name: string })
  | (Step & { do: 'setMetadataAccess'; access: MetadataAccess });

export function networkSpecOf(vpc: Vpc): NetworkSpec {
  const owner = ownerOfResource(vpc);
  const { cidrBlock, gateway, internetGateway } = vpc.spec;
  return { owner, name: engineName(owner), cidrBlock, gateway, internal: !internetGateway };
}

export const isAsSpecified = (network: Network, spec: NetworkSpec): boolean =>
  network.name === spec.name &&
  network.cidrBlock === spec.cidrBlock &&
  network.gateway === spec.gateway &&
  network.internal === spec.internal;

/** What of the host's own is in the way of a network that is not there yet. One that is there is kept. */
export function hostClash(vpc: Vpc, observed: VpcObserved): HostRange | undefined {
  const wanted = rangeOf(vpc);
  return observed.hostRanges.find(({ cidrBlock }) => {
    const range = parseCidr(cidrBlock);
    return range !== undefined && overlaps(range, wanted);
  });
}

/** One network exactly as specified; any other with this VPC's mark goes. The specification itself never changes. */
export function planVpc(vpc: Vpc, observed: VpcObserved): readonly VpcStep[] {
  if (observed.networks.state === 'unobservable') return [];
  const networks = valueOf(observed.networks) ?? [];
  const removal = ({ id, name }: Network, why: string, event?: string): VpcStep => ({
    do: 'removeNetwork',
    id,
    name,
    why,
    ...(event !== undefined && { event }),
  });
  if (vpc.metadata.deletionTimestamp !== undefined) {
    return observed.users.length > 0 ? [] : networks.map((n) => removal(n, 'the VPC was deleted', 'NetworkRemoved'));
  }
  const spec = networkSpecOf(vpc);
  const good = networks.find((n) => isAsSpecified(n, spec));
  const wrong = networks.filter((n) => n !== good).map((n) => removal(n, `network ${n.name} is not as specified`));
  const why = vpc.status?.networkId === undefined ? 'there is no network yet' : 'the network is gone';
  const work = [...wrong, ...metadataSteps(observed)];
  if (good) return work;
  return hostClash(vpc, observed) ? wrong : [...work, { do: 'createNetwork', spec, why, event: 'NetworkCreated' }];
}

/** Before a network is made. Where the host's firewall cannot be looked at, nothing is done to it (I4). */
function metadataSteps({ metadata, allowsMetadata }: VpcObserved): readonly VpcStep[] {
  const access = allowsMetadata ? 'open' : 'closed';
  const found = valueOf(metadata);
  if (found === undefined || found === access) return [];
  const why = `instances ${allowsMetadata ? 'may' : 'may not'} reach the metadata service of the host's cloud`;
  return [{ do: 'setMetadataAccess', access, why }];
}
