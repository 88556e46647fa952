import { closeSync, openSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Usage } from '../metering.ts';
import {
  parseBlkio,
  parseCount,
  parseField,
  parseIoStat,
  parseLimit,
  parseMembership,
  parseMounts,
  parseNetDev,
  UNIFIED,
  workingSet,
} from './cgroup.ts';
import type { CgroupMount, ReadWritten } from './cgroup.ts';

/** Where one life of a container is accounted. */
export interface Account {
  version: 1 | 2;
  cpu: string;
  memory: string;
  /** The files there may be, the best first. */
  io: readonly string[];
  /** Left out where the process cannot be seen from here. */
  network?: string;
}

/** Grown to the longest file that was met. */
let buffer = Buffer.alloc(16 * 1024);

/**
 * The kernel's files on this machine. They are read one after the other without giving way: they are in memory, and
 * each takes some 15 microseconds, of which a detour over the thread pool would make a hundred.
 */
export class CgroupFiles {
  readonly #mounts: ReadonlyMap<string, CgroupMount>;
  readonly #proc: string;

  constructor(proc = '/proc') {
    this.#proc = proc;
    this.#mounts = parseMounts(textOf(`${proc}/self/mountinfo`) ?? '');
  }

  /**
   * By the process's own word, when it is of that container (a number may be another's by now, or of another
   * namespace), else where the Engine's drivers put it. `undefined`: its files are not on this machine.
   */
  find(containerId: string, pid: number): Account | undefined {
    const membership = parseMembership(textOf(`${this.#proc}/${pid}/cgroup`) ?? '');
    const isIts = [...membership.values()].some((path) => path.includes(containerId));
    if (!isIts) return this.#findById(containerId);
    const network = `${this.#proc}/${pid}/net/dev`;
    const byPath = this.#accountAt((controller) => membership.get(controller));
    const found = byPath ?? this.#findById(containerId);
    return found && (textOf(network) === undefined ? found : { ...found, network });
  }

  /** `undefined`: the container's files are gone, or not to be read. */
  read(account: Account, clock: Clock): Usage | undefined {
    const { version, cpu, memory } = account;
    const cpuNanoseconds = version === 1 ? parseCount(textOf(cpu)) : nanoseconds(parseField(textOf(cpu), 'usage_usec'));
    const memoryBytes =
      version === 1
        ? workingSet(textOf(`${memory}/memory.usage_in_bytes`), textOf(`${memory}/memory.stat`), 'total_inactive_file')
        : workingSet(textOf(`${memory}/memory.current`), textOf(`${memory}/memory.stat`), 'inactive_file');
    if (cpuNanoseconds === undefined || memoryBytes === undefined) return undefined;
    const limit = parseLimit(textOf(version === 1 ? `${memory}/memory.limit_in_bytes` : `${memory}/memory.max`));
    const network = account.network === undefined ? undefined : parseNetDev(textOf(account.network));
    const block = this.#block(account);
    return {
      cpuNanoseconds,
      memoryBytes,
      ...(limit !== undefined && { memoryLimitBytes: limit }),
      ...(network && { networkReceivedBytes: network.received, networkSentBytes: network.sent }),
      ...(block && { blockReadBytes: block.read, blockWrittenBytes: block.written }),
      at: clock.now(),
      monotonicMs: clock.monotonic(),
    };
  }

  #block({ version, io }: Account): ReadWritten | undefined {
    for (const file of io) {
      const text = textOf(file);
      if (text !== undefined) return version === 1 ? parseBlkio(text) : parseIoStat(text);
    }
    return undefined;
  }

  /** The paths of the cgroupfs driver and of systemd's. */
  #findById(id: string): Account | undefined {
    return this.#accountAt(() => `/docker/${id}`) ?? this.#accountAt(() => `/system.slice/docker-${id}.scope`);
  }

  /** `undefined` where its files are not to be read. */
  #accountAt(pathOf: (controller: string) => string | undefined): Account | undefined {
    const folder = (controller: string): string | undefined => {
      const [mount, path] = [this.#mounts.get(controller), pathOf(controller)];
      return mount && path !== undefined ? join(mount.point, relative(mount.root, path)) : undefined;
    };
    const account = versionOne(folder) ?? versionTwo(folder(UNIFIED));
    return account && textOf(account.cpu) !== undefined ? account : undefined;
  }
}

/** Where `memory` is a controller of version 1, so is what matters here; version 2 may be mounted beside it, empty. */
function versionOne(folder: (controller: string) => string | undefined): Account | undefined {
  const [cpu, memory, io] = ['cpuacct', 'memory', 'blkio'].map(folder);
  if (cpu === undefined || memory === undefined) return undefined;
  const files = ['blkio.throttle.io_service_bytes_recursive', 'blkio.throttle.io_service_bytes'];
  return {
    version: 1,
    cpu: `${cpu}/cpuacct.usage`,
    memory,
    io: io === undefined ? [] : files.map((name) => `${io}/${name}`),
  };
}

const versionTwo = (folder: string | undefined): Account | undefined =>
  folder === undefined
    ? undefined
    : { version: 2, cpu: `${folder}/cpu.stat`, memory: folder, io: [`${folder}/io.stat`] };

const nanoseconds = (microseconds: number | undefined): number | undefined =>
  microseconds === undefined ? undefined : microseconds * 1_000;

/** `undefined` when it cannot be read, whatever the reason. */
function textOf(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    let length = 0;
    for (;;) {
      if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.alloc(buffer.length)]);
      const read = readSync(file, buffer, length, buffer.length - length, null);
      if (read === 0) return buffer.toString('latin1', 0, length);
      length += read;
    }
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
