import type { Resource } from '../../api/metadata.ts';
import { PassError } from '../../base/errors.ts';
import { valueOf } from '../../base/observed.ts';
import type { Attachment, Compute, Container, ContainerUpdate, Network } from '../../drivers/compute.ts';
import { engineName } from '../../drivers/labels.ts';
import type { Step, UnderWay } from '../../engine/contract.ts';
import { ownerOfResource } from '../shared/owner.ts';

type Stop = Step & { do: 'stopContainer'; name: string; id: string; graceMs: number };

/** What may have to be done to a container, whatever runs in it. */
export type ContainerStep =
  | (Step & { do: 'startContainer'; name: string; id?: string })
  | Stop
  | (Step & { do: 'removeContainer'; name: string; id: string })
  | (Step & { do: 'unpauseContainer'; name: string; id: string })
  | (Step & { do: 'renameContainer'; name: string; id: string; to: string })
  | (Step & { do: 'updateContainer'; name: string; id: string; change: ContainerUpdate })
  | (Step & { do: 'connectContainer'; name: string; id: string; what: string } & Attachment)
  | (Step & { do: 'disconnectContainer'; name: string; id: string; networkId: string });

const LIVING = new Set(['running', 'restarting', 'paused']);
export const isLiving = (container: Container): boolean => LIVING.has(container.state);

export const containerNameOf = (resource: Resource): string => engineName(ownerOfResource(resource));

/** Of several with one uid (a person's tampering, a crash between two steps) the one that needs least is kept. */
export function keepBest(resource: Resource, hash: string, containers: readonly Container[]): Container | undefined {
  const name = containerNameOf(resource);
  const score = (c: Container) =>
    (c.specHash === hash ? 4 : 0) + (c.state === 'running' ? 2 : 0) + (c.name === name ? 1 : 0);
  return [...containers].sort((a, b) => score(b) - score(a) || (a.id < b.id ? -1 : 1))[0];
}

/** Its process has its time to end, then it goes. */
export function teardown(container: Container, graceMs: number, why: string, event?: string): ContainerStep[] {
  const { id, name } = container;
  if (container.state === 'removing') return [];
  const stop: ContainerStep[] = isLiving(container) ? [{ do: 'stopContainer', id, name, graceMs, why }] : [];
  return [...stop, { do: 'removeContainer', id, name, why, ...(event ? { event } : {}) }];
}

/** A network that the container shall be on, and where. */
export interface Place {
  network: Network;
  address: string;
  /** Names under which it is found there; its own when left out. */
  aliases?: readonly string[];
  /** For people; its VPC when left out. */
  what?: string;
  /** Where it has other names, it is connected anew. */
  namesMatter?: boolean;
}

/**
 * What differs in a container that can stay: its name, its pause, its networks. What it is attached to at an address of
 * `kept` is left alone: its network cannot be told now.
 */
export function driftSteps(
  resource: Resource,
  container: Container,
  wanted: readonly Place[],
  kept: readonly string[] = [],
): ContainerStep[] {
  const { id, name } = container;
  const to = containerNameOf(resource);
  const rename: ContainerStep[] =
    name === to ? [] : [{ do: 'renameContainer', id, name, to, why: `it was renamed to ${name}`, event: 'Renamed' }];
  const unpause: ContainerStep[] =
    container.state === 'paused'
      ? [{ do: 'unpauseContainer', id, name: to, why: 'it was paused', event: 'Unpaused' }]
      : [];
  return [...rename, ...unpause, ...(wanted.length > 0 ? reconnect(resource, container, wanted, kept) : [])];
}

