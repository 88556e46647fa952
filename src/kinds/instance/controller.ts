import { namespacedName, refOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { Digest } from '../../base/hash.ts';
import { imageIdAsked, isLeaving, isProbed } from './types.ts';
import type { HealthObserved, Instance } from './types.ts';
import { isLoadBalancer } from '../load-balancer/types.ts';
import type { LoadBalancer } from '../load-balancer/types.ts';
import type { View } from '../../api/kind.ts';
import type { Clock } from '../../base/clock.ts';
import { PassError } from '../../base/errors.ts';
import { valueOf } from '../../base/observed.ts';
import { lastLines } from '../../base/output.ts';
import { durationMs } from '../../base/quantity.ts';
import type { Compute, Container } from '../../drivers/compute.ts';
import type { Controller, Noted, Pass, UnderWay } from '../../engine/contract.ts';
import { claimAddress } from '../shared/ip-address.ts';
import { actOnContainer, madeId } from '../shared/container-steps.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { nextHealthRestart } from './health.ts';
import { printStep } from './steps.ts';
import { specHash } from './spec-hash.ts';
import { ownFields } from './config/own-fields.ts';
import { resolveConfig } from './config/resolve.ts';
import type { ResolvedConfig } from './config/resolve.ts';
import { refuseMissing, replaceFiles, writeFiles } from './config/steps.ts';
import { choose, forcedBy, planInstance } from './plan.ts';
import type { InstanceObserved, InstanceStep } from './plan.ts';
import { observeVpc } from '../shared/vpc-reference.ts';
import { attachmentOf, observeNetworks } from './networks.ts';
import { defaultVpcIn } from '../vpc/public.ts';
import { crashed } from './crash.ts';
import { reportInstance } from './report.ts';
import { containerSpecOf, sharedNameOf, volumeOptionsOf } from './container-spec.ts';
import { ownerOfResource } from '../shared/owner.ts';

/** How long a pass waits for a pull before it leaves it to itself and comes back at its end. */
const PULL_WAIT_MS = 1_000;
/** Lines of a crashed process's output that status keeps, and the longest one. */
const LAST_LINES = 10;
const LONGEST_LINE = 300;

export interface InstanceSeams {
  clock: Clock;
  compute: Compute;
  health: HealthMonitor;
  /** This installation's id: part of the names of volumes. */
  installation: string;
  digest: Digest;
}

/** Names an attempt by what was attempted: a pull for one specification does not satisfy another. */
const pullKey = (instance: Instance): string => `${instance.metadata.uid} ${specHash(instance.spec)}`;

/**
 * Keeps one container for each Instance. Its name comes from the document's uid, its mark says for which specification
 * it was made, creation finds before it makes, and every other step addresses a container by id: each may be repeated
 * after a crash, and a container that a crash left half done is finished by the next pass.
 */
export function instanceController(seams: InstanceSeams): Controller<Instance, InstanceObserved, InstanceStep> {
  const { compute, health, installation } = seams;
  const pulled = new Set<string>();
  const drains = new Map<string, number>();

  return {
    kind: 'Instance',
    needsEngine: true,
    watches: [
      {
        kind: 'VPC',
        enqueue: (vpc, view) =>
          view.lookup('Instance', 'vpc', `${vpc.metadata.namespace}/${vpc.metadata.name}`).map(refOf),
      },
      { kind: 'ConfigMap', enqueue: usersOf },
      { kind: 'Secret', enqueue: usersOf },
      {
        // Those that wait until it has let go of them.
        kind: 'LoadBalancer',
        enqueue: ({ metadata, spec }, view) =>
          view.lookup('Instance', 'leaving', `${metadata.namespace}/${(spec as LoadBalancer['spec']).vpc}`).map(refOf),
      },
    ],

    async observe(instance, pass) {
      const containers = compute.containers(instance.metadata.uid);
      const observed: InstanceObserved = {
        vpc: observeVpc(instance, compute, pass.view),
        networks: observeNetworks(instance, compute, pass.view),
        containers,
        pulled: pulled.has(pullKey(instance)),
        installation,
        sharedName: sharedNameOf(instance, pass.view),
        config: configOf(instance, pass.view, seams),
        ...observeBalancers(instance, pass.view, drains, seams.clock),
      };
      const container = choose(instance, valueOf(containers) ?? []);
      const isNeeded =
        containers.state !== 'unobservable' &&
        instance.metadata.deletionTimestamp === undefined &&
        (!container || forcedBy(instance, container, observed.config) !== undefined);
      if (isNeeded && observed.vpc.is === 'ready') Object.assign(observed, await observeImage(instance, compute));
      if (container)
        Object.assign(
          observed,
          observeHealth(health, instance, container, pass),
          await observeCrash(compute, instance, container, pass),
        );
      return observed;
    },

    plan: planInstance,
    act: (step, instance, pass) => act(step, instance, pass, seams, pulled),
    report: reportInstance,
    print: printStep,
    forget(uid) {
      health.forget(uid);
      drains.delete(uid);
      for (const key of pulled) if (key.startsWith(`${uid} `)) pulled.delete(key);
    },
  };
}

/** Those that take contents from it. */
const usersOf = (source: Resource, view: View): Ref[] =>
  view.lookup('Instance', source.kind, namespacedName(refOf(source))).map(refOf);

const configOf = (instance: Instance, view: View, { digest }: InstanceSeams): ResolvedConfig =>
  resolveConfig(instance.spec, ownFields(instance), { view, digest });

/** An image that its controller asks for, and that is still on the Engine, goes before what the reference means now. */
async function observeImage(
  instance: Instance,
  compute: Compute,
): Promise<Pick<InstanceObserved, 'image' | 'imageAsked'>> {
  const reference = instance.spec.image;
  const asked = imageIdAsked(instance);
  const image = await compute.image(reference);
  if (asked === undefined) return { image };
  // People know the reference, and the Engine shows what a container was made by.
  if (image.state === 'present' && image.id === asked) return { image, imageAsked: reference };
  const old = await compute.image(asked);
  return old.state === 'present' ? { image: old, imageAsked: asked } : { image };
}

/** Since when it drains is measured by this leader's own monotonic clock: no jump of the other, and no outage, ends it early. */
function observeBalancers(
  instance: Instance,
  view: View,
  drains: Map<string, number>,
  clock: Clock,
): Pick<InstanceObserved, 'balancers' | 'drainingMs'> {
  const { uid } = instance.metadata;
  const balancers = view
    .lookup('LoadBalancer', 'target', uid)
    .filter(isLoadBalancer)
    .map(({ metadata, spec }) => ({
      name: metadata.name,
      deregistrationDelayMs: durationMs(spec.deregistrationDelay),
    }));
  if (balancers.length === 0 || !isLeaving(instance)) drains.delete(uid);
  else if (!drains.has(uid)) drains.set(uid, clock.monotonic());
  return { balancers, drainingMs: clock.monotonic() - (drains.get(uid) ?? clock.monotonic()) };
}

function observeHealth(health: HealthMonitor, instance: Instance, container: Container, pass: Pass): HealthObserved {
  if (pass.planning) return instance.status?.health ? { health: instance.status.health } : {};
  const { uid } = instance.metadata;
  const check = instance.spec.healthCheck;
  const wanted =
    check && isProbed(check) && container.state === 'running' && instance.metadata.deletionTimestamp === undefined;
  if (!wanted) {
    health.forget(uid);
    return {};
  }
  const process = { containerId: container.id, startedAt: container.startedAt?.getTime() ?? 0 };
  const last = instance.status?.containerId === container.id ? instance.status.health : undefined;
  return health.watch(uid, refOf(instance), process, check, last);
}

/** The last lines are fetched once for each crash, not at each look. */
async function observeCrash(
  compute: Compute,
  instance: Instance,
  container: Container,
  pass: Pass,
): Promise<Pick<InstanceObserved, 'lastLog'>> {
  const { status } = instance;
  const known =
    status?.restarts === container.restarts &&
    status.lastExitCode === container.exitCode &&
    status.containerId === container.id;
  if (!crashed(container) || (known && status.lastLog !== undefined)) return {};
  try {
    let text = '';
    for await (const chunk of compute.logs(
      container.id,
      { follow: false, tail: LAST_LINES, timestamps: false },
      pass.signal,
    ))
      text += chunk.data.toString('utf8');
    return { lastLog: lastLines(text, LAST_LINES, LONGEST_LINE) };
  } catch {
    return {}; // the container was removed meanwhile, or its log driver cannot be read
  }
}

async function act(
  step: InstanceStep,
  instance: Instance,
  pass: Pass,
  seams: InstanceSeams,
  pulled: Set<string>,
): Promise<UnderWay | Noted | void> {
  const { compute, installation } = seams;
  switch (step.do) {
    case 'createDefaultVpc':
      return pass.create(defaultVpcIn(instance.metadata.namespace));
    case 'claimAddress':
      return pass.claim((latest, view) => claimAddress(latest as Instance, view));
    case 'claimDraining':
      return pass.claim((latest) => ({
        draining: (latest as Instance).status?.draining ?? pass.now().toISOString(),
      }));
    case 'claimHealthRestart':
      return pass.claim((latest) => ({ healthRestarts: nextHealthRestart(latest as Instance, step.of, pass.now()) }));
    case 'pullImage':
      return pull(step.image, instance, compute, pulled);
    case 'ensureVolume':
      return compute.ensureVolume({
        name: step.name,
        owner: { ...ownerOfResource(instance), kind: 'Volume' },
        ...volumeOptionsOf(instance, installation, step.name),
      });
    case 'createContainer': {
      const address = instance.status?.privateIp;
      if (address === undefined) throw new PassError('DependencyNotReady', 'the instance has no address yet');
      const sharedName = sharedNameOf(instance, pass.view);
      const config = configOf(instance, pass.view, seams);
      refuseMissing(config);
      const made = containerSpecOf(instance, step.network, address, installation, config, sharedName);
      await compute.createContainer({ ...made, image: step.image });
      pulled.delete(pullKey(instance));
      return;
    }
    case 'writeFiles':
      return writeFiles(step, instance, pass, { compute, config: configOf(instance, pass.view, seams) });
    case 'replaceFiles':
      return replaceFiles(step, instance, pass, { compute, config: configOf(instance, pass.view, seams) });
    case 'joinNetwork':
      return compute.connectContainer(madeId(compute, instance), attachmentOf(step, instance));
    default:
      return actOnContainer(step, instance, compute);
  }
}

async function pull(
  image: string,
  instance: Instance,
  compute: Compute,
  pulled: Set<string>,
): Promise<UnderWay | undefined> {
  if (instance.spec.imagePullPolicy === 'Never')
    throw new PassError(
      'ImageUnavailable',
      `image ${image} is not on the Engine, and imagePullPolicy is Never: load it, or allow pulling`,
    );
  const state = await compute.pullImage(image, ownerOfResource(instance), PULL_WAIT_MS);
  if (state.state === 'pulling') return { underWay: `image ${image} is being pulled: ${state.progress}` };
  if (state.state === 'absent')
    throw new PassError('ImageUnavailable', `image ${image} was removed again after it was pulled`);
  pulled.add(pullKey(instance));
  return undefined;
}
