import { RESTARTED_AT } from '../../api/metadata.ts';
import type { HealthObserved, Instance } from './types.ts';
import type { Observed } from '../../base/observed.ts';
import type { Container, ContainerUpdate, ImageState, Network } from '../../drivers/compute.ts';
import type { Step } from '../../engine/contract.ts';
import { containerNameOf, isLiving, keepBest, teardown, driftSteps } from '../shared/container-steps.ts';
import type { ContainerStep } from '../shared/container-steps.ts';
import { changesOf, recreates } from './config/changes.ts';
import type { ResolvedConfig } from './config/resolve.ts';
import { configRestartOf, replaceSteps, writeSteps } from './config/steps.ts';
import type { ConfigStep } from './config/steps.ts';
import { listed } from '../shared/conditions.ts';
import { changedFields, specHash } from './spec-hash.ts';
import { needsAddress } from '../shared/ip-address.ts';
import type { VpcObserved } from '../shared/vpc-reference.ts';
import { aliasesOf, graceMsOf, namedVolumesOf, restartModeOf } from './container-spec.ts';
import { awaitedNetwork, joinSteps, needsAddresses, secondaryPlaces } from './networks.ts';
import type { JoinStep, NetworkObserved } from './networks.ts';
import { failingCheck, healthRestartAsked, healthRestartAt, UNHEALTHY } from './health.ts';
import { limitChanges, notLifted } from './limits.ts';

/** What the http or tcp check says is its health; the Engine's own check is the container's. */
export interface InstanceObserved extends HealthObserved {
  vpc: VpcObserved;
  /** The others that it shall be in. */
  networks: readonly NetworkObserved[];
  containers: Observed<readonly Container[]>;
  /** Looked at only when a container must be made. */
  image?: ImageState;
  /** That is the image that its controller asks for, by this name: nothing is pulled. */
  imageAsked?: string;
  /** A pull for this very specification has succeeded: `Always` is satisfied. */
  pulled: boolean;
  lastLog?: readonly string[];
  installation: string;
  /** Under which it is found beside its own name. */
  sharedName: string | undefined;
  /** What it is given, as documents have it now. */
  config: ResolvedConfig;
  /** Load balancers in which it is registered, as they say themselves. */
  balancers: readonly { name: string; deregistrationDelayMs: number }[];
  /** For how long they have been asked to let go of it, as far as this leader has seen, milliseconds. */
  drainingMs: number;
}

export type InstanceStep =
  | (Step & { do: 'createDefaultVpc' })
  | (Step & { do: 'claimAddress' })
  | (Step & { do: 'claimDraining' })
  | (Step & { do: 'claimHealthRestart'; of: string })
  | (Step & { do: 'pullImage'; image: string })
  | (Step & { do: 'ensureVolume'; name: string })
  | (Step & { do: 'createContainer'; name: string; image: string; network: Network })
  | JoinStep
  | ConfigStep
  | ContainerStep;

/** Milliseconds beyond its deregistrationDelay that a load balancer may take to let go of a target: then it is past help. */
const DRAIN_MARGIN_MS = 60_000;

/** Pure: what would make the world equal the document; a process that serves a load balancer is drained before it stops (I12). */
export function planInstance(instance: Instance, observed: InstanceObserved, now: Date): readonly InstanceStep[] {
  const steps = planContainer(instance, observed, now);
  if (!mustDrain(observed, steps)) return steps;
  const before = steps.slice(0, steps.findIndex(isStop));
  const { deletionTimestamp } = instance.metadata;
  const isAsked = deletionTimestamp !== undefined || instance.status?.draining !== undefined;
  const why = steps.find(isStop)?.why ?? '';
  return isAsked ? before : [...before, { do: 'claimDraining', why, event: 'Draining' }];
}

const isStop = (step: InstanceStep): boolean => step.do === 'stopContainer';

/** Whether what is to be done stops a process that a load balancer still sends requests to. */
export function mustDrain(
  { balancers, drainingMs }: Pick<InstanceObserved, 'balancers' | 'drainingMs'>,
  steps: readonly InstanceStep[],
): boolean {
  if (balancers.length === 0 || !steps.some(isStop)) return false;
  return drainingMs < Math.max(...balancers.map((b) => b.deregistrationDelayMs)) + DRAIN_MARGIN_MS;
}

