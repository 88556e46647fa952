import { definedOnly } from '../../base/defined.ts';
import type { ContainerCreateOptions, EndpointSettings, MountSettings } from 'dockerode';
import type { Attachment, ContainerSpec, Mount, PublishedPort } from '../compute.ts';
import type { TmpfsMount } from '../container-settings.ts';
import { creationLabels, ownerLabels } from '../labels.ts';
import { settingOptions, updateOptions } from './host-config.ts';

/**
 * A specification in the Engine's words. Never privileged, on the host's network, or with the Engine's socket; its
 * default seccomp and AppArmor profiles always hold, because nothing here names another one.
 */
export function createOptions(installation: string, spec: ContainerSpec): ContainerCreateOptions {
  const labels = ownerLabels(installation, spec.owner, spec.specHash);
  return {
    name: spec.name,
    Hostname: spec.hostname,
    Image: spec.image,
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.command && { Cmd: [...spec.command] }),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels, ...labels, ...creationLabels(spec) },
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [portKey(port), {}])),
    ...(spec.user && { User: spec.user }),
    ...(spec.workingDir && { WorkingDir: spec.workingDir }),
    StopTimeout: graceSeconds(spec.stopGraceMs),
    ...(spec.stopSignal && { StopSignal: spec.stopSignal }),
    ...(spec.tty !== undefined && { Tty: spec.tty }),
    ...(spec.stdin !== undefined && { OpenStdin: spec.stdin }),
    ...healthOptions(spec),
    HostConfig: {
      ...updateOptions(spec),
      ...settingOptions(spec),
      NetworkMode: spec.attachment.networkId,
      PortBindings: portBindings(spec.ports),
      Mounts: [...spec.mounts.map((mount) => mountOptions(mount, labels)), ...(spec.tmpfs ?? []).map(tmpfsOptions)],
      LogConfig: logOptions(spec.logs),
      SecurityOpt: spec.allowPrivilegeEscalation ? [] : ['no-new-privileges'],
    },
    NetworkingConfig: { EndpointsConfig: { [spec.attachment.networkId]: endpoint(spec.attachment) } },
  };
}

/** The others know nothing of files. */
const KEEPS_FILES = new Set(['json-file', 'local']);

function logOptions({ maxBytes, maxFiles, driver = 'json-file', options }: ContainerSpec['logs']) {
  const files = { 'max-size': String(maxBytes), 'max-file': String(maxFiles) };
  return { Type: driver, Config: { ...(KEEPS_FILES.has(driver) && files), ...options } };
}

/** Several host ports of one container port are a list under one key; an empty host port asks for a free one. */
function portBindings(ports: readonly PublishedPort[]): Record<string, { HostIp: string; HostPort: string }[]> {
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of ports) {
    const hostPort = port.hostPort === 0 ? '' : String(port.hostPort);
    (bindings[portKey(port)] ??= []).push({ HostIp: port.hostAddress, HostPort: hostPort });
  }
  return bindings;
}

const portKey = (port: PublishedPort): string => `${port.containerPort}/${port.protocol}`;

/** A volume that is missing at the start is made by the Engine: with our mark, or nobody could tell whose it is. */
function mountOptions({ source, target, readOnly }: Mount, labels: Record<string, string>): MountSettings {
  if ('hostPath' in source) return { Type: 'bind', Source: source.hostPath, Target: target, ReadOnly: readOnly };
  const VolumeOptions = {
    NoCopy: false,
    Labels: labels,
    DriverConfig: { Name: 'local', Options: source.options ?? {} },
    ...definedOnly({ Subpath: source.subPath }),
  };
  return { Type: 'volume', Source: source.volume, Target: target, ReadOnly: readOnly, VolumeOptions };
}

const tmpfsOptions = ({ target, sizeBytes, mode }: TmpfsMount): MountSettings =>
  ({
    Type: 'tmpfs',
    Target: target,
    TmpfsOptions: definedOnly({ SizeBytes: sizeBytes, Mode: mode }),
  }) as MountSettings;

/** Left out, the image's own health check stands. The Engine counts in nanoseconds. */
function healthOptions({ healthCommand, noHealthCheck }: ContainerSpec): Pick<ContainerCreateOptions, 'Healthcheck'> {
  if (noHealthCheck) return { Healthcheck: { Test: ['NONE'] } };
  if (!healthCommand) return {};
  return {
    Healthcheck: {
      Test: ['CMD', ...healthCommand.command],
      Interval: healthCommand.intervalMs * 1e6,
      Timeout: healthCommand.timeoutMs * 1e6,
      Retries: healthCommand.retries,
      StartPeriod: healthCommand.startPeriodMs * 1e6,
    },
  };
}

export const endpoint = (attachment: Attachment): EndpointSettings =>
  ({
    IPAMConfig: { IPv4Address: attachment.address },
    Aliases: [...attachment.aliases],
  }) as EndpointSettings;

/** The Engine waits in whole seconds. */
export const graceSeconds = (graceMs: number): number => Math.ceil(graceMs / 1_000);
