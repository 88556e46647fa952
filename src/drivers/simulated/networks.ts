import { contains, overlaps, parseAddress, parseCidr, type Cidr } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import { refuse } from './errors.ts';
import type { SimulatedContainer, SimulatedEvent, SimulatedNetwork } from './objects.ts';

export type NetworkPlan = Omit<SimulatedNetwork, 'id' | 'endpoints'>;

/** The simulated Engine's networks. Look-ups by id, name and range take no longer with ten thousand of them. */
export class SimulatedNetworks {
  readonly byId = new Map<string, SimulatedNetwork>();
  readonly #byName = new Map<string, SimulatedNetwork>();
  /** By first address; none overlaps another. */
  readonly #ranges: { range: Cidr; network: SimulatedNetwork }[] = [];
  readonly #emit: (event: SimulatedEvent) => void;
  #made = 0;

  constructor(emit: (event: SimulatedEvent) => void) {
    this.#emit = emit;
  }

  named(name: string): SimulatedNetwork | undefined {
    return this.#byName.get(name);
  }

  /** Who is on this range. */
  holder(cidrBlock: string): SimulatedNetwork | undefined {
    const range = parseCidr(cidrBlock);
    if (!range) throw new PassError('Refused', `invalid CIDR address: ${cidrBlock}`);
    const at = this.#place(range.first);
    return [this.#ranges[at - 1], this.#ranges[at]].find((held) => held && overlaps(held.range, range))?.network;
  }

  /** The caller has seen that neither name nor range is held. */
  create(plan: NetworkPlan): SimulatedNetwork {
    const range = parseCidr(plan.cidrBlock);
    if (!range || this.holder(plan.cidrBlock) || this.named(plan.name)) {
      throw new PassError('EngineError', `network ${plan.name} cannot be made`);
    }
    const network: SimulatedNetwork = { ...plan, id: sha256(`network ${++this.#made}`), endpoints: new Map() };
    this.byId.set(network.id, network);
    this.#byName.set(network.name, network);
    this.#ranges.splice(this.#place(range.first), 0, { range, network });
    this.#emit({ type: 'network', id: network.id, words: 'network appeared' });
    return network;
  }

  /** One with running containers stays, as on the real Engine. */
  remove(id: string): void {
    const network = this.byId.get(id);
    if (!network) return;
    if (network.endpoints.size > 0) throw refuse.activeEndpoints(network.name);
    this.byId.delete(id);
    this.#byName.delete(network.name);
    this.#ranges.splice(this.#place(parseCidr(network.cidrBlock)?.first ?? 0), 1);
    this.#emit({ type: 'network', id, words: 'network was removed', gone: true });
  }

  /** Gives a running container its address on each of its networks, or none of them. */
  join(container: SimulatedContainer): void {
    const joined = [...container.attachments].map(([networkId, { address }]) => {
      const network = this.byId.get(networkId);
      if (!network) throw refuse.noSuchNetwork(networkId);
      this.#checkFree(network, address);
      return { network, address };
    });
    for (const { network, address } of joined) network.endpoints.set(address, container.id);
  }

  leave(container: SimulatedContainer, only?: string): void {
    for (const [networkId, { address }] of container.attachments) {
      const endpoints = only === undefined || only === networkId ? this.byId.get(networkId)?.endpoints : undefined;
      if (endpoints?.get(address) === container.id) endpoints.delete(address);
    }
  }

  #checkFree(network: SimulatedNetwork, address: string): void {
    const range = parseCidr(network.cidrBlock);
    const number = parseAddress(address);
    if (!range || number === undefined || !contains(range, number)) {
      throw refuse.addressOutside(address, network.cidrBlock);
    }
    if (address === network.gateway || network.endpoints.has(address)) throw refuse.addressInUse(address);
  }

  /** Index of the first range that begins at `first` or later. */
  #place(first: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.range.first ?? Infinity) < first) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
