import { isIP } from 'node:net';
import { invalid } from '../../api/field-errors.ts';
import type { Cause } from '../../base/errors.ts';
import { isWithin, normalizedPath } from '../../base/host-paths.ts';
import { parseSize } from '../../base/quantity.ts';
import { ADDABLE, DANGER } from './capabilities.ts';
import type { InstanceSpec, Tmpfs } from './types.ts';

/** The kernel settings that belong to the container's own shared memory and message queues. */
const OWN_SYSCTLS = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);
/** What the container's own kernel file systems are: a mount over them would break it. */
const KERNEL_FOLDERS = ['/proc', '/sys', '/dev'];

/** What no schema can say of how a container is run. */
export function checkContainerSettings(spec: InstanceSpec): Cause[] {
  return [
    ...checkCapabilities(spec),
    ...checkUlimits(spec),
    ...(spec.tmpfs ?? []).flatMap((mount, at) => checkTmpfs(mount, at, spec)),
    ...checkHosts(spec),
    ...checkSysctls(spec),
    ...checkMemories(spec),
    ...checkShm(spec),
    ...checkOomScore(spec),
    ...checkCpuSet(spec),
  ];
}

function checkCapabilities({ capabilities }: InstanceSpec): Cause[] {
  return (capabilities?.add ?? []).flatMap((name, at) => {
    if (ADDABLE.includes(name)) return [];
    const why = DANGER[name] ?? 'reaches beyond the instance';
    return [invalid(`capabilities.add[${at}]`, `${name} ${why} and cannot be added; these can: ${ADDABLE.join(', ')}`)];
  });
}

function checkUlimits({ ulimits = {} }: InstanceSpec): Cause[] {
  return Object.entries(ulimits).flatMap(([name, { soft, hard = soft }]) => {
    if (hard !== -1 && (soft === -1 || soft > hard))
      return [invalid(`ulimits.${name}`, `soft (${soft}) is more than hard (${hard})`)];
    return name === 'nofile' && (soft === -1 || hard === -1)
      ? [invalid('ulimits.nofile', 'Linux has no unlimited number of open files; give one such as 1048576')]
      : [];
  });
}

function checkTmpfs({ mountPath, size }: Tmpfs, at: number, { tmpfs = [], volumes }: InstanceSpec): Cause[] {
  const field = `tmpfs[${at}]`;
  const right = normalizedPath(mountPath);
  if (mountPath !== right)
    return [
      invalid(`${field}.mountPath`, `must be an absolute path without ".", ".." and needless slashes: "${right}"`),
    ];
  if (mountPath === '/dev/shm') return [invalid(`${field}.mountPath`, 'cannot be /dev/shm; set shmSize')];
  if (mountPath === '/' || KERNEL_FOLDERS.some((folder) => isWithin(mountPath, folder)))
    return [invalid(`${field}.mountPath`, `cannot be /, nor in ${KERNEL_FOLDERS.join(', ')}`)];
  const volume = volumes.findIndex((v) => v.mountPath === mountPath);
  const other = tmpfs.findIndex((t) => t.mountPath === mountPath);
  const holder = volume >= 0 ? `volumes[${volume}]` : other < at ? `tmpfs[${other}]` : undefined;
  if (holder) return [invalid(`${field}.mountPath`, `${mountPath} is already the mount path of ${holder}`)];
  return size !== undefined && parseSize(size) === 0 ? [invalid(`${field}.size`, 'must be more than 0')] : [];
}

function checkHosts({ extraHosts = {}, dns }: InstanceSpec): Cause[] {
  const hosts = Object.entries(extraHosts).flatMap(([name, to]) =>
    isIP(to) || to === 'host-gateway'
      ? []
      : [invalid(`extraHosts.${name}`, `"${to}" is neither an address nor host-gateway`)],
  );
  const servers = (dns?.servers ?? []).flatMap((server, at) =>
    isIP(server) ? [] : [invalid(`dns.servers[${at}]`, `"${server}" is not an address`)],
  );
  return [...hosts, ...servers];
}

function checkSysctls({ sysctls = {} }: InstanceSpec): Cause[] {
  return Object.keys(sysctls).flatMap((name) =>
    /^(net|fs\.mqueue)\./.test(name) || OWN_SYSCTLS.has(name)
      ? []
      : [
          invalid(
            `sysctls["${name}"]`,
            `it would hold for the whole host; an instance has net.*, fs.mqueue.* and ${[...OWN_SYSCTLS].join(', ')} of its own`,
          ),
        ],
  );
}

function checkMemories({ resources: { memory }, memoryReservation, memorySwap }: InstanceSpec): Cause[] {
  const limit = memory === undefined ? undefined : (parseSize(memory) ?? 0);
  const causes: Cause[] = [];
  if (memoryReservation !== undefined) {
    const reserved = parseSize(memoryReservation) ?? 0;
    if (reserved < 2 ** 20) causes.push(invalid('memoryReservation', `"${memoryReservation}" is under 1Mi`));
    if (limit !== undefined && reserved > limit)
      causes.push(invalid('memoryReservation', `${memoryReservation} is more than resources.memory, ${memory}`));
  }
  if (memorySwap === undefined) return causes;
  if (limit === undefined)
    return [...causes, invalid('memorySwap', 'is memory and swap together: set resources.memory too')];
  if ((parseSize(memorySwap) ?? 0) < limit)
    causes.push(invalid('memorySwap', `${memorySwap} is less than resources.memory, ${memory}, which it includes`));
  return causes;
}

const checkShm = ({ shmSize }: InstanceSpec): Cause[] =>
  shmSize !== undefined && parseSize(shmSize) === 0 ? [invalid('shmSize', 'must be more than 0')] : [];

const checkOomScore = ({ oomScoreAdjust = 0 }: InstanceSpec): Cause[] =>
  oomScoreAdjust < 0
    ? [invalid('oomScoreAdjust', `${oomScoreAdjust} is under 0: it would protect the instance at the host's expense`)]
    : [];

function checkCpuSet({ cpuSet = '' }: InstanceSpec): Cause[] {
  const backwards = cpuSet.split(',').find((part) => {
    const [from, to = from] = part.split('-').map(Number);
    return Number(from) > Number(to);
  });
  return backwards === undefined ? [] : [invalid('cpuSet', `"${backwards}" runs backwards`)];
}
