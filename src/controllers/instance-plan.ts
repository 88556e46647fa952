import { RESTARTED_AT } from '../api/metadata.ts';
import type { Instance } from '../api/instance.ts';
import type { Observed } from '../base/observed.ts';
import type { Container, ContainerUpdate, ImageState, Network } from '../drivers/compute.ts';
import { engineName } from '../drivers/labels.ts';
import type { Step } from '../engine/contract.ts';
import { changedFields, specHash } from './instance-hash.ts';
import { graceMsOf, memoryOf, namedVolumesOf, restartModeOf } from './instance-spec.ts';
import { ownerOfResource } from './vpc.ts';

/** The VPC as far as an instance needs it. */
export type VpcObserved =
  | { is: 'missing' }
  | { is: 'deleting' }
  | { is: 'pending' }
  | { is: 'unobservable'; why: string }
  | { is: 'ready'; uid: string; network: Network };

export interface InstanceObserved {
  vpc: VpcObserved;
  containers: Observed<readonly Container[]>;
  /** Looked at only when a container must be made. */
  image?: ImageState;
  /** A pull for this very specification has succeeded: `Always` is satisfied. */
  pulled: boolean;
  /** What the http or tcp check says; the Engine's own check is the container's. */
  health?: 'Starting' | 'Healthy' | 'Unhealthy';
  lastLog?: readonly string[];
  installation: string;
}

export type InstanceStep =
  | (Step & { do: 'createDefaultVpc' })
  | (Step & { do: 'claimAddress'; vpcUid: string })
  | (Step & { do: 'pullImage'; image: string })
  | (Step & { do: 'ensureVolume'; name: string })
  | (Step & { do: 'createContainer'; name: string; network: Network })
  | (Step & { do: 'startContainer'; name: string; id?: string })
  | (Step & { do: 'stopContainer'; name: string; id: string; graceMs: number })
  | (Step & { do: 'removeContainer'; name: string; id: string })
  | (Step & { do: 'unpauseContainer'; name: string; id: string })
  | (Step & { do: 'renameContainer'; name: string; id: string; to: string })
  | (Step & { do: 'updateContainer'; name: string; id: string; change: ContainerUpdate })
  | (Step & { do: 'connectContainer'; name: string; id: string; networkId: string; address: string })
  | (Step & { do: 'disconnectContainer'; name: string; id: string; networkId: string });

const LIVING = new Set(['running', 'restarting', 'paused']);
const isLiving = (container: Container): boolean => LIVING.has(container.state);

/** Pure: what would make the world equal the document. Nothing is created or deleted on what could not be observed (I4). */
export function planInstance(instance: Instance, observed: InstanceObserved): readonly InstanceStep[] {
  if (observed.containers.state === 'unobservable') return [];
  const containers = observed.containers.state === 'present' ? observed.containers.value : [];
  if (instance.metadata.deletionTimestamp !== undefined)
    return containers.flatMap((c) => teardown(instance, c, 'the instance was deleted', 'Terminated'));
  if (containers.some((c) => c.state === 'removing')) return [];
  const kept = choose(instance, containers);
  const extra = containers
    .filter((c) => c !== kept)
    .flatMap((c) => teardown(instance, c, `container ${c.name} is one too many`));
  if (kept && !forcedBy(instance, kept)) return [...extra, ...planKept(instance, observed, kept)];
  return [...extra, ...planNew(instance, observed, kept)];
}

/** Of several with this uid (a person's tampering, a crash between two steps) the one that needs least is kept. */
export function choose(instance: Instance, containers: readonly Container[]): Container | undefined {
  const hash = specHash(instance.spec);
  const score = (c: Container) =>
    (c.specHash === hash ? 4 : 0) +
    (c.state === 'running' ? 2 : 0) +
    (c.name === engineName(ownerOfResource(instance)) ? 1 : 0);
  return [...containers].sort((a, b) => score(b) - score(a) || (a.id < b.id ? -1 : 1))[0];
}

