import type { NetworkInspectInfo } from 'dockerode';
import type Docker from 'dockerode';
import pLimit from 'p-limit';
import { formatCidr, overlaps, parseCidr } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';
import type { Change, Container, Network, Owner, Volume } from '../compute.ts';
import { LABEL, ownerOf } from '../labels.ts';
import { containerWords } from '../differences.ts';
import { ObservationCache } from '../observation-cache.ts';
import { leftAlone, missingNetwork } from '../refusals.ts';
import type { EngineCalls } from './calls.ts';
import { fingerprint, toContainer, toDetails, toNetwork, type ContainerDetails } from './container-view.ts';
import { statusOf } from './errors.ts';
import { hostRanges } from './host-ranges.ts';

/** Inspects at once during a relist: enough to keep the Engine busy, few enough to leave it room for others. */
const LOOKS_AT_ONCE = 8;

/** A network that is not ours. */
export interface ForeignNetwork {
  id: string;
  name: string;
  ranges: readonly string[];
}

/** What is known of the Engine's objects, and every look that makes it known. */
export class World {
  readonly cache = new ObservationCache();
  readonly installation: string;
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #local: boolean;
  readonly #details = new Map<string, ContainerDetails>();
  readonly #fingerprints = new Map<string, string>();
  readonly #lastExit = new Map<string, number>();
  readonly #foreign = new Map<string, ForeignNetwork>();

  constructor(installation: string, docker: Docker, calls: EngineCalls, local: boolean) {
    this.installation = installation;
    this.#docker = docker;
    this.#calls = calls;
    this.#local = local;
  }

  details(id: string): ContainerDetails | undefined {
    return this.#details.get(id);
  }

  rememberExit(id: string, exitCode: number): void {
    if (Number.isInteger(exitCode)) this.#lastExit.set(id, exitCode);
  }

