/** The text of the kernel's accounting files, understood. Nothing here reads a file. */

/** Where a controller's files are mounted, and which part of its tree is to be seen there. */
export interface CgroupMount {
  point: string;
  root: string;
}

/** The name under which version 2, which has one tree for all controllers, is kept beside those of version 1. */
export const UNIFIED = '';

/** By controller, of `/proc/self/mountinfo`. The first mount of a controller counts. */
export function parseMounts(text: string): Map<string, CgroupMount> {
  const mounts = new Map<string, CgroupMount>();
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', point = ''] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    const controllers = type === 'cgroup2' ? [UNIFIED] : type === 'cgroup' ? options.split(',') : [];
    for (const controller of controllers) if (!mounts.has(controller)) mounts.set(controller, { root, point });
  }
  return mounts;
}

/** By controller, of `/proc/PID/cgroup`: `4:memory:/docker/ID`, `2:cpu,cpuacct:/docker/ID`, `0::/system.slice/docker-ID.scope`. */
export function parseMembership(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    for (const controller of match?.[1]?.split(',') ?? []) paths.set(controller, match?.[2] ?? '');
  }
  return paths;
}

/** A file of one number; `max`, and what version 1 says for it (the largest multiple of a page), is no limit. */
export function parseLimit(text: string | undefined): number | undefined {
  const value = parseCount(text);
  return value === undefined || value >= NO_LIMIT ? undefined : value;
}
const NO_LIMIT = 2 ** 60;

export function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** One number of a file of `name value` lines, such as `memory.stat`. */
export function parseField(text: string | undefined, name: string): number | undefined {
  const match = new RegExp(`^${name} (\\d+)$`, 'm').exec(text ?? '');
  return match ? Number(match[1]) : undefined;
}

/** What is in use without the cache that nobody has touched lately. `field` is its name in this version's `memory.stat`. */
export function workingSet(usage: string | undefined, stat: string | undefined, field: string): number | undefined {
  const used = parseCount(usage);
  const inactive = parseField(stat, field) ?? 0;
  if (used === undefined) return undefined;
  return inactive < used ? used - inactive : used;
}

export interface ReadWritten {
  read: number;
  written: number;
}

/** Version 1, `blkio.throttle.io_service_bytes`: `8:0 Read 4096`. Without devices there was no I/O. */
export const parseBlkio = (text: string | undefined): ReadWritten | undefined =>
  text === undefined
    ? undefined
    : { read: sum(text, /^\d+:\d+ Read (\d+)$/gm), written: sum(text, /^\d+:\d+ Write (\d+)$/gm) };

/** Version 2, `io.stat`: `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
export const parseIoStat = (text: string | undefined): ReadWritten | undefined =>
  text === undefined ? undefined : { read: sum(text, /\brbytes=(\d+)/g), written: sum(text, /\bwbytes=(\d+)/g) };

const sum = (text: string, pattern: RegExp): number =>
  [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);

/** `/proc/PID/net/dev`: of each interface the first number is what was received and the ninth what was sent. */
export function parseNetDev(text: string | undefined): { received: number; sent: number } | undefined {
  if (text === undefined || !text.startsWith('Inter-|')) return undefined;
  let [received, sent] = [0, 0];
  for (const line of text.split('\n').slice(2)) {
    const [name = '', numbers = ''] = line.split(/:(.*)/s);
    if (name.trim() === 'lo' || numbers === '') continue;
    const values = numbers.trim().split(/\s+/);
    received += Number(values[0]);
    sent += Number(values[8]);
  }
  return { received, sent };
}
