import type { Cause } from '../../base/errors.ts';
import { faultOfReference } from '../../base/image-reference.ts';
import { normalizedPath } from '../../base/host-paths.ts';
import { invalid } from '../../api/field-errors.ts';
import { durationMs, parseSize } from '../../base/quantity.ts';
import { checkConfig } from './config-admission.ts';
import { isReference } from './config/uses.ts';
import { checkContainerSettings } from './container-admission.ts';
import { checkDevices, checkDriverOptions, checkGpus, checkHostAccess } from './host-access.ts';
import { checkLogs } from './log-drivers.ts';
import { checkAddresses, checkNetworks } from './network-admission.ts';
import { hostPortHolder } from '../shared/host-ports.ts';
import type { Instance, VolumeMount } from './types.ts';
import { clash, formatPort, parsePorts, PORT_EXPECTED } from '../shared/port-mapping.ts';
import type { PortMapping } from '../shared/port-mapping.ts';
import type { Admission, AdmissionSettings, View } from '../../api/kind.ts';
import type { Vpc } from '../vpc/types.ts';

/** A process that has not ended by then is killed, whatever it was given: nothing waits for one for days. */
export const LONGEST_GRACE_MS = 3_600_000;
/** The Engine refuses less (daemon/daemon_unix.go, linuxMinMemory). */
const LEAST_MEMORY = 6 * 2 ** 20;
/** The seed's `instances.ports` is a VARCHAR(255). */
const PORTS_COLUMN = 255;
/** What holds of one instance by itself. */
export function checkInstance(instance: Instance, old?: Instance): Cause[] {
  const { spec } = instance;
  return [
    // One that is stored already hinders no other change.
    ...(old?.spec.image === spec.image ? [] : checkImage(spec.image)),
    ...checkPorts(spec.ports),
    ...checkHealth(instance),
    ...checkNetworks(spec),
    ...checkLabels(spec.labels ?? {}),
    ...checkMemory(spec.resources.memory),
    ...checkGrace(spec.stopGracePeriod),
    ...spec.volumes.flatMap(checkVolume),
    ...checkMountPaths(spec.volumes),
    ...checkText(instance),
    ...checkContainerSettings(spec),
    ...checkLogs(spec),
    ...checkDriverOptions(spec),
    ...checkGpus(spec),
    ...checkDevices(spec),
    ...checkConfig(instance),
  ];
}

function checkImage(image: string): Cause[] {
  const fault = faultOfReference(image);
  return fault ? [invalid('image', `"${image}" can never be pulled: ${fault}`)] : [];
}

function checkPorts(ports: readonly string[]): Cause[] {
  const causes: Cause[] = [];
  const seen: { at: number; port: PortMapping }[] = [];
  ports.forEach((text, at) => {
    const mappings = parsePorts(text);
    if (!mappings) return void causes.push(invalid(`ports[${at}]`, `"${text}" is not ${PORT_EXPECTED}`));
    for (const port of mappings) {
      const other = seen.find((s) => clash(s.port, port));
      if (other)
        causes.push(invalid(`ports[${at}]`, `host port ${port.hostPort} is already taken by ports[${other.at}]`));
      seen.push({ at, port });
    }
  });
  const length = seen.map(({ port }) => formatPort(port)).join(',').length;
  if (length > PORTS_COLUMN)
    causes.push(
      invalid('ports', `the ports are ${length} characters written out; at most ${PORTS_COLUMN} can be stored`),
    );
  return causes;
}

const HEALTH_FORMS = ['http', 'tcp', 'command', 'disable'] as const;

