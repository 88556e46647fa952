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
  /** By a network's id: whether it reaches the metadata service of the cloud that the host is in. */
  metadata: ReadonlyMap<string, Observed<MetadataAccess>>;
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
  | (Step & { do: 'setMetadataAccess'; id: string; name: string; access: MetadataAccess });

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
  const removal = ({ id, name }: Network, why: string, event?: string): readonly VpcStep[] => [
    ...metadataSteps({ id, name }, 'open', observed, why),
    { do: 'removeNetwork', id, name, why, ...(event !== undefined && { event }) },
  ];
  if (vpc.metadata.deletionTimestamp !== undefined) {
    return observed.users.length > 0
      ? []
      : networks.flatMap((n) => removal(n, 'the VPC was deleted', 'NetworkRemoved'));
  }
  const spec = networkSpecOf(vpc);
  const good = networks.find((n) => isAsSpecified(n, spec));
  const wrong = networks.filter((n) => n !== good).flatMap((n) => removal(n, `network ${n.name} is not as specified`));
  const why = vpc.status?.networkId === undefined ? 'there is no network yet' : 'the network is gone';
  if (good) return [...wrong, ...keptSteps(good, observed)];
  return hostClash(vpc, observed) ? wrong : [...wrong, { do: 'createNetwork', spec, why, event: 'NetworkCreated' }];
}

const keptSteps = (network: Network, observed: VpcObserved): readonly VpcStep[] =>
  observed.allowsMetadata
    ? metadataSteps(network, 'open', observed, "instances may reach the metadata service of the host's cloud")
    : metadataSteps(network, 'closed', observed, "it reaches the metadata service of the host's cloud");

/** Where the host's firewall cannot be looked at, nothing is done to it (I4). */
function metadataSteps(
  { id, name }: Pick<Network, 'id' | 'name'>,
  wanted: MetadataAccess,
  { metadata }: VpcObserved,
  why: string,
): readonly VpcStep[] {
  const found = metadata.get(id);
  const access = found && valueOf(found);
  return access === undefined || access === wanted ? [] : [{ do: 'setMetadataAccess', id, name, access: wanted, why }];
}
