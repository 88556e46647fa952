import { refOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { rangeOf } from './types.ts';
import type { VpcStatus, Vpc } from './types.ts';
import { overlaps, parseCidr } from '../../base/cidr.ts';
import type { Observed } from '../../base/observed.ts';
import { valueOf } from '../../base/observed.ts';
import type { Compute, HostRange, Network, NetworkSpec } from '../../drivers/compute.ts';
import { engineName } from '../../drivers/labels.ts';
import { hostOverlapWords } from '../../drivers/refusals.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { Controller, Outcome, Report, Step, ConditionInput } from '../../engine/contract.ts';
import { listed, progressing, ready } from '../shared/conditions.ts';
import { ownerOfResource } from '../shared/owner.ts';

export interface VpcObserved {
  networks: Observed<readonly Network[]>;
  /** What the Engine's host itself is on. */
  hostRanges: readonly HostRange[];
  /** What names this VPC, as `Instance namespace/name`: its deletion waits for it. */
  users: readonly string[];
}

export type VpcStep =
  | (Step & { do: 'createNetwork'; spec: NetworkSpec })
  | (Step & { do: 'removeNetwork'; id: string; name: string });

function networkSpecOf(vpc: Vpc): NetworkSpec {
  const owner = ownerOfResource(vpc);
  const { cidrBlock, gateway, internetGateway } = vpc.spec;
  return { owner, name: engineName(owner), cidrBlock, gateway, internal: !internetGateway };
}

const isAsSpecified = (network: Network, spec: NetworkSpec): boolean =>
  network.name === spec.name &&
  network.cidrBlock === spec.cidrBlock &&
  network.gateway === spec.gateway &&
  network.internal === spec.internal;

/** What of the host's own is in the way of a network that is not there yet. One that is there is kept. */
function hostClash(vpc: Vpc, observed: VpcObserved): HostRange | undefined {
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
  const removal = (network: Network, why: string): VpcStep => ({
    do: 'removeNetwork',
    id: network.id,
    name: network.name,
    why,
  });
  if (vpc.metadata.deletionTimestamp !== undefined) {
    return observed.users.length > 0
      ? []
      : networks.map((n) => ({ ...removal(n, 'the VPC was deleted'), event: 'NetworkRemoved' }));
  }
  const spec = networkSpecOf(vpc);
  const good = networks.find((n) => isAsSpecified(n, spec));
  const wrong = networks.filter((n) => n !== good).map((n) => removal(n, `network ${n.name} is not as specified`));
  const why = vpc.status?.networkId === undefined ? 'there is no network yet' : 'the network is gone';
  return good || hostClash(vpc, observed)
    ? wrong
    : [...wrong, { do: 'createNetwork', spec, why, event: 'NetworkCreated' }];
}

export function reportVpc(vpc: Vpc, observed: VpcObserved, left: readonly VpcStep[]): Report {
  const deleting = vpc.metadata.deletionTimestamp !== undefined;
  const spec = networkSpecOf(vpc);
  const network = (valueOf(observed.networks) ?? []).find((n) => isAsSpecified(n, spec));
  const networkId = network?.id ?? (deleting ? undefined : vpc.status?.networkId);
  const status: VpcStatus = {
    phase: deleting ? 'Deleting' : network ? 'Available' : 'Pending',
    ...(network ? { networkId: network.id, networkName: network.name } : {}),
  };
  const { ready: verdict, outcome } = conditionsOf(vpc, observed, network, left);
  const { namespace, name, uid } = vpc.metadata;
  const { cidrBlock, gateway, internetGateway } = vpc.spec;
  const report: Report = { status, outcome, conditions: [verdict, progressing(outcome)] };
  if (networkId === undefined || outcome.is === 'gone') return report;
  return {
    ...report,
    inventory: {
      table: 'vpcs',
      id: uid,
      namespace,
      name,
      cidrBlock,
      networkId,
      gatewayId: internetGateway ? gateway : null,
    },
  };
}

function conditionsOf(
  vpc: Vpc,
  observed: VpcObserved,
  network: Network | undefined,
  left: readonly VpcStep[],
): { ready: ConditionInput; outcome: Outcome } {
  if (observed.networks.state === 'unobservable') {
    return {
      ready: ready('Unknown', 'EngineUnavailable', observed.networks.why),
      outcome: { is: 'waiting', on: 'the Engine', afterMs: WAITING_LOOK_MS },
    };
  }
  if (vpc.metadata.deletionTimestamp !== undefined) {
    if (observed.users.length > 0) {
      const on = listed(observed.users);
      return {
        ready: ready('False', 'InUse', `its deletion waits for ${on}`),
        outcome: { is: 'waiting', on, afterMs: WAITING_LOOK_MS },
      };
    }
    const gone = (valueOf(observed.networks) ?? []).length === 0;
    return {
      ready: ready('False', 'Deleting', 'the network is being removed'),
      outcome: gone ? { is: 'gone' } : { is: 'progressing', afterMs: 0 },
    };
  }
  if (network && left.length === 0)
    return {
      ready: ready('True', 'NetworkAvailable', `network ${network.name} is as specified`),
      outcome: { is: 'reconciled' },
    };
  const clash = network ? undefined : hostClash(vpc, observed);
  if (clash)
    return {
      ready: ready('False', 'CidrOverlap', hostOverlapWords(vpc.spec.cidrBlock, clash)),
      outcome: { is: 'waiting', on: `the host's interface ${clash.interface}`, afterMs: WAITING_LOOK_MS },
    };
  return {
    ready: ready('False', 'NetworkPending', 'the network is being made'),
    outcome: { is: 'progressing', afterMs: 0 },
  };
}

/**
 * Keeps one Docker network for each VPC. Its name comes from the document's uid and creation finds before it makes, so
 * a repeated step finds what the first one made. It goes after the last document that names the VPC.
 */
export const vpcController = (compute: Compute): Controller<Vpc, VpcObserved, VpcStep> => ({
  kind: 'VPC',
  needsEngine: true,
  watches: [{ enqueue: vpcBeingDeleted }],
  async observe(vpc, pass) {
    const { namespace, name, uid } = vpc.metadata;
    const users = pass.view.lookupAll('vpc', `${namespace}/${name}`);
    return {
      networks: compute.networks(uid),
      hostRanges: compute.hostRanges(),
      users: users.map((r) => `${r.kind} ${r.metadata.namespace}/${r.metadata.name}`).sort(),
    };
  },
  plan: planVpc,
  async act(step) {
    switch (step.do) {
      case 'createNetwork':
        await compute.createNetwork(step.spec);
        return;
      case 'removeNetwork':
        return compute.removeNetwork(step.id);
    }
  },
  report: reportVpc,
  print(step) {
    switch (step.do) {
      case 'createNetwork':
        return `create network ${step.spec.name} ${step.spec.cidrBlock}${step.spec.internal ? ' (internal)' : ''}`;
      case 'removeNetwork':
        return `remove network ${step.name}`;
    }
  },
});

/** Only a VPC that waits to go cares for what is in it. */
function vpcBeingDeleted(user: Resource, view: View): Ref[] {
  const { vpc: name } = user.spec as { vpc?: unknown };
  if (typeof name !== 'string') return [];
  const vpc = view.get({ kind: 'VPC', namespace: user.metadata.namespace, name });
  return vpc?.metadata.deletionTimestamp === undefined ? [] : [refOf(vpc)];
}