function checkHealth({ spec }: Instance): Cause[] {
  const check = spec.healthCheck;
  if (!check) return [];
  const given = HEALTH_FORMS.filter((form) => check[form] !== undefined && check[form] !== false);
  const causes =
    given.length === 1
      ? []
      : [
          invalid(
            'healthCheck',
            `give exactly one of http, tcp, command and disable: true; ${given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`}`,
          ),
        ];
  for (const field of ['interval', 'timeout'] as const) {
    if (durationMs(check[field]) < 1) causes.push(invalid(`healthCheck.${field}`, 'must be longer than 0'));
  }
  if (check.disable && check.restartOnUnhealthy)
    causes.push(invalid('healthCheck.restartOnUnhealthy', 'without a check nothing is unhealthy; leave it out'));
  return causes;
}

function checkLabels(labels: Record<string, string>): Cause[] {
  const ours = Object.keys(labels).filter((key) => key.startsWith('miniaws.dev/'));
  return ours.map((key) =>
    invalid(`labels.${key}`, 'labels of miniaws.dev/ mark what this installation owns and cannot be set'),
  );
}

function checkMemory(memory: string | undefined): Cause[] {
  const bytes = memory === undefined ? LEAST_MEMORY : (parseSize(memory) ?? 0);
  return bytes < LEAST_MEMORY
    ? [invalid('resources.memory', `"${memory}" is under 6Mi, the least that the Engine takes`)]
    : [];
}

function checkGrace(grace: string): Cause[] {
  return durationMs(grace) > LONGEST_GRACE_MS
    ? [invalid('stopGracePeriod', `must be at most 1h, found "${grace}"`)]
    : [];
}

function checkVolume(volume: VolumeMount, at: number): Cause[] {
  const field = `volumes[${at}]`;
  if ((volume.name === undefined) === (volume.hostPath === undefined))
    return [invalid(field, 'give exactly one of name (a named volume) and hostPath (a folder of the host)')];
  if (volume.subPath !== undefined) return checkSubPath(volume, volume.subPath, `${field}.subPath`);
  const path = volume.hostPath;
  if (path === undefined || path === normalizedPath(path)) return [];
  const right = normalizedPath(path);
  return [invalid(`${field}.hostPath`, `must be an absolute path without ".", ".." and needless slashes: "${right}"`)];
}

function checkSubPath({ hostPath }: VolumeMount, subPath: string, field: string): Cause[] {
  if (hostPath !== undefined) return [invalid(field, 'is of named volumes: write the folder itself in hostPath')];
  const isWithin = subPath.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isWithin ? [] : [invalid(field, 'must be a path in the volume without ".", ".." and needless slashes')];
}

function checkMountPaths(volumes: readonly VolumeMount[]): Cause[] {
  return volumes.flatMap((volume, at) => {
    if (volume.mountPath === '/') return [invalid(`volumes[${at}].mountPath`, 'cannot be /')];
    const first = volumes.findIndex((other) => other.mountPath === volume.mountPath);
    return first < at
      ? [invalid(`volumes[${at}].mountPath`, `${volume.mountPath} is already the mount path of volumes[${first}]`)]
      : [];
  });
}

/** NUL can be stored in no PostgreSQL text and passed to no process. */
function checkText({ spec }: Instance): Cause[] {
  const lists = { command: spec.command ?? [], args: spec.args ?? [] };
  const causes = Object.entries(lists).flatMap(([field, values]) =>
    values.flatMap((value, at) => (value.includes('\0') ? [invalid(`${field}[${at}]`, 'must not contain NUL')] : [])),
  );
  for (const [name, value] of Object.entries(spec.env ?? {})) {
    if (!isReference(value) && value.includes('\0')) causes.push(invalid(`env.${name}`, 'must not contain NUL'));
  }
  return causes;
}

/** What holds of an instance among others: runs under the revision's lock, so that two clashing writes cannot both pass. */
export function admitInstance(
  next: Instance,
  old: Instance | undefined,
  view: View,
  settings: AdmissionSettings,
): Admission<Instance> {
  const causes = [...checkMove(next, old), ...checkHostPorts(next, view, settings), ...checkHostAccess(next, settings)];
  const vpc = view.get({ kind: 'VPC', namespace: next.metadata.namespace, name: next.spec.vpc }) as Vpc | undefined;
  if (vpc) causes.push(...checkPublishing(next, vpc));
  return { resource: next, causes: [...causes, ...checkAddresses(next, view)] };
}

function checkMove(next: Instance, old: Instance | undefined): Cause[] {
  if (!old || old.spec.vpc === next.spec.vpc) return [];
  return [
    invalid(
      'vpc',
      `an instance cannot move from VPC ${old.spec.vpc} to ${next.spec.vpc}; delete it and create it there, or create another beside it`,
    ),
  ];
}

function checkHostPorts(next: Instance, view: View, settings: AdmissionSettings): Cause[] {
  return next.spec.ports.flatMap((text, at) =>
    (parsePorts(text) ?? []).flatMap((port) => {
      const taken = port.hostPort === 0 ? undefined : hostPortHolder(next, port, view, settings);
      return taken ? [invalid(`ports[${at}]`, `${taken}, or 0 for a free one`)] : [];
    }),
  );
}

/** Whether the VPC lets the instance's ports out. */
export function checkPublishing(next: Instance, vpc: Vpc): Cause[] {
  if (vpc.spec.internetGateway || next.spec.ports.length === 0) return [];
  return [
    invalid(
      'ports',
      `VPC ${vpc.metadata.name} has no internet gateway, so no port can be published; remove ports, or use a VPC with internetGateway: true`,
    ),
  ];
}
