import type { AdmissionSettings } from '../../api/kind.ts';
import { invalid } from '../../api/field-errors.ts';
import type { Cause } from '../../base/errors.ts';
import { ANY_SERVER } from '../../base/host-access.ts';
import { sameJson } from '../../base/hash.ts';
import { exposedBy, isWithin, normalizedPath } from '../../base/host-paths.ts';
import type { Instance, InstanceSpec } from './types.ts';

/** Options of mount that would make of a volume something else than its type says. */
const FORBIDDEN = new Set(['bind', 'rbind', 'move', 'remount', 'loop', 'shared', 'rshared', 'suid', 'dev']);
/** Options of NFS that name who is asked. */
const SERVERS = new Set(['addr', 'mountaddr']);

export function checkDevices({ devices = [] }: InstanceSpec): Cause[] {
  return devices.flatMap((device, at) =>
    (['hostPath', 'path'] as const).flatMap((field) => {
      const path = device[field];
      if (path === undefined || path === normalizedPath(path)) return [];
      const right = normalizedPath(path);
      return [
        invalid(
          `devices[${at}].${field}`,
          `must be an absolute path without ".", ".." and needless slashes: "${right}"`,
        ),
      ];
    }),
  );
}

export function checkGpus({ gpus }: InstanceSpec): Cause[] {
  if (!gpus) return [];
  if ((gpus.count === undefined) === (gpus.ids === undefined))
    return [invalid('gpus', 'give exactly one of count (-1: all) and ids')];
  return gpus.count === 0 ? [invalid('gpus.count', 'must be at least 1, or -1 for all; leave gpus out for none')] : [];
}

export function checkDriverOptions({ volumes }: InstanceSpec): Cause[] {
  return volumes.flatMap(({ name, driverOptions }, at) => {
    if (!driverOptions) return [];
    const field = `volumes[${at}].driverOptions`;
    if (name === undefined) return [invalid(field, 'are those of a named volume; this is a folder of the host')];
    const first = volumes.findIndex((v) => v.name === name && v.driverOptions !== undefined);
    if (!sameJson(volumes[first]?.driverOptions, driverOptions))
      return [invalid(field, `differ from those of volumes[${first}], which is the same volume ${name}`)];
    const options = optionsOf(driverOptions.o);
    const wrong = options.find(([option]) => FORBIDDEN.has(option));
    if (wrong) return [invalid(`${field}.o`, `${wrong[0]} is not for a volume of an instance`)];
    if (driverOptions.type === 'tmpfs')
      return driverOptions.device === undefined ? [] : [invalid(`${field}.device`, 'tmpfs has none; leave it out')];
    return [
      ...(driverOptions.device === undefined ? [invalid(`${field}.device`, 'is required, such as :/export')] : []),
      ...(options.some(([option]) => option === 'addr') ? [] : [invalid(`${field}.o`, 'addr= must name the server')]),
    ];
  });
}

const optionsOf = (o = ''): [string, string][] =>
  o.split(',').map((option) => {
    const at = option.indexOf('=');
    return at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)];
  });

/** What of the host an instance, or a group's template, asks for that this daemon does not allow. */
export const checkHostAccess = (instance: Instance, settings: AdmissionSettings): Cause[] => [
  ...checkHostPaths(instance, settings),
  ...deniedDevices(instance, settings),
  ...deniedGpus(instance, settings),
  ...deniedServers(instance, settings),
];

/** By their names; where they lead is looked at by the driver, just before they are mounted. */
function checkHostPaths({ spec }: Instance, { hostPaths: { allowed, guarded } }: AdmissionSettings): Cause[] {
  return spec.volumes.flatMap(({ hostPath }, at) => {
    if (hostPath === undefined) return [];
    const field = `volumes[${at}].hostPath`;
    const secret = exposedBy(hostPath, guarded);
    if (secret !== undefined)
      return [invalid(field, `${hostPath} would expose ${secret}, which is never mounted into an instance`)];
    if (allowed.some((root) => isWithin(hostPath, root))) return [];
    const hint = allowed.length ? `only below ${allowed.join(', ')}` : 'none: start the daemon with --allow-host-path';
    return [invalid(field, `${hostPath} may not be mounted; allowed is ${hint}`)];
  });
}

function deniedDevices({ spec: { devices = [] } }: Instance, { hostAccess }: AdmissionSettings): Cause[] {
  return devices.flatMap(({ hostPath }, at) => {
    if (hostAccess.devices.some((root) => isWithin(hostPath, root))) return [];
    return [invalid(`devices[${at}].hostPath`, denied(hostPath, 'used', hostAccess.devices, '--allow-device'))];
  });
}

const deniedGpus = ({ spec: { gpus } }: Instance, { hostAccess }: AdmissionSettings): Cause[] =>
  gpus && !hostAccess.gpus
    ? [invalid('gpus', 'GPUs of the host may not be used: start the daemon with --allow-gpus yes')]
    : [];

function deniedServers({ spec: { volumes } }: Instance, { hostAccess: { nfsServers } }: AdmissionSettings): Cause[] {
  return volumes.flatMap(({ driverOptions }, at) =>
    optionsOf(driverOptions?.o)
      .filter(([option, server]) => SERVERS.has(option) && !allows(nfsServers, server))
      .map(([, server]) =>
        invalid(`volumes[${at}].driverOptions.o`, denied(server, 'mounted from', nfsServers, '--allow-nfs-server')),
      ),
  );
}

const allows = (servers: readonly string[], server: string): boolean =>
  servers.includes(server) || servers.includes(ANY_SERVER);

const denied = (what: string, verb: string, allowed: readonly string[], flag: string): string =>
  `${what} may not be ${verb}; allowed is ${allowed.length ? `only ${allowed.join(', ')}` : `none: start the daemon with ${flag}`}`;
