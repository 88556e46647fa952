import type { Timer } from '../../base/clock.ts';
import { definedOnly } from '../../base/defined.ts';
import type { Container, Network } from '../compute.ts';
import { limitsOf } from './limits.ts';
import { configDigestsOf, LABEL, ownerOf } from '../labels.ts';
import { containerWords } from '../differences.ts';
import { missingNetwork } from '../refusals.ts';
import { ObservationCache } from '../observation-cache.ts';
import type { SimulatedEngine } from './simulated-engine.ts';
import type { SimulatedContainer, SimulatedEvent, SimulatedNetwork } from './objects.ts';

/** Milliseconds between looks at everything, as in the docker driver. */
const RELIST_EVERY_MS = 30_000;
const OUT = 'the simulated Engine cannot be reached';

/** What one driver knows of the simulated Engine: by its events, and by a look at everything now and then. */
export class SimulatedView {
  readonly cache = new ObservationCache();
  readonly installation: string;
  readonly #engine: SimulatedEngine;
  readonly #foreign = new Map<string, string>();
  #unlisten: () => void = () => undefined;
  #relisting: Timer | undefined;

  constructor(engine: SimulatedEngine, installation: string) {
    this.#engine = engine;
    this.installation = installation;
  }

  open(): void {
    this.#unlisten = this.#engine.listen({
      event: (event) => this.#read(event),
      reach: (reachable) => this.#reach(reachable),
    });
    this.#reach(this.#engine.reachable);
  }

  close(): void {
    this.#unlisten();
    this.#relisting?.cancel();
  }

  foreignRanges(): readonly string[] {
    return [...new Set([...this.#foreign.values(), ...this.#engine.hostRanges.map((range) => range.cidrBlock)])];
  }

  /** Puts the container into the cache as it is now. `undefined`: it is gone or not ours. */
  lookAtContainer(id: string): { changed: boolean; value?: Container } {
    const container = this.#engine.containers.get(id);
    if (!container) return { changed: this.cache.containers.remove(id, this.cache.ticket()) !== undefined };
    const value = toContainer(container, this.installation);
    return value ? { changed: this.cache.containers.put(value, this.cache.ticket()), value } : { changed: false };
  }

  lookAtNetwork(id: string): { changed: boolean; value?: Network } {
    const network = this.#engine.networks.byId.get(id);
    this.#foreign.delete(id);
    if (!network) return { changed: this.cache.networks.remove(id, this.cache.ticket()) !== undefined };
    const value = toNetwork(network, this.installation);
    if (value) return { changed: this.cache.networks.put(value, this.cache.ticket()), value };
    this.#foreign.set(id, network.cidrBlock);
    return { changed: false };
  }

  /** A refusal that contradicts the picture: a network was removed and no event said so. */
  lookAfterRefusal(words: string): void {
    const id = missingNetwork(words);
    if (id !== undefined) this.#look({ type: 'network', id, words: 'network was removed' }, true);
  }

  #reach(reachable: boolean): void {
    this.#relisting?.cancel();
    if (!reachable) {
      const news = this.cache.outage === undefined;
      this.cache.outage = OUT;
      if (news) this.cache.notify({ what: 'the Engine is out of reach' });
      return;
    }
    this.#relist(false);
    this.cache.outage = undefined;
    this.cache.notify({ what: 'the Engine is within reach' });
    this.#relistLater();
  }

  #relistLater(): void {
    this.#relisting = this.#engine.clock.after(RELIST_EVERY_MS, () => {
      this.#relist(true);
      this.#relistLater();
    });
  }

  #relist(tell: boolean): void {
    const ticket = this.cache.ticket();
    const { containers, networks, volumes } = this.#engine;
    this.cache.volumes.clear();
    for (const [name, labels] of volumes) {
      const owner = ownerOf(this.installation, labels);
      if (owner) this.cache.volumes.set(name, { name, owner });
    }
    for (const [type, ids] of [
      ['network', networks.byId],
      ['container', containers],
    ] as const) {
      for (const id of ids.keys()) this.#look({ type, id, words: `${type} changed (found by a relist)` }, tell);
    }
    for (const id of this.#foreign.keys()) if (!networks.byId.has(id)) this.#foreign.delete(id);
    const gone = [
      ...this.cache.containers.removeUnlisted(new Set(containers.keys()), ticket),
      ...this.cache.networks.removeUnlisted(new Set(networks.byId.keys()), ticket),
    ];
    if (!tell) return;
    for (const { owner } of gone) this.cache.notify({ owner, what: 'gone (found by a relist)' });
  }

  #read(event: SimulatedEvent): void {
    if (this.cache.outage !== undefined) return;
    this.cache.heard([event.id], () => this.#look(event, true));
    if (event.gone || event.words.endsWith('renamed')) {
      this.cache.releaseWaiting(event.id, `what was in the way: ${event.words}`);
    }
  }

  #look({ type, id, words }: SimulatedEvent, tell: boolean): void {
    const before = type === 'container' ? this.cache.containers.get(id) : this.cache.networks.get(id);
    const { changed, value } = type === 'container' ? this.lookAtContainer(id) : this.lookAtNetwork(id);
    const owner = (value ?? before)?.owner;
    if (!changed || !tell || !owner) return;
    const networkName = (network: string) => this.#engine.networks.byId.get(network)?.name ?? network.slice(0, 12);
    const isContainer = before && value && 'state' in before && 'state' in value;
    this.cache.notify({ owner, what: isContainer ? containerWords(before, value, networkName) : words });
  }
}

function toContainer(container: SimulatedContainer, installation: string): Container | undefined {
  const owner = ownerOf(installation, container.labels);
  if (!owner) return undefined;
  const { id, name, state, oomKilled, restarts, imageId, restart, ports } = container;
  const { startedAt, finishedAt, exitCode, error, health } = container;
  const configDigests = configDigestsOf(container.labels);
  const defaults = container.labels[LABEL.defaults];
  return {
    id,
    name,
    owner,
    specHash: container.labels[LABEL.specHash] ?? '',
    state,
    oomKilled,
    restarts,
    imageId,
    restart,
    ports,
    attachments: [...container.attachments].map(([networkId, { address, aliases }]) => ({
      networkId,
      address,
      aliases,
    })),
    ...definedOnly({ startedAt, finishedAt, exitCode, error, health, configDigests, defaults }),
    ...limitsOf(container),
  };
}

function toNetwork(network: SimulatedNetwork, installation: string): Network | undefined {
  const owner = ownerOf(installation, network.labels);
  const { id, name, cidrBlock, gateway, internal } = network;
  return owner && { id, name, owner, cidrBlock, gateway, internal };
}