/** Why this container cannot become what is wanted; `undefined` when it can. */
export function forcedBy(instance: Instance, container: Container): string | undefined {
  if (container.state === 'dead') return 'the container is dead';
  const fields = changedFields(container.specHash, specHash(instance.spec));
  if (fields.length > 0) return `${fields.map((f) => `spec.${f}`).join(', ')} changed`;
  const { cpus, memory } = instance.spec.resources;
  if (container.cpus !== undefined && cpus === undefined)
    return 'spec.resources.cpus was taken away, and the Engine cannot lift a limit in place';
  if (container.memoryBytes !== undefined && memory === undefined)
    return 'spec.resources.memory was taken away, and the Engine cannot lift a limit in place';
  return undefined;
}

const teardown = (instance: Instance, container: Container, why: string, event?: string): InstanceStep[] => {
  const { id, name } = container;
  const stop: InstanceStep[] = isLiving(container)
    ? [{ do: 'stopContainer', id, name, graceMs: graceMsOf(instance), why }]
    : [];
  return container.state === 'removing'
    ? []
    : [...stop, { do: 'removeContainer', id, name, why, ...(event ? { event } : {}) }];
};

/** Ruling 10: the new image is there before the old container is touched. */
function planNew(instance: Instance, observed: InstanceObserved, old: Container | undefined): InstanceStep[] {
  const { vpc } = observed;
  if (vpc.is === 'missing' && instance.spec.vpc === 'default')
    return [{ do: 'createDefaultVpc', why: 'the namespace has no default VPC yet', event: 'DefaultVpcCreated' }];
  if (vpc.is !== 'ready') return [];
  const why = old
    ? (forcedBy(instance, old) ?? '')
    : instance.status?.containerId === undefined
      ? 'there is no container yet'
      : 'the container is gone';
  const claim: InstanceStep[] = needsAddress(instance, vpc.uid)
    ? [{ do: 'claimAddress', vpcUid: vpc.uid, why: 'it has no address in the VPC yet' }]
    : [];
  const pull = planPull(instance, observed);
  const removal = old ? teardown(instance, old, why) : [];
  const volumes = namedVolumesOf(instance, observed.installation).map((name): InstanceStep => ({
    do: 'ensureVolume',
    name,
    why,
  }));
  const name = engineName(ownerOfResource(instance));
  const create: InstanceStep = {
    do: 'createContainer',
    name,
    network: vpc.network,
    why,
    event: old ? 'Recreated' : 'Created',
  };
  const start: InstanceStep[] =
    instance.spec.powerState === 'Running' ? [{ do: 'startContainer', name, why, event: 'Started' }] : [];
  return [...claim, ...pull, ...removal, ...volumes, create, ...start];
}

function planPull({ spec }: Instance, { image, pulled }: InstanceObserved): InstanceStep[] {
  const wanted = image?.state === 'present' ? spec.imagePullPolicy === 'Always' && !pulled : true;
  const why = image?.state === 'present' ? 'imagePullPolicy is Always' : `image ${spec.image} is not on the Engine`;
  return wanted ? [{ do: 'pullImage', image: spec.image, why, event: 'ImagePulled' }] : [];
}

const needsAddress = ({ spec, status }: Instance, vpcUid: string): boolean =>
  status?.privateIp === undefined ||
  status.vpcUid !== vpcUid ||
  (spec.privateIp !== undefined && spec.privateIp !== status.privateIp);

/** What differs in a container that can stay, mended in place. */
function planKept(instance: Instance, observed: InstanceObserved, container: Container): InstanceStep[] {
  const { id, name } = container;
  const to = engineName(ownerOfResource(instance));
  const rename: InstanceStep[] =
    name === to ? [] : [{ do: 'renameContainer', id, name, to, why: `it was renamed to ${name}`, event: 'Renamed' }];
  const unpause: InstanceStep[] =
    container.state === 'paused'
      ? [{ do: 'unpauseContainer', id, name: to, why: 'it was paused', event: 'Unpaused' }]
      : [];
  return [
    ...rename,
    ...unpause,
    ...planNetwork(instance, observed, container),
    ...planUpdate(instance, container),
    ...planPower(instance, container),
  ];
}

