import type Docker from 'dockerode';
import { PassError } from '../../base/errors.ts';
import { canonicalJson, sameJson, sha256 } from '../../base/hash.ts';
import type { Mount, Volume, VolumeSpec } from '../compute.ts';
import { ownerLabels, ownerOf } from '../labels.ts';
import { otherVolume } from '../refusals.ts';
import { translated, type EngineCalls } from './calls.ts';
import { unlessGone, type World } from './world.ts';

/** The Engine's API from which a folder of a volume can be mounted, 1.45: Docker Engine 26. */
const SUB_PATH_MINOR = 45;

/** Named volumes of ours. */
export class DockerVolumes {
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #world: World;

  constructor(docker: Docker, calls: EngineCalls, world: World) {
    this.#docker = docker;
    this.#calls = calls;
    this.#world = world;
  }

  list(): Promise<readonly Volume[]> {
    return translated('list volumes', () => this.#world.listVolumes());
  }

  /** The Engine answers a creation under a taken name with the volume that holds it, whoever's it is. */
  ensure(spec: VolumeSpec): Promise<void> {
    return translated(`create volume ${spec.name}`, async () => {
      const Labels = ownerLabels(this.#world.installation, spec.owner, sha256(canonicalJson({})));
      const { name: Name, options } = spec;
      if (!(await this.#find(Name))) {
        const asked = { Name, Labels, ...(options && { DriverOpts: options }) };
        await this.#calls.change('createVolume', () => this.#docker.createVolume(asked));
      }
      const found = await this.#find(Name);
      if (!found) return;
      this.#world.cache.volumes.set(Name, found.volume);
      if (options && !sameJson(options, found.options))
        throw new PassError('Refused', otherVolume(Name, found.options));
    });
  }

  /** An older Engine passes over what it does not know, and would mount all of the volume. */
  async checkSubPaths(mounts: readonly Mount[]): Promise<void> {
    if (!mounts.some(({ source }) => 'volume' in source && source.subPath !== undefined)) return;
    const { Version, ApiVersion } = await translated('ask for its version', () =>
      this.#calls.raw('version', () => this.#docker.version()),
    );
    const [major = 0, minor = 0] = ApiVersion.split('.').map(Number);
    if (major > 1 || minor >= SUB_PATH_MINOR) return;
    throw new PassError(
      'Refused',
      `volumes[].subPath needs Docker Engine 26 or later (API 1.${SUB_PATH_MINOR}), and this is ${Version} (API ${ApiVersion}): mount the whole volume, or upgrade the Engine`,
    );
  }

  remove(name: string): Promise<void> {
    return translated(`remove volume ${name}`, async () => {
      if (!(await this.#find(name))) return;
      await unlessGone(this.#calls.change('removeVolume', () => this.#docker.getVolume(name).remove()));
      this.#world.cache.volumes.delete(name);
    });
  }

  /** Ours under this name, if any; somebody else's is not touched. */
  async #find(name: string): Promise<{ volume: Volume; options: Record<string, string> } | undefined> {
    const info = await unlessGone(this.#calls.raw('inspectVolume', () => this.#docker.getVolume(name).inspect()));
    if (!info) return void this.#world.cache.volumes.delete(name);
    const owner = ownerOf(this.#world.installation, info.Labels);
    if (owner) return { volume: { name, owner }, options: info.Options ?? {} };
    throw new PassError(
      'NameTaken',
      `volume name ${name} is held by a volume that is not of this installation: remove it or choose another name`,
    );
  }
}