  /** Looks at one container; `value` is `undefined` when it is gone or not ours. */
  async lookAtContainer(id: string): Promise<Look<Container>> {
    const ticket = this.cache.ticket();
    const info = await unlessGone(
      this.#calls.raw('inspectContainer', () => this.#docker.getContainer(id).inspect()),
    ).catch((error: unknown) => {
      this.#fingerprints.delete(id);
      throw error;
    });
    if (!info) return this.dropContainer(id, ticket);
    const owner = ownerOf(this.installation, info.Config.Labels);
    if (!owner) return { ...NOTHING, foreign: { id: info.Id, name: info.Name.replace(/^\//, '') } };
    const value = toContainer(info, owner, this.#lastExit.get(info.Id));
    if (value.exitCode !== undefined) this.#lastExit.set(info.Id, value.exitCode);
    const before = this.cache.containers.get(info.Id);
    const changed = this.cache.containers.put(value, ticket);
    if (this.cache.containers.get(info.Id) === value) this.#details.set(info.Id, toDetails(info));
    const networkName = (networkId: string) => this.#networkName(networkId);
    return { changed, value, owner, what: changed ? containerWords(before, value, networkName) : '' };
  }

  /** It is gone: the Engine said so. */
  dropContainer(id: string, ticket = this.cache.ticket()): Look<Container> {
    const dropped = this.cache.containers.remove(id, ticket);
    for (const map of [this.#details, this.#fingerprints, this.#lastExit]) map.delete(id);
    return dropped ? { changed: true, owner: dropped.owner, what: 'container was removed' } : NOTHING;
  }

  async lookAtNetwork(id: string): Promise<Look<Network>> {
    const ticket = this.cache.ticket();
    const info: NetworkInspectInfo | undefined = await unlessGone(
      this.#calls.raw('inspectNetwork', () => this.#docker.getNetwork(id).inspect()),
    );
    return info ? this.#putNetwork(info, ticket) : this.dropNetwork(id, ticket);
  }

  /** A refusal that contradicts the picture: a network was removed and no event said so. */
  async lookAfterRefusal(words: string): Promise<void> {
    const id = missingNetwork(words);
    const look = id === undefined ? undefined : await this.lookAtNetwork(id).catch(() => undefined);
    if (look?.changed && look.owner) this.cache.notify({ owner: look.owner, what: look.what });
  }

  dropNetwork(id: string, ticket = this.cache.ticket()): Look<Network> {
    this.#foreign.delete(id);
    const dropped = this.cache.networks.remove(id, ticket);
    return dropped ? { changed: true, owner: dropped.owner, what: 'network was removed' } : NOTHING;
  }

  /** Everything once more. `full` also inspects what looks as before. Answers what turned out to have changed. */
  async relist(full: boolean): Promise<readonly Change[]> {
    const [networks, containers] = await Promise.all([this.#relistNetworks(), this.#relistContainers(full)]);
    await this.listVolumes();
    return [...networks, ...containers];
  }

  async networksNow(): Promise<readonly NetworkInspectInfo[]> {
    return this.#calls.raw('listNetworks', () => this.#docker.listNetworks());
  }

  /** Rejects unless it bears our mark (I5). `undefined`: there is no such container. */
  async ourContainer(id: string): Promise<Container | undefined> {
    const known = this.cache.containers.get(id);
    if (known) return known;
    const look = await this.lookAtContainer(id);
    if (look.foreign) throw new PassError('NameTaken', leftAlone('container', look.foreign.name));
    return look.value;
  }

  foreignRanges(): readonly string[] {
    const ranges = [...this.#foreign.values()].flatMap((network) => network.ranges);
    if (!this.#local || this.cache.outage !== undefined) return [...new Set(ranges)];
    const ours = [...this.cache.networks.values()].flatMap((n) => parseCidr(n.cidrBlock) ?? []);
    const host = hostRanges().filter((range) => !ours.some((own) => overlaps(own, range)));
    return [...new Set([...ranges, ...host.map(formatCidr)])];
  }

  #putNetwork(info: NetworkInspectInfo, ticket: number): Look<Network> {
    const owner = ownerOf(this.installation, info.Labels);
    if (!owner) {
      const ranges = (info.IPAM?.Config ?? []).flatMap((range) => range.Subnet ?? []);
      this.#foreign.set(info.Id, { id: info.Id, name: info.Name, ranges });
      return { ...NOTHING, foreign: { id: info.Id, name: info.Name } };
    }
    const value = toNetwork(info, owner);
    return { changed: this.cache.networks.put(value, ticket), value, owner, what: 'network appeared' };
  }

  #networkName(id: string): string {
    return this.cache.networks.get(id)?.name ?? this.#foreign.get(id)?.name ?? id.slice(0, 12);
  }

  async #relistNetworks(): Promise<readonly Change[]> {
    const ticket = this.cache.ticket();
    const infos = await this.networksNow();
    const looks = infos.map((info) => this.#putNetwork(info, ticket));
    const listed = new Set(infos.map((info) => info.Id));
    for (const id of this.#foreign.keys()) {
      if (!listed.has(id)) this.#foreign.delete(id);
    }
    const gone = this.cache.networks.removeUnlisted(listed, ticket);
    return [
      ...looks.filter((l) => l.changed).map((l) => found(l.owner, l.what)),
      ...gone.map((network) => found(network.owner, 'network was removed')),
    ];
  }

  async #relistContainers(full: boolean): Promise<readonly Change[]> {
    const ticket = this.cache.ticket();
    const filters = { label: [`${LABEL.installation}=${this.installation}`] };
    const entries = await this.#calls.raw('listContainers', () => this.#docker.listContainers({ all: true, filters }));
    const limit = pLimit(LOOKS_AT_ONCE);
    const moved = entries.filter((e) => full || this.#fingerprints.get(e.Id) !== fingerprint(e));
    const looks = await limit.map(moved, async (entry) => {
      const look = await this.lookAtContainer(entry.Id);
      if (look.value) this.#fingerprints.set(entry.Id, fingerprint(entry));
      return look;
    });
    const gone = this.cache.containers.removeUnlisted(new Set(entries.map((e) => e.Id)), ticket);
    for (const { id } of gone) this.dropContainer(id);
    return [
      ...looks.filter((l) => l.changed).map((l) => found(l.owner, l.what)),
      ...gone.map((container) => found(container.owner, 'container was removed')),
    ];
  }

  /** Volumes have no events of use: the cache has them as of the last list and of our own calls. */
  async listVolumes(): Promise<readonly Volume[]> {
    const filters = { label: [`${LABEL.installation}=${this.installation}`] };
    const { Volumes } = await this.#calls.raw('listVolumes', () => this.#docker.listVolumes({ filters }));
    const volumes = (Volumes ?? []).flatMap(({ Name: name, Labels }) => {
      const owner = ownerOf(this.installation, Labels);
      return owner ? [{ name, owner }] : [];
    });
    this.cache.volumes.clear();
    for (const volume of volumes) this.cache.volumes.set(volume.name, volume);
    return volumes;
  }
}

export interface Look<T> {
  /** Whether the cache changed by it. */
  changed: boolean;
  /** The change in words; empty when there is none. */
  what: string;
  value?: T;
  owner?: Owner;
  /** It is there, and not ours. */
  foreign?: { id: string; name: string };
}

const NOTHING = { changed: false, what: '' };

const found = (owner: Owner | undefined, what: string): Change => ({
  ...(owner && { owner }),
  what: `${what} (found by a relist)`,
});

/** `undefined` where the Engine says that there is no such thing. */
export async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}