function planNetwork(
  instance: Instance,
  { vpc }: InstanceObserved,
  { id, name, attachments }: Container,
): InstanceStep[] {
  const address = instance.status?.privateIp;
  if (vpc.is !== 'ready' || address === undefined) return [];
  const right = attachments.find((a) => a.networkId === vpc.network.id);
  const wrong = attachments.filter((a) => a !== right || a.address !== address);
  const disconnect = wrong.map((a): InstanceStep => ({
    do: 'disconnectContainer',
    id,
    name,
    networkId: a.networkId,
    why:
      a === right ? `its address is ${a.address}, not ${address}` : 'it is attached to a network that is not its VPC',
  }));
  const connected = right !== undefined && right.address === address;
  const connect: InstanceStep[] = connected
    ? []
    : [
        {
          do: 'connectContainer',
          id,
          name,
          networkId: vpc.network.id,
          address,
          why: 'it is not attached to its VPC',
          event: 'Reconnected',
        },
      ];
  return [...disconnect, ...connect];
}

function planUpdate({ spec }: Instance, { id, name, ...has }: Container): InstanceStep[] {
  const { cpus } = spec.resources;
  const memoryBytes = memoryOf(spec);
  const restart = restartModeOf(spec);
  const change: ContainerUpdate = {
    ...(cpus === undefined || cpus === has.cpus ? {} : { cpus }),
    ...(memoryBytes === undefined || memoryBytes === has.memoryBytes ? {} : { memoryBytes }),
    ...(restart === has.restart ? {} : { restart }),
  };
  const fields = Object.keys(change).map(
    (f) => ({ cpus: 'cpus', memoryBytes: 'memory', restart: 'restart policy' })[f],
  );
  return fields.length === 0
    ? []
    : [
        {
          do: 'updateContainer',
          id,
          name,
          change,
          why: `${fields.join(', ')} ${fields.length > 1 ? 'differ' : 'differs'}`,
          event: 'Updated',
        },
      ];
}

function planPower(instance: Instance, container: Container): InstanceStep[] {
  const { id, name } = container;
  const graceMs = graceMsOf(instance);
  if (instance.spec.powerState === 'Stopped') {
    return isLiving(container)
      ? [{ do: 'stopContainer', id, name, graceMs, why: 'powerState is Stopped', event: 'Stopped' }]
      : [];
  }
  if (shouldStart(instance, container))
    return [
      {
        do: 'startContainer',
        id,
        name,
        why: container.state === 'created' ? 'it was never started' : 'it is stopped',
        event: 'Started',
      },
    ];
  if (!wantsRestart(instance, container)) return [];
  const why = 'a restart was asked for';
  return [
    { do: 'stopContainer', id, name, graceMs, why },
    { do: 'startContainer', id, name, why, event: 'Restarted' },
  ];
}

/** Ruling 5. One that the Engine is restarting is the Engine's. */
function shouldStart(instance: Instance, container: Container): boolean {
  if (container.state === 'created') return true;
  if (container.state !== 'exited') return false;
  if (instance.status?.phase === 'Stopped' || restartAsked(instance, container.finishedAt)) return true;
  const { restartPolicy } = instance.spec;
  return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && container.exitCode !== 0);
}

export const wantsRestart = (instance: Instance, container: Container): boolean =>
  container.state === 'running' && restartAsked(instance, container.startedAt);

/** Once for each request: either the process is younger than it, or it was carried out already. */
function restartAsked(instance: Instance, since: Date | undefined): boolean {
  const asked = instance.metadata.annotations?.[RESTARTED_AT];
  if (asked === undefined || asked === instance.status?.restartedAt) return false;
  const time = Date.parse(asked);
  return Number.isFinite(time) && (since?.getTime() ?? 0) < time;
}
