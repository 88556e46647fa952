import type Docker from 'dockerode';
import pLimit from 'p-limit';
import { sha256 } from '../../src/base/hash.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { resolveConfig } from '../../src/kinds/instance/config/resolve.ts';
import { Mirror } from '../../src/store/mirror.ts';
import type { Instance } from '../../src/kinds/instance/types.ts';
import { containerSpecOf } from '../../src/kinds/instance/container-spec.ts';
import type { Network } from '../../src/drivers/compute.ts';
import { createOptions } from '../../src/drivers/docker/container-options.ts';
import { ownerLabels } from '../../src/drivers/labels.ts';
import { cleanInstallation } from '../support/engine.ts';
import type { Workshop } from './workshop.ts';

/** Changes at once: which of these the Engine does soonest differs from machine to machine, and from hour to hour. */
export const AT_ONCE = [4, 8, 16];

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
  const config = resolveConfig(document.spec, {}, { view: new Mirror(KINDS), digest: sha256 });
  const spec = containerSpecOf(document, network, address, workshop.floorInstallation, config);
  return docker.createContainer(createOptions(workshop.floorInstallation, { ...spec, name: `floor-${spec.name}` }));
}

/** The shortest time, in ms, of those that it takes with so many changes at once; what was made is gone after each. */
export async function soonest(workshop: Workshop, straight: (atOnce: number) => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (const atOnce of AT_ONCE) {
    times.push(await straight(atOnce));
    await cleanInstallation(workshop.floorInstallation);
  }
  return Math.min(...times);
}

/** All of them on a network that has `taken` addresses in use. */
export async function startOn(
  workshop: Workshop,
  docker: Docker,
  documents: readonly Instance[],
  network: Network,
  atOnce: number,
  taken = 0,
): Promise<void> {
  const limit = pLimit(atOnce);
  const start = async (document: Instance, n: number) => {
    workshop.signal.throwIfAborted();
    const container = await floorContainer(workshop, docker, document, network, addressIn(network, taken + n));
    await container.start();
  };
  await Promise.all(documents.map((document, n) => limit(() => start(document, n))));
}

/** The n-th address of a /24 after the gateway. */
export const addressIn = ({ gateway }: Network, n: number): string => gateway.replace(/\.1$/, `.${2 + n}`);
