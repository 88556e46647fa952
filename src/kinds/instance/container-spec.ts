import type { HealthCheck, Instance, InstanceSpec, RestartPolicy, SecondaryNetwork, VolumeMount } from './types.ts';
import { definedOnly } from '../../base/defined.ts';
import type { View } from '../../api/kind.ts';
import { isLoadBalancer } from '../load-balancer/types.ts';
import { LONGEST_GRACE_MS } from './admission.ts';
import { portsOf } from './types.ts';
import { durationMs, parseSize } from '../../base/quantity.ts';
import type { ContainerSpec, Mount, Network, RestartMode } from '../../drivers/compute.ts';
import { engineName, volumeNameOf } from '../../drivers/labels.ts';
import { logTarget, settingsOf } from './container-settings.ts';
import { limitsOf } from './limits.ts';
import type { ResolvedConfig } from './config/resolve.ts';
import { specHash } from './spec-hash.ts';
import { CREATION_DEFAULTS, DEFAULT_PIDS_LIMIT } from '../shared/creation-defaults.ts';
import { ownerOfResource } from '../shared/owner.ts';

/** Restarts are the Engine's, so that instances come back while the daemon is down. */
const RESTART: Record<RestartPolicy, RestartMode> = { Always: 'unless-stopped', OnFailure: 'on-failure', Never: 'no' };

export const restartModeOf = (spec: InstanceSpec): RestartMode => RESTART[spec.restartPolicy];
/** Those that were stored before it had a maximum have that. */
export const graceMsOf = (instance: Instance): number =>
  Math.min(durationMs(instance.spec.stopGracePeriod), LONGEST_GRACE_MS);

/** All names by which others of its VPC find it. `sharedName` is that of what it is one of. */
export const aliasesOf = ({ metadata, spec }: Instance, sharedName?: string): string[] => [
  ...new Set([metadata.name, ...(spec.aliases ?? []), ...(sharedName === undefined ? [] : [sharedName])]),
];

/** Its names in a VPC beside the primary one. An Engine may add the host name by itself; so it is one of them everywhere. */
export const aliasesIn = ({ metadata, spec }: Instance, { aliases = [] }: SecondaryNetwork): string[] => [
  ...new Set([metadata.name, ...aliases, spec.hostname ?? metadata.name]),
];

/**
 * The name of the group that made it, under which all of the group are found. A load balancer of that name in the VPC
 * keeps it for itself: who calls it is not to reach a target past it. A container has the names of its creation: no
 * other name makes another one.
 */
export function sharedNameOf({ metadata, spec }: Instance, view: View): string | undefined {
  const name = metadata.ownerReferences?.find((owner) => owner.controller === true)?.name;
  if (name === undefined) return undefined;
  const balancer = view.get({ kind: 'LoadBalancer', namespace: metadata.namespace, name });
  return balancer && isLoadBalancer(balancer) && balancer.spec.vpc === spec.vpc ? undefined : name;
}

export const namedVolumesOf = (instance: Instance, installation: string): string[] => [
  ...new Set(
    instance.spec.volumes.flatMap((v) =>
      v.name === undefined ? [] : [volumeNameOf(installation, instance.metadata.namespace, v.name)],
    ),
  ),
];

/** How the Engine is asked for it; whichever of its mounts says so. */
export function volumeOptionsOf({ spec, metadata }: Instance, installation: string, volume: string) {
  const named = spec.volumes.filter(
    (v) => v.name !== undefined && volumeNameOf(installation, metadata.namespace, v.name) === volume,
  );
  return named.map(optionsOf).find((o) => o.options) ?? {};
}

/** The container that an instance wants on this network with this address. */
export function containerSpecOf(
  instance: Instance,
  network: Network,
  address: string,
  installation: string,
  { env, items }: ResolvedConfig,
  sharedName?: string,
): ContainerSpec {
  const { spec, metadata } = instance;
  const owner = ownerOfResource(instance);
  return {
    owner,
    specHash: specHash(spec),
    name: engineName(owner),
    hostname: spec.hostname ?? metadata.name,
    image: spec.image,
    ...(spec.command ? { entrypoint: spec.command } : {}),
    ...(spec.args ? { command: spec.args } : {}),
    env,
    configDigests: Object.fromEntries(Object.entries(items).map(([item, { digest }]) => [item, digest])),
    labels: spec.labels ?? {},
    ports: portsOf(instance),
    mounts: spec.volumes.map((v) => mountOf(installation, metadata.namespace, v)),
    attachment: { networkId: network.id, address, aliases: aliasesOf(instance, sharedName) },
    ...(spec.user === undefined ? {} : { user: spec.user }),
    ...(spec.workingDir === undefined ? {} : { workingDir: spec.workingDir }),
    defaults: CREATION_DEFAULTS,
    pidsLimit: DEFAULT_PIDS_LIMIT,
    ...limitsOf(spec),
    ...settingsOf(spec),
    restart: restartModeOf(spec),
    stopGraceMs: graceMsOf(instance),
    logs: { maxBytes: parseSize(spec.logs.maxSize) ?? 0, maxFiles: spec.logs.maxFiles, ...logTarget(spec) },
    ...healthOf(spec.healthCheck),
  };
}

/** A file system in memory has no device, and the Engine wants a word for it. */
const optionsOf = ({ driverOptions }: VolumeMount): { options?: Record<string, string> } =>
  driverOptions ? { options: { device: 'tmpfs', ...driverOptions } } : {};

const mountOf = (installation: string, namespace: string, volume: VolumeMount): Mount => ({
  source:
    volume.hostPath === undefined
      ? {
          volume: volumeNameOf(installation, namespace, volume.name ?? ''),
          ...definedOnly({ subPath: volume.subPath }),
          ...optionsOf(volume),
        }
      : { hostPath: volume.hostPath },
  target: volume.mountPath,
  readOnly: volume.readOnly,
});

function healthOf(check: HealthCheck | undefined): Pick<ContainerSpec, 'healthCommand' | 'noHealthCheck'> {
  if (check?.disable) return { noHealthCheck: true };
  if (!check?.command) return {};
  return {
    healthCommand: {
      command: check.command,
      intervalMs: durationMs(check.interval),
      timeoutMs: durationMs(check.timeout),
      retries: check.retries,
      startPeriodMs: durationMs(check.startPeriod),
    },
  };
}