function reconnect(
  { metadata }: Resource,
  { id, name, attachments }: Container,
  wanted: readonly Place[],
  kept: readonly string[],
): ContainerStep[] {
  const namesOf = ({ aliases = [metadata.name] }: Place) => aliases;
  const isRight = (a: Attachment, place: Place) =>
    a.address === place.address && (!place.namesMatter || sameNames(a.aliases, namesOf(place)));
  const disconnect = attachments.flatMap((a): ContainerStep[] => {
    const place = wanted.find((w) => w.network.id === a.networkId);
    if (place ? isRight(a, place) : kept.includes(a.address)) return [];
    return [{ do: 'disconnectContainer', id, name, networkId: a.networkId, why: whyDisconnect(a, place) }];
  });
  const connect = wanted
    .filter((w) => !attachments.some((a) => a.networkId === w.network.id && isRight(a, w)))
    .map((place): ContainerStep => {
      const { network, address, what = 'its VPC' } = place;
      const why = `it is not attached to ${what}`;
      const attachment = { networkId: network.id, address, aliases: namesOf(place) };
      return { do: 'connectContainer', id, name, ...attachment, what, why, event: 'Reconnected' };
    });
  return [...disconnect, ...connect];
}

const sameNames = (some: readonly string[], others: readonly string[]): boolean =>
  new Set(some).size === new Set(others).size && some.every((name) => others.includes(name));

function whyDisconnect({ address }: Attachment, right: Place | undefined): string {
  if (!right) return 'it is attached to a network that it shall not be on';
  return right.address === address ? 'its aliases changed' : `its address is ${address}, not ${right.address}`;
}

/** How long a pass waits for a stop before it leaves it to itself: a process that minds SIGTERM has ended by then. */
export const STOP_WAIT_MS = 1_000;

async function stop({ id, name, graceMs }: Stop, compute: Compute): Promise<UnderWay | undefined> {
  const state = await compute.stopContainer(id, graceMs, STOP_WAIT_MS);
  if (state === 'stopped') return undefined;
  return { underWay: `container ${name} has up to ${Math.ceil(graceMs / 1000)} s to end` };
}

export function actOnContainer(step: ContainerStep, resource: Resource, compute: Compute): Promise<UnderWay | void> {
  switch (step.do) {
    case 'startContainer':
      return compute.startContainer(step.id ?? madeId(compute, resource));
    case 'stopContainer':
      return stop(step, compute);
    case 'removeContainer':
      return compute.removeContainer(step.id);
    case 'unpauseContainer':
      return compute.unpauseContainer(step.id);
    case 'renameContainer':
      return compute.renameContainer(step.id, step.to);
    case 'updateContainer':
      return compute.updateContainer(step.id, step.change);
    case 'connectContainer': {
      const { networkId, address, aliases } = step;
      return compute.connectContainer(step.id, { networkId, address, aliases });
    }
    case 'disconnectContainer':
      return compute.disconnectContainer(step.id, step.networkId);
  }
}

/** The container that an earlier step of the same plan made. */
export function madeId(compute: Compute, resource: Resource): string {
  const name = containerNameOf(resource);
  const made = (valueOf(compute.containers(resource.metadata.uid)) ?? []).find((c) => c.name === name);
  if (!made) throw new PassError('EngineError', `container ${name} was removed before it could be started`);
  return made.id;
}

/** A step in words: for the reconcile log, events and `diff`. */
export function printContainerStep(step: ContainerStep): string {
  switch (step.do) {
    case 'startContainer':
      return `start container ${step.name}`;
    case 'stopContainer':
      return `stop container ${step.name} (up to ${Math.ceil(step.graceMs / 1000)} s)`;
    case 'removeContainer':
      return `remove container ${step.name}`;
    case 'unpauseContainer':
      return `unpause container ${step.name}`;
    case 'renameContainer':
      return `rename container ${step.name} to ${step.to}`;
    case 'updateContainer':
      return `change ${Object.entries(step.change)
        .map(([field, value]) => `${field} to ${value}`)
        .join(', ')} of container ${step.name} in place`;
    case 'connectContainer':
      return `connect container ${step.name} to ${step.what} at ${step.address}`;
    case 'disconnectContainer':
      return `disconnect container ${step.name} from network ${step.networkId.slice(0, 12)}`;
  }
}
