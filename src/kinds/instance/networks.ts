import type { View } from '../../api/kind.ts';
import { PassError } from '../../base/errors.ts';
import type { Attachment, Compute, Container, Network } from '../../drivers/compute.ts';
import type { Step } from '../../engine/contract.ts';
import type { Place } from '../shared/container-steps.ts';
import { heldIn, needsAddress } from '../shared/ip-address.ts';
import { observeVpc } from '../shared/vpc-reference.ts';
import type { VpcObserved } from '../shared/vpc-reference.ts';
import { aliasesIn } from './container-spec.ts';
import type { Instance, SecondaryAddress, SecondaryNetwork } from './types.ts';

/** A VPC that it shall be in beside the primary one. */
export interface NetworkObserved {
  wanted: SecondaryNetwork;
  vpc: VpcObserved;
}

/** A container that is made now joins before its first start. */
export type JoinStep = Step & { do: 'joinNetwork'; name: string; wanted: SecondaryNetwork; network: Network };

export const observeNetworks = (instance: Instance, compute: Compute, view: View): NetworkObserved[] =>
  (instance.spec.networks ?? []).map((wanted) => ({ wanted, vpc: observeVpc(instance, compute, view, wanted.vpc) }));

export const needsAddresses = (instance: Instance, networks: readonly NetworkObserved[]): boolean =>
  networks.some(({ wanted, vpc }) => vpc.is === 'ready' && needsAddress(instance, vpc.uid, wanted));

export const joinSteps = (networks: readonly NetworkObserved[], name: string, why: string): JoinStep[] =>
  networks.flatMap(({ wanted, vpc }) =>
    vpc.is === 'ready' ? [{ do: 'joinNetwork', name, wanted, network: vpc.network, why }] : [],
  );

/** By the address that was claimed by now. */
export function attachmentOf({ wanted, network }: JoinStep, instance: Instance): Attachment {
  const { privateIp } = heldIn(instance, wanted.vpc);
  if (privateIp === undefined)
    throw new PassError('DependencyNotReady', `the instance has no address in VPC ${wanted.vpc} yet`);
  return { networkId: network.id, address: privateIp, aliases: aliasesIn(instance, wanted) };
}

/** Where a container shall be attached, and at which addresses it may be while the VPC's network cannot be told. */
export function secondaryPlaces(
  instance: Instance,
  networks: readonly NetworkObserved[],
): { wanted: Place[]; kept: string[] } {
  const places: { wanted: Place[]; kept: string[] } = { wanted: [], kept: [] };
  for (const { wanted, vpc } of networks) {
    const { privateIp: address } = heldIn(instance, wanted.vpc);
    if (address === undefined) continue;
    if (vpc.is !== 'ready') places.kept.push(address);
    else if (!needsAddress(instance, vpc.uid, wanted)) {
      const what = `VPC ${wanted.vpc}`;
      const aliases = aliasesIn(instance, wanted);
      places.wanted.push({ network: vpc.network, address, aliases, what, namesMatter: true });
    }
  }
  return places;
}

/** The one that keeps a container from being made, or, where there is one, from being attached to it. */
export const awaitedNetwork = (
  instance: Instance,
  networks: readonly NetworkObserved[],
  container?: Container,
): NetworkObserved | undefined =>
  networks.find(({ wanted, vpc }) => vpc.is !== 'ready' && !isAt(container, heldIn(instance, wanted.vpc).privateIp));

const isAt = (container: Container | undefined, address: string | undefined): boolean =>
  container?.attachments.some((attachment) => attachment.address === address) ?? false;

/** An address of a VPC that it is to leave is given back when no container has it any more. */
export function keptAddresses(
  { spec, status }: Instance,
  containers: readonly Container[],
): readonly SecondaryAddress[] | undefined {
  const kept = (status?.networks ?? []).filter(
    ({ vpc, privateIp }) =>
      spec.networks?.some((network) => network.vpc === vpc) || containers.some((c) => isAt(c, privateIp)),
  );
  return kept.length > 0 ? kept : undefined;
}
