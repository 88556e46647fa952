import { realpath } from 'node:fs/promises';
import { exposedBy, isWithin } from '../../base/host-paths.ts';
import type { HostPathRules } from '../../base/host-paths.ts';
import { messageOf, PassError } from '../../base/errors.ts';
import type { ContainerSpec, Mount } from '../compute.ts';

/**
 * Host folders as they really are, just before they are mounted: a symbolic link may lead elsewhere than its name says,
 * and may have been changed since admission. What is mounted is where it led at this moment. The Engine follows names
 * anew at each start, so that each start of ours looks again; the Engine's own restarts cannot be looked at.
 */
export class HostMounts {
  readonly #rules: HostPathRules;

  constructor(rules: HostPathRules) {
    this.#rules = rules;
  }

  /** The same container with resolved mounts. Rejects with `Refused` for one that leads where it may not. */
  async resolve(spec: ContainerSpec): Promise<ContainerSpec> {
    const resolved = async (mount: Mount): Promise<Mount> =>
      'hostPath' in mount.source
        ? { ...mount, source: { hostPath: await this.#follow(mount.source.hostPath) } }
        : mount;
    return { ...spec, mounts: await Promise.all(spec.mounts.map(resolved)) };
  }

  /** Before a start: rejects with `Refused` unless each folder that was mounted is what it was at creation. */
  async check(folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      const path = await this.#follow(folder);
      if (path !== folder)
        throw new PassError('Refused', `${folder} leads to ${path} now: it was another folder when it was mounted`);
    }
  }

  /** Where it leads. Rejects with `Refused` when that may not be mounted. */
  async #follow(hostPath: string): Promise<string> {
    const { allowed, guarded } = this.#rules;
    const [roots, secrets] = await Promise.all([realpaths(allowed), realpaths(guarded)]);
    const path = await realpath(hostPath).catch((error: unknown) => {
      throw new PassError('Refused', `${hostPath} cannot be mounted: ${messageOf(error)}`, error);
    });
    const leads = path === hostPath ? path : `${hostPath} leads to ${path}, which`;
    const secret = exposedBy(path, secrets);
    if (secret !== undefined) throw new PassError('Refused', `${leads} would expose ${secret}: it is never mounted`);
    if (!roots.some((root) => isWithin(path, root)))
      throw new PassError('Refused', `${leads} is not below ${allowed.join(', ') || 'any allowed folder'}`);
    return path;
  }
}

/** Both names of each: what cannot be followed now may lead somewhere later. */
async function realpaths(paths: readonly string[]): Promise<readonly string[]> {
  const real = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
  return [...new Set([...paths, ...real])];
}
