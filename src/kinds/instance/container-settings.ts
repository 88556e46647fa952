import { definedOnly, ifTrue, orNothing } from '../../base/defined.ts';
import { parseSize } from '../../base/quantity.ts';
import type { ContainerSettings, Device, TmpfsMount, Ulimit } from '../../drivers/container-settings.ts';
import type { ContainerSpec } from '../../drivers/compute.ts';
import { capabilitiesOf } from './creation.ts';
import type { InstanceSpec, Tmpfs } from './types.ts';

/** How the container's process is run, in the driver's words. */
export const settingsOf = (spec: InstanceSpec): ContainerSettings =>
  definedOnly({
    init: spec.init,
    tty: ifTrue(spec.tty),
    stdin: ifTrue(spec.stdin),
    stopSignal: spec.stopSignal,
    ulimits: orNothing(ulimitsOf(spec.ulimits)),
    tmpfs: orNothing(spec.tmpfs?.map(tmpfsOf)),
    shmBytes: bytesOf(spec.shmSize),
    readOnlyRoot: ifTrue(spec.readOnlyRootFilesystem),
    allowPrivilegeEscalation: ifTrue(spec.allowPrivilegeEscalation),
    capAdd: orNothing(capabilitiesOf(spec)),
    capDrop: ['ALL'],
    extraHosts: orNothing(spec.extraHosts),
    dns: orNothing(spec.dns),
    sysctls: orNothing(spec.sysctls),
    devices: orNothing(spec.devices?.map(deviceOf)),
    gpus: spec.gpus && { ...spec.gpus, capabilities: spec.gpus.capabilities ?? [] },
    oomScoreAdjust: spec.oomScoreAdjust,
    groups: orNothing(spec.groups),
  });

const ulimitsOf = (ulimits: InstanceSpec['ulimits'] = {}): Ulimit[] =>
  Object.entries(ulimits).map(([name, { soft, hard = soft }]) => ({ name, soft, hard }));

const deviceOf = ({
  hostPath,
  path = hostPath,
  permissions = 'rwm',
}: NonNullable<InstanceSpec['devices']>[number]): Device => ({ hostPath, path, permissions });

const tmpfsOf = ({ mountPath, size, mode }: Tmpfs): TmpfsMount => ({
  target: mountPath,
  ...definedOnly({
    sizeBytes: bytesOf(size),
    mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
  }),
});

const bytesOf = (size: string | undefined): number | undefined => (size === undefined ? undefined : parseSize(size));

/** Where the log goes, in one form for what means the same. */
export const logTarget = ({
  logs: { driver, options },
}: InstanceSpec): Pick<ContainerSpec['logs'], 'driver' | 'options'> =>
  definedOnly({ driver: driver === 'json-file' ? undefined : driver, options: orNothing(options) });
