import type Docker from 'dockerode';
import { PassError } from '../../base/errors.ts';
import { canonicalJson, sameJson, sha256 } from '../../base/hash.ts';
import type { Volume, VolumeSpec } from '../compute.ts';
import { ownerLabels, ownerOf } from '../labels.ts';
import { otherVolume } from '../refusals.ts';
import { translated, type EngineCalls } from './calls.ts';
import { unlessGone, type World } from './world.ts';

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
