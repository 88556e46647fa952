import type Docker from 'dockerode';
import pLimit from 'p-limit';
import type { Instance } from '../../src/kinds/instance/types.ts';
import { containerSpecOf } from '../../src/kinds/instance/container-spec.ts';
import type { Network } from '../../src/drivers/compute.ts';
import { createOptions } from '../../src/drivers/docker/container-options.ts';
import { ownerLabels } from '../../src/drivers/labels.ts';
import type { Workshop } from './workshop.ts';

/** As many changes at once as the Engine does soonest (`../shared` facts: more only adds latency). */
const AT_ONCE = 4;

/** A bridge network of the floor's own, made straight through the Engine's API. */
export async function floorNetwork(workshop: Workshop, docker: Docker, cidrBlock: string): Promise<Network> {
  const owner = { uid: crypto.randomUUID(), kind: 'VPC', namespace: 'default', name: 'floor', generation: 1 };
  const name = `floor-${owner.uid}`;
  const gateway = cidrBlock.replace(/\.0\/\d+$/, '.1');
  const made = await docker.createNetwork({
    Name: name,
    CheckDuplicate: true,
    Driver: 'bridge',
    IPAM: { Driver: 'default', Config: [{ Subnet: cidrBlock, Gateway: gateway }] },
    Labels: ownerLabels(workshop.floorInstallation, owner, ''),
  });
  return { id: made.id, name, owner, cidrBlock, gateway, internal: false };
}

/** The very container that the daemon makes for the instance, on another network: created, not yet started. */
export async function floorContainer(
  workshop: Workshop,
  docker: Docker,
  document: Instance,
  network: Network,
  address: string,
): Promise<Docker.Container> {
  const spec = containerSpecOf(document, network, address, workshop.floorInstallation);
  return docker.createContainer(createOptions(workshop.floorInstallation, { ...spec, name: `floor-${spec.name}` }));
}

/** All of them on one network, from nothing to started. */
export async function startStraight(
  workshop: Workshop,
  docker: Docker,
  documents: readonly Instance[],
  cidrBlock: string,
): Promise<void> {
  await startOn(workshop, docker, documents, await floorNetwork(workshop, docker, cidrBlock));
}

/** All of them on a network that has `taken` addresses in use. */
export async function startOn(
  workshop: Workshop,
  docker: Docker,
  documents: readonly Instance[],
  network: Network,
  taken = 0,
): Promise<void> {
  const limit = pLimit(AT_ONCE);
  const start = async (document: Instance, n: number) => {
    workshop.signal.throwIfAborted();
    const container = await floorContainer(workshop, docker, document, network, addressIn(network, taken + n));
    await container.start();
  };
  await Promise.all(documents.map((document, n) => limit(() => start(document, n))));
}

/** The n-th address of a /24 after the gateway. */
export const addressIn = ({ gateway }: Network, n: number): string => gateway.replace(/\.1$/, `.${2 + n}`);
