import type Docker from 'dockerode';
import type { NetworkInspectInfo } from 'dockerode';
import { overlaps, parseCidr } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import type { Network, NetworkSpec, Owner } from '../compute.ts';
import { LABEL, ownerLabels, ownerOf } from '../labels.ts';
import { leftAlone, nameTaken, networkInUse, overlapWords } from '../refusals.ts';
import { BRIDGE_OPTION, bridgeOf, newBridgeName } from './bridges.ts';
import { translated, type EngineCalls } from './calls.ts';
import { passError, wordsOf } from './errors.ts';
import { unlessGone, type World } from './world.ts';

/** Networks of ours. The Engine lets two bear one name, and so every creation looks before and after. */
export class DockerNetworks {
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #world: World;
  readonly #creating = new Map<string, Promise<Network>>();

  constructor(docker: Docker, calls: EngineCalls, world: World) {
    this.#docker = docker;
    this.#calls = calls;
    this.#world = world;
  }

  /** Two calls for one name at one time share one creation. */
  create(spec: NetworkSpec): Promise<Network> {
    const underWay = this.#creating.get(spec.name);
    if (underWay) return underWay;
    const creation = translated(`create network ${spec.name}`, () => this.#findOrMake(spec));
    this.#creating.set(spec.name, creation);
    return creation.finally(() => this.#creating.delete(spec.name));
  }

  /** One that is gone already counts as removed. */
  remove(id: string): Promise<void> {
    return translated(`remove network ${id.slice(0, 12)}`, async () => {
      const known = this.#world.cache.networks.get(id) ?? (await this.#world.lookAtNetwork(id));
      if ('foreign' in known && known.foreign) {
        throw new PassError('NameTaken', leftAlone('network', known.foreign.name));
      }
      const hold = this.#world.cache.hold(id);
      try {
        await unlessGone(this.#calls.change('removeNetwork', () => this.#docker.getNetwork(id).remove()));
        this.#world.dropNetwork(id);
      } catch (error) {
        throw (await this.#held(id, error, known.owner)) ?? error;
      } finally {
        hold.release();
      }
    });
  }

  /**
   * The Engine says that containers are on it, not which: they are looked up. When there is none it has lost count, as
   * Engine 20.10 does when many containers end at once, and counts anew at its start.
   */
  async #held(id: string, error: unknown, owner: Owner | undefined): Promise<PassError | undefined> {
    if (!/has active endpoints/.test(wordsOf(error))) return undefined;
    const { Name, Containers } = await this.#calls.raw('inspectNetwork', () => this.#docker.getNetwork(id).inspect());
    const held = Object.entries((Containers as NetworkInspectInfo['Containers'] | null) ?? {});
    for (const [container] of held) if (owner) this.#world.cache.waitFor(container, owner);
    const names = held.map(([container, { Name: name }]) => name || container.slice(0, 12)).sort();
    if (names.length > 0) return new PassError('InUse', networkInUse(Name, names), error);
    return new PassError(
      'EngineError',
      `network ${Name} has no container, and the Engine refuses to remove it: it has lost count of them, as 20.10 does at times. Restart the Engine (systemctl restart docker); the network goes then`,
      error,
    );
  }

  /** Of all networks of ours, by name, as of now. */
  async bridges(): Promise<readonly string[]> {
    const filters = { label: [`${LABEL.installation}=${this.#world.installation}`] };
    const list = () => this.#docker.listNetworks({ filters });
    return (await this.#calls.raw('listNetworks', list)).map(bridgeOf);
  }

  async #findOrMake(spec: NetworkSpec): Promise<Network> {
    const found = await this.#find(spec);
    if (found) return found;
    const hold = this.#world.cache.hold(spec.name);
    try {
      const made = await this.#make(spec);
      hold.looking();
      return (await this.#keepFirst(spec, made)) ?? (await this.#lookAt(made));
    } finally {
      hold.release();
    }
  }

  async #find(spec: NetworkSpec): Promise<Network | undefined> {
    const held = (await this.#named(spec.name))[0];
    if (!held) return undefined;
    const owner = ownerOf(this.#world.installation, held.Labels);
    if (owner?.uid === spec.owner.uid) return this.#lookAt(held.Id);
    this.#world.cache.waitFor(held.Id, spec.owner);
    throw new PassError('NameTaken', nameTaken('network', spec.name, held.Id, owner));
  }

  /** The Engine's filter matches parts of names. Oldest first, so that all who look choose the same one. */
  async #named(name: string): Promise<readonly NetworkInspectInfo[]> {
    const list = () => this.#docker.listNetworks({ filters: { name: [name] } });
    const networks = (await this.#calls.raw('listNetworks', list)).filter((network) => network.Name === name);
    return networks.toSorted((a, b) => (a.Created === b.Created ? cmp(a.Id, b.Id) : cmp(a.Created, b.Created)));
  }

  async #make(spec: NetworkSpec): Promise<string> {
    const { cidrBlock, gateway, internal } = spec;
    const options = {
      Name: spec.name,
      CheckDuplicate: true,
      Driver: 'bridge',
      EnableIPv6: false,
      Internal: internal,
      Options: { [BRIDGE_OPTION]: newBridgeName(this.#world.installation) },
      IPAM: { Driver: 'default', Config: [{ Subnet: cidrBlock, Gateway: gateway }] },
      Labels: ownerLabels(
        this.#world.installation,
        spec.owner,
        sha256(canonicalJson({ cidrBlock, gateway, internal })),
      ),
    };
    try {
      return (await this.#calls.change('createNetwork', () => this.#docker.createNetwork(options))).id;
    } catch (error) {
      const { reason } = passError(error, '');
      if (reason !== 'NameTaken' && reason !== 'CidrOverlap') throw error;
      const found = await this.#find(spec);
      if (found) return found.id;
      throw reason === 'CidrOverlap' ? await this.#overlap(spec, error) : error;
    }
  }

  /** Two creations at one time can both succeed: the younger is removed again. */
  async #keepFirst(spec: NetworkSpec, made: string): Promise<Network | undefined> {
    const first = (await this.#named(spec.name)).find(
      (network) => ownerOf(this.#world.installation, network.Labels)?.uid === spec.owner.uid,
    );
    if (!first || first.Id === made) return undefined;
    await unlessGone(this.#calls.change('removeNetwork', () => this.#docker.getNetwork(made).remove()));
    this.#world.dropNetwork(made);
    return this.#lookAt(first.Id);
  }

  async #lookAt(id: string): Promise<Network> {
    const look = await this.#world.lookAtNetwork(id);
    if (look.value) return look.value;
    throw new PassError('EngineError', `network ${id.slice(0, 12)} was removed while it was being created`);
  }

  /** The Engine says that a range overlaps, not with what: the holder is looked up. */
  async #overlap(spec: NetworkSpec, error: unknown): Promise<PassError> {
    const wanted = parseCidr(spec.cidrBlock);
    for (const network of await this.#world.networksNow()) {
      for (const { Subnet: range = '' } of network.IPAM?.Config ?? []) {
        const held = parseCidr(range);
        if (!wanted || !held || !overlaps(held, wanted)) continue;
        this.#world.cache.waitFor(network.Id, spec.owner);
        return new PassError('CidrOverlap', overlapWords(spec.cidrBlock, network.Name, range), error);
      }
    }
    // Being made or removed just now: there is nobody to name, and soon another answer.
    return new PassError('AddressInUse', `${spec.cidrBlock} is in use on the Engine: ${wordsOf(error)}`, error);
  }
}

const cmp = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
