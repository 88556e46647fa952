import { realpath } from 'node:fs/promises';
import { exposedBy, isWithin } from '../../base/host-paths.ts';
import type { HostPathRules } from '../../base/host-paths.ts';
import { codeOf, messageOf, PassError } from '../../base/errors.ts';
import type { ContainerSpec, Mount } from '../compute.ts';

/**
 * Host folders as they really are, just before they are mounted: a symbolic link may lead elsewhere than its name says,
 * and may have been changed since admission. What is mounted is where it led at this moment.
 */
export class HostMounts {
  readonly #rules: HostPathRules;

  constructor(rules: HostPathRules) {
    this.#rules = rules;
  }

  /** The same container with resolved mounts. Rejects with `Refused` for one that leads where it may not. */
  async resolve(spec: ContainerSpec): Promise<ContainerSpec> {
    if (!spec.mounts.some((mount) => 'hostPath' in mount.source)) return spec;
    const { allowed, guarded } = this.#rules;
    const [roots, secrets] = await Promise.all([realpaths(allowed), realpaths(guarded)]);
    return { ...spec, mounts: await Promise.all(spec.mounts.map((mount) => this.#mount(mount, roots, secrets))) };
  }

  async #mount(mount: Mount, roots: readonly string[], secrets: readonly string[]): Promise<Mount> {
    if (!('hostPath' in mount.source)) return mount;
    const { hostPath } = mount.source;
    const path = await realpath(hostPath).catch((error: unknown) => {
      throw new PassError('Refused', `${hostPath} cannot be mounted: ${messageOf(error)}`, error);
    });
    const leads = path === hostPath ? path : `${hostPath} leads to ${path}, which`;
    const secret = exposedBy(path, secrets);
    if (secret !== undefined) throw new PassError('Refused', `${leads} would expose ${secret}: it is never mounted`);
    if (!roots.some((root) => isWithin(path, root)))
      throw new PassError('Refused', `${leads} is not below ${this.#rules.allowed.join(', ') || 'any allowed folder'}`);
    return { ...mount, source: { hostPath: path } };
  }
}

/** Both names of each: what is not there yet may come. */
async function realpaths(paths: readonly string[]): Promise<readonly string[]> {
  const real = await Promise.all(
    paths.map((path) =>
      realpath(path).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT' || codeOf(error) === 'EACCES') return path;
        throw error;
      }),
    ),
  );
  return [...new Set([...paths, ...real])];
}
