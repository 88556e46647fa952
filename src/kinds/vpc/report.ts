import { valueOf } from '../../base/observed.ts';
import type { Network } from '../../drivers/compute.ts';
import { hostOverlapWords } from '../../drivers/refusals.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { ConditionInput, Outcome, Report } from '../../engine/contract.ts';
import { degraded, listed, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';
import { hostClash, isAsSpecified, networkSpecOf } from './plan.ts';
import type { VpcObserved, VpcStep } from './plan.ts';
import type { Vpc, VpcStatus } from './types.ts';

/** Milliseconds to the next try to set the rule. */
const UNGUARDED_LOOK_MS = 60_000;

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
  const report: Report = {
    status,
    outcome,
    conditions: [verdict, progressing(outcome), degradedOf(observed, network)],
  };
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
      outcome: { is: 'reconciled', ...(isUnguarded(observed) && { afterMs: UNGUARDED_LOOK_MS }) },
    };
  const clash = network ? undefined : hostClash(vpc, observed);
  if (clash)
    return {
      ready: ready('False', 'CidrOverlap', hostOverlapWords(vpc.spec.cidrBlock, clash)),
      outcome: { is: 'waiting', on: `the host's interface ${clash.interface}`, afterMs: WAITING_LOOK_MS },
    };
  return {
    ready: ready(
      'False',
      'NetworkPending',
      network ? 'the network is there, and its guard is not' : 'the network is being made',
    ),
    outcome: { is: 'progressing', afterMs: 0 },
  };
}

/** It is there, and whether its instances reach what they may not reach cannot be seen or changed. */
const isUnguarded = ({ allowsMetadata, metadata }: VpcObserved): boolean =>
  !allowsMetadata && metadata.state === 'unobservable';

function degradedOf(observed: VpcObserved, network: Network | undefined): ConditionInput {
  const { metadata } = observed;
  if (!network || metadata.state !== 'unobservable' || !isUnguarded(observed)) return NOT_DEGRADED;
  return degraded(
    'True',
    'MetadataUnguarded',
    `its instances may reach the metadata service of the cloud that the host is in (169.254.169.254): ${metadata.why}. Give the Engine's host iptables; it is tried again every minute. If they may reach it, start the daemon with --allow-metadata yes`,
  );
}
