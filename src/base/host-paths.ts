import { posix } from 'node:path';

/** What gives whoever holds it the whole machine: the sockets of Engines, by the names under which they are usual. */
export const ENGINE_SOCKETS: readonly string[] = [
  '/var/run/docker.sock',
  '/run/docker.sock',
  '/run/containerd',
  '/var/run/containerd',
  '/run/podman',
  '/var/run/podman',
];

/** What host folders instances may mount, and what they may not, whatever is allowed. */
export interface HostPathRules {
  /** Folders below which mounts are allowed; empty: none. */
  allowed: readonly string[];
  /** Never mounted, nor what is below them, nor a folder that they are below. */
  guarded: readonly string[];
}

/** Without `.`, `..`, doubled or trailing slashes: one name for one place, as far as a name tells. */
export const normalizedPath = (path: string): string =>
  path === '/' ? path : posix.normalize(path).replace(/\/$/, '');

export const isWithin = (path: string, root: string): boolean =>
  path === root || path.startsWith(root === '/' ? '/' : `${root}/`);

/** The guarded place that a mount of `path` would show, itself or a part of it. */
export const exposedBy = (path: string, guarded: readonly string[]): string | undefined =>
  guarded.find((place) => isWithin(place, path) || isWithin(path, place));