/** Nothing is created or deleted on what could not be observed (I4). */
export function planContainer(instance: Instance, observed: InstanceObserved, now: Date): readonly InstanceStep[] {
  if (observed.containers.state === 'unobservable') return [];
  const containers = observed.containers.state === 'present' ? observed.containers.value : [];
  if (instance.metadata.deletionTimestamp !== undefined)
    return containers.flatMap((c) => teardown(c, graceMsOf(instance), 'the instance was deleted', 'Terminated'));
  if (containers.some((c) => c.state === 'removing')) return [];
  const kept = choose(instance, containers);
  const extra = containers
    .filter((c) => c !== kept)
    .flatMap((c) => teardown(c, graceMsOf(instance), `container ${c.name} is one too many`));
  // One that cannot be made anew runs on.
  const stays = kept && (!forcedBy(instance, kept, observed.config) || observed.config.missing.length > 0);
  if (stays) return [...extra, ...planKept(instance, observed, kept, now)];
  return [...extra, ...planNew(instance, observed, kept)];
}

export const choose = (instance: Instance, containers: readonly Container[]): Container | undefined =>
  keepBest(instance, specHash(instance.spec), containers);

/** Why this container cannot become what is wanted; `undefined` when it can. */
export function forcedBy(instance: Instance, container: Container, config: ResolvedConfig): string | undefined {
  if (container.state === 'dead') return 'the container is dead';
  const fields = changedFields(container.specHash, specHash(instance.spec));
  if (fields.length > 0) return `${fields.map((f) => `spec.${f}`).join(', ')} changed`;
  const changed = changesOf(instance, container, config).filter((change) => recreates(instance, change));
  return (
    notLifted(instance.spec, container) ?? (changed.length > 0 ? listed(changed.map(({ why }) => why)) : undefined)
  );
}

const CLAIM: InstanceStep = { do: 'claimAddress', why: 'it has no address in the VPC yet' };

const planClaimBeside = (instance: Instance, { networks }: InstanceObserved): InstanceStep[] =>
  needsAddresses(instance, networks) ? [{ ...CLAIM, why: 'it has no address in one of its other VPCs yet' }] : [];

const planDefaultVpc = (of: readonly NetworkObserved[]): InstanceStep[] =>
  of.some(({ wanted, vpc }) => vpc.is === 'missing' && wanted.vpc === 'default')
    ? [{ do: 'createDefaultVpc', why: 'the namespace has no default VPC yet', event: 'DefaultVpcCreated' }]
    : [];

/** The new image is there before the old container is touched; so are its volumes, which may be refused. */
function planNew(instance: Instance, observed: InstanceObserved, old: Container | undefined): InstanceStep[] {
  const { vpc, networks } = observed;
  const makeVpc = planDefaultVpc([{ wanted: instance.spec, vpc }, ...networks]);
  if (makeVpc.length > 0) return makeVpc;
  if (vpc.is !== 'ready' || awaitedNetwork(instance, networks) || observed.config.missing.length > 0) return [];
  const why = old
    ? (forcedBy(instance, old, observed.config) ?? '')
    : instance.status?.containerId === undefined
      ? 'there is no container yet'
      : 'the container is gone';
  const claim = needsAddress(instance, vpc.uid) ? [CLAIM] : planClaimBeside(instance, observed);
  const pull = planPull(instance, observed);
  const removal = old ? teardown(old, graceMsOf(instance), why) : [];
  const volumes = namedVolumesOf(instance, observed.installation).map((name): InstanceStep => ({
    do: 'ensureVolume',
    name,
    why,
  }));
  const name = containerNameOf(instance);
  const create: InstanceStep = {
    do: 'createContainer',
    name,
    image: observed.imageAsked ?? instance.spec.image,
    network: vpc.network,
    why,
    event: old ? 'Recreated' : 'Created',
  };
  const start: InstanceStep[] =
    instance.spec.powerState === 'Running'
      ? [...writeSteps(observed.config, name, why), { do: 'startContainer', name, why, event: 'Started' }]
      : [];
  return [...claim, ...pull, ...volumes, ...removal, create, ...joinSteps(networks, name, why), ...start];
}

