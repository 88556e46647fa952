import type { DeviceRequest, HostConfig } from 'dockerode';
import { definedOnly } from '../../base/defined.ts';
import type { ContainerUpdate } from '../compute.ts';
import { memorySwapOf } from '../container-settings.ts';
import type { ContainerSettings, Gpus } from '../container-settings.ts';

/**
 * Memory and swap together is always said with the memory: at an update a limit above the present sum is refused
 * (cgroup v1).
 */
export const updateOptions = (change: ContainerUpdate): HostConfig =>
  definedOnly({
    NanoCpus: change.cpus === undefined ? undefined : Math.round(change.cpus * 1e9),
    Memory: change.memoryBytes,
    MemorySwap: memorySwapOf(change),
    MemoryReservation: change.memoryReservationBytes,
    CpusetCpus: change.cpuSet,
    PidsLimit: change.pidsLimit,
    RestartPolicy: change.restart === undefined ? undefined : { Name: change.restart },
  });

/** What is left out is as the Engine has it. */
export const settingOptions = (settings: ContainerSettings): HostConfig =>
  definedOnly({
    Init: settings.init,
    Ulimits: settings.ulimits?.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    ShmSize: settings.shmBytes,
    ReadonlyRootfs: settings.readOnlyRoot,
    CapAdd: listed(settings.capAdd),
    CapDrop: listed(settings.capDrop),
    ExtraHosts: settings.extraHosts && Object.entries(settings.extraHosts).map(([name, to]) => `${name}:${to}`),
    Dns: listed(settings.dns?.servers),
    DnsSearch: listed(settings.dns?.search),
    DnsOptions: listed(settings.dns?.options),
    Sysctls: settings.sysctls,
    OomScoreAdj: settings.oomScoreAdjust,
    GroupAdd: listed(settings.groups),
    Devices: settings.devices?.map(({ hostPath, path, permissions }) => ({
      PathOnHost: hostPath,
      PathInContainer: path,
      CgroupPermissions: permissions,
    })),
    DeviceRequests: settings.gpus && [gpuRequest(settings.gpus)],
  });

/** Which driver it is, the Engine finds by the capability. */
const gpuRequest = ({ count, ids, capabilities }: Gpus): DeviceRequest => ({
  ...definedOnly({ Count: count, DeviceIDs: listed(ids) }),
  Capabilities: [['gpu', ...capabilities]],
});

const listed = (values: readonly string[] | undefined): string[] | undefined => values && [...values];
