import type Docker from 'dockerode';
import { PassError } from '../../base/errors.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import type { Volume, VolumeSpec } from '../compute.ts';
import { ownerLabels, ownerOf } from '../labels.ts';
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
      if (!(await this.#find(spec.name))) {
        await this.#calls.change('createVolume', () => this.#docker.createVolume({ Name: spec.name, Labels }));
      }
      const volume = await this.#find(spec.name);
      if (volume) this.#world.cache.volumes.set(spec.name, volume);
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
  async #find(name: string): Promise<Volume | undefined> {
    const info = await unlessGone(this.#calls.raw('inspectVolume', () => this.#docker.getVolume(name).inspect()));
    if (!info) return void this.#world.cache.volumes.delete(name);
    const owner = ownerOf(this.#world.installation, info.Labels);
    if (owner) return { name, owner };
    throw new PassError(
      'NameTaken',
      `volume name ${name} is held by a volume that is not of this installation: remove it or choose another name`,
    );
  }
}