function planPull({ spec }: Instance, { image, imageAsked, pulled }: InstanceObserved): InstanceStep[] {
  if (imageAsked !== undefined) return [];
  const wanted = image?.state === 'present' ? spec.imagePullPolicy === 'Always' && !pulled : true;
  const why = image?.state === 'present' ? 'imagePullPolicy is Always' : `image ${spec.image} is not on the Engine`;
  return wanted ? [{ do: 'pullImage', image: spec.image, why, event: 'ImagePulled' }] : [];
}

/** What differs in a container that can stay, mended in place. */
function planKept(instance: Instance, observed: InstanceObserved, container: Container, now: Date): InstanceStep[] {
  const { vpc, networks, sharedName } = observed;
  const address = instance.status?.privateIp;
  const beside = secondaryPlaces(instance, networks);
  // Its process finds all of its networks at its first start.
  const joinsFirst =
    container.state === 'created' &&
    (needsAddresses(instance, networks) || awaitedNetwork(instance, networks, container));
  const places =
    vpc.is === 'ready' && address !== undefined
      ? [{ network: vpc.network, address, aliases: aliasesOf(instance, sharedName) }, ...beside.wanted]
      : [];
  return [
    ...planDefaultVpc(networks),
    ...planClaimBeside(instance, observed),
    ...driftSteps(instance, container, places, beside.kept),
    ...planUpdate(instance, container),
    ...replaceSteps(instance, container, observed.config),
    ...(joinsFirst ? [] : planPower(instance, observed, container, now)),
  ];
}

function planUpdate({ spec }: Instance, { id, name, ...has }: Container): InstanceStep[] {
  const limits = limitChanges(spec, has);
  const restart = restartModeOf(spec);
  const moved = restart === has.restart ? [] : ['restart policy'];
  const change: ContainerUpdate = { ...limits.change, ...(moved.length > 0 && { restart }) };
  const fields = [...limits.fields, ...moved];
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

function planPower(instance: Instance, observed: InstanceObserved, container: Container, now: Date): InstanceStep[] {
  const { id, name } = container;
  const graceMs = graceMsOf(instance);
  if (instance.spec.powerState === 'Stopped') {
    return isLiving(container)
      ? [{ do: 'stopContainer', id, name, graceMs, why: 'powerState is Stopped', event: 'Stopped' }]
      : [];
  }
  if (shouldStart(instance, container)) {
    const isFirst = container.state === 'created';
    if (isFirst && observed.config.missing.length > 0) return [];
    const why = isFirst ? 'it was never started' : 'it is stopped';
    const write = isFirst ? writeSteps(observed.config, name, why, id) : [];
    return [...write, { do: 'startContainer', id, name, why, event: 'Started' }];
  }
  const claim = planHealthRestart(instance, observed, container, now);
  const isSick = claim.length > 0 || healthRestartAsked(instance, container);
  const changed = configRestartOf(instance, container);
  if (container.state !== 'running' || !(isSick || changed !== undefined || wantsRestart(instance, container)))
    return [];
  const why = isSick ? failingCheck(instance, observed, container, now) : (changed ?? 'a restart was asked for');
  return [
    ...claim,
    { do: 'stopContainer', id, name, graceMs, why },
    { do: 'startContainer', id, name, why, event: 'Restarted' },
  ];
}

/** Restarts of a process that has ended are the Engine's, by its restart policy; ours is what that policy leaves. */
function shouldStart(instance: Instance, container: Container): boolean {
  if (container.state === 'created') return true;
  if (container.state !== 'exited') return false;
  if (instance.status?.phase === 'Stopped' || restartAsked(instance, container.finishedAt)) return true;
  if (healthRestartAsked(instance, container) || configRestartOf(instance, container) !== undefined) return true;
  const { restartPolicy } = instance.spec;
  return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && container.exitCode !== 0);
}

/** Written down first, so that restarts are counted whatever happens to this pass. */
function planHealthRestart(
  instance: Instance,
  observed: InstanceObserved,
  container: Container,
  now: Date,
): InstanceStep[] {
  const at = healthRestartAt(instance, observed, container);
  const of = container.startedAt?.toISOString();
  // A clock that was set back makes nobody wait.
  const since = Date.parse(instance.status?.healthRestarts?.at ?? '');
  if (at === undefined || of === undefined || !(now >= at || now.getTime() < since)) return [];
  const why = failingCheck(instance, observed, container, now);
  return [{ do: 'claimHealthRestart', of, why, event: UNHEALTHY, warns: true }];
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
