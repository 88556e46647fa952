import type { ContainerInfo, NetworkInspectInfo } from 'dockerode';
import type Docker from 'dockerode';
import pLimit from 'p-limit';
import { overlaps, parseCidr } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';
import type { Change, Container, HostRange, Network, Owner, Volume } from '../compute.ts';
import { LABEL, ownerOf } from '../labels.ts';
import { containerWords } from '../differences.ts';
import { ObservationCache } from '../observation-cache.ts';
import { leftAlone, missingNetwork } from '../refusals.ts';
import type { EngineCalls } from './calls.ts';
import { isBridge } from './bridges.ts';
import { fingerprint, toContainer, toDetails, toNetwork, type ContainerDetails } from './container-view.ts';
import { statusOf, wordsOf } from './errors.ts';
import { hostRanges } from './host-ranges.ts';

/** Inspects at once during a relist: enough to keep the Engine busy, few enough to leave it room for others. */
const LOOKS_AT_ONCE = 8;
/** Milliseconds for all looks of a relist: a thousand containers take one second. */
const LISTED_LOOKS_MS = 10_000;
/** Milliseconds between looks at a thing that does not answer. */
const ASK_AGAIN_MS = { first: 1_000, most: 30_000 };

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
  /** Of what did not answer, the ids that are being asked about again. */
  readonly #asking = new Set<string>();
  #closed = false;

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

  /** Nothing is asked about any more. */
  close(): void {
    this.#closed = true;
  }

  /**
   * Looks at one container; `value` is `undefined` when it is gone or not ours. One that cannot be looked at is
   * unobservable from now on, if its owner is known, and is asked about again until it can be.
   */
  async lookAtContainer(id: string, known?: Owner): Promise<Look<Container>> {
    const ticket = this.cache.ticket();
    const info = await unlessGone(
      this.#calls.raw('inspectContainer', () => this.#docker.getContainer(id).inspect()),
    ).catch((error: unknown) => {
      this.#fingerprints.delete(id);
      const whose = known ?? this.cache.containers.get(id)?.owner;
      if (whose) this.#unanswered('containers', id, whose, error, ticket);
      throw error;
    });
    if (!info) return this.dropContainer(id, ticket);
    const owner = ownerOf(this.installation, info.Config.Labels);
    if (!owner) return { ...NOTHING, foreign: { id: info.Id, name: info.Name.replace(/^\//, '') } };
    const idOfNetwork = (name: string) => this.#networkId(name);
    const value = toContainer(info, owner, this.#lastExit.get(info.Id), idOfNetwork);
    if (value.exitCode !== undefined) this.#lastExit.set(info.Id, value.exitCode);
    const before = this.cache.containers.get(info.Id);
    const changed = this.cache.containers.put(value, ticket);
    if (this.cache.containers.get(info.Id) === value) this.#details.set(info.Id, toDetails(info, idOfNetwork));
    const networkName = (networkId: string) => this.#networkName(networkId);
    return { changed, value, owner, what: changed ? containerWords(before, value, networkName) : '' };
  }

  /** It is gone: the Engine said so. */
  dropContainer(id: string, ticket = this.cache.ticket()): Look<Container> {
    const owner = this.cache.containers.remove(id, ticket);
    for (const map of [this.#details, this.#fingerprints, this.#lastExit]) map.delete(id);
    return owner ? { changed: true, owner, what: 'container was removed' } : NOTHING;
  }

  async lookAtNetwork(id: string): Promise<Look<Network>> {
    const ticket = this.cache.ticket();
    const info: NetworkInspectInfo | undefined = await unlessGone(
      this.#calls.raw('inspectNetwork', () => this.#docker.getNetwork(id).inspect()),
    ).catch((error: unknown) => {
      const whose = this.cache.networks.get(id)?.owner;
      if (whose) this.#unanswered('networks', id, whose, error, ticket);
      throw error;
    });
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
    const owner = this.cache.networks.remove(id, ticket);
    return owner ? { changed: true, owner, what: 'network was removed' } : NOTHING;
  }

  /**
   * Everything once more. `full` also inspects what looks as before. Answers what turned out to have changed, and why
   * the volumes are as of the list before, if they are: a volume's driver may be away, and the Engine is not.
   */
  async relist(full: boolean): Promise<{ changes: readonly Change[]; volumes?: unknown }> {
    const [networks, containers] = await Promise.all([this.#relistNetworks(), this.#relistContainers(full)]);
    const changes = [...networks, ...containers];
    return this.listVolumes().then(
      () => ({ changes }),
      (volumes: unknown) => ({ changes, volumes }),
    );
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
    const host = hostRanges().flatMap(({ cidrBlock }) => {
      const range = parseCidr(cidrBlock);
      return range && !ours.some((own) => overlaps(own, range)) ? [cidrBlock] : [];
    });
    return [...new Set([...ranges, ...host])];
  }

  /**
   * A network's bridge is told by its name too: it is there before the cache has its network. What overlaps such
   * a one the Engine refuses itself.
   */
  hostRanges(): readonly HostRange[] {
    if (!this.#local) return [];
    const ofNetworks = new Set([
      ...[...this.cache.networks.values()].map((network) => network.cidrBlock),
      ...[...this.#foreign.values()].flatMap((network) => network.ranges),
    ]);
    return hostRanges().filter((range) => !isBridge(range.interface) && !ofNetworks.has(range.cidrBlock));
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

  #networkId(name: string): string | undefined {
    const networks = [...this.cache.networks.values(), ...this.#foreign.values()];
    return networks.find((network) => network.name === name)?.id;
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
      ...gone.map(({ owner }) => found(owner, 'network was removed')),
    ];
  }

  async #relistContainers(full: boolean): Promise<readonly Change[]> {
    const ticket = this.cache.ticket();
    const filters = { label: [`${LABEL.installation}=${this.installation}`] };
    const entries = await this.#calls.raw('listContainers', () => this.#docker.listContainers({ all: true, filters }));
    // What does not answer is asked about elsewhere, and holds up this look at everything only where all is looked at.
    const isDue = (e: ContainerInfo) => this.#fingerprints.get(e.Id) !== fingerprint(e) && !this.#asking.has(e.Id);
    const changes = await this.#lookAtListed(entries.filter((e) => full || isDue(e)));
    const gone = this.cache.containers.removeUnlisted(new Set(entries.map((e) => e.Id)), ticket);
    for (const { id } of gone) this.dropContainer(id);
    return [...changes, ...gone.map(({ owner }) => found(owner, 'container was removed'))];
  }

  /** What these turn out to be, as far as they answer in time. One that is late is told of by itself. */
  async #lookAtListed(entries: readonly ContainerInfo[]): Promise<readonly Change[]> {
    const limit = pLimit(LOOKS_AT_ONCE);
    const changes: Change[] = [];
    const open = new Map(entries.map((e) => [e.Id, e]));
    let tell = (change: Change): void => void changes.push(change);
    const looks = limit.map([...open.values()], async (entry) => {
      const look = await this.lookAtContainer(entry.Id, ownerOf(this.installation, entry.Labels)).catch(() => NOTHING);
      open.delete(entry.Id);
      if ('value' in look) this.#fingerprints.set(entry.Id, fingerprint(entry));
      if (look.changed) tell(found('owner' in look ? look.owner : undefined, look.what));
    });
    const ticket = this.cache.ticket();
    if (await this.#calls.within(LISTED_LOOKS_MS, looks)) return changes;
    tell = (change) => this.cache.notify(change);
    for (const { Id, Labels } of open.values()) {
      const owner = ownerOf(this.installation, Labels);
      if (owner) this.cache.containers.silence(Id, owner, 'the Engine has not told of its container yet', ticket);
    }
    return changes;
  }

  /** It is unobservable until it answers: asked about later and later, and told of when it does. */
  #unanswered(type: 'containers' | 'networks', id: string, owner: Owner, error: unknown, ticket: number): void {
    const why = `the Engine does not answer for ${type.slice(0, -1)} ${id.slice(0, 12)}: ${wordsOf(error)}`;
    if (this.cache[type].silence(id, owner, why, ticket)) this.cache.notify({ owner, what: why });
    if (!this.#asking.has(id)) void this.#askAgain(type, id, owner);
  }

  /** While the whole Engine is away nothing is asked: the list after its return may answer, and asking goes on if not. */
  async #askAgain(type: 'containers' | 'networks', id: string, owner: Owner): Promise<void> {
    this.#asking.add(id);
    let pauseMs = ASK_AGAIN_MS.first;
    while (this.cache[type].isSilent(id) && !this.#closed) {
      await this.#calls.pause(pauseMs);
      pauseMs = this.cache.outage === undefined ? Math.min(2 * pauseMs, ASK_AGAIN_MS.most) : ASK_AGAIN_MS.first;
      if (this.cache.outage !== undefined || !this.cache[type].isSilent(id)) continue;
      const look = type === 'containers' ? this.lookAtContainer(id, owner) : this.lookAtNetwork(id);
      const { changed, what } = await look.catch(() => NOTHING);
      if (changed) this.cache.notify({ owner, what });
    }
    this.#asking.delete(id);
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
