import type { PublishedPort } from '../compute.ts';
import { refuse } from './errors.ts';

/** Where the kernel's own free ports begin. */
const FIRST_FREE = 32_768;

/** Who has which port of the simulated host. */
export class HostPorts {
  /** By protocol and port: the addresses that are bound, with the container. The empty address is all of them. */
  readonly #bound = new Map<string, Map<string, string>>();
  #next = FIRST_FREE;

  /** All of them or none; port 0 becomes a free one. */
  bind(containerId: string, asked: readonly PublishedPort[]): readonly PublishedPort[] {
    const given: PublishedPort[] = [];
    try {
      for (const port of asked) given.push(this.#bindOne(containerId, port));
      return given;
    } catch (error) {
      this.release(containerId, given);
      throw error;
    }
  }

  release(containerId: string, ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      const addresses = this.#bound.get(keyOf(port));
      if (addresses?.get(port.hostAddress) === containerId) addresses.delete(port.hostAddress);
      if (addresses?.size === 0) this.#bound.delete(keyOf(port));
    }
  }

  #bindOne(containerId: string, asked: PublishedPort): PublishedPort {
    const port = asked.hostPort === 0 ? { ...asked, hostPort: this.#free(asked.protocol) } : asked;
    const addresses = this.#bound.get(keyOf(port)) ?? new Map<string, string>();
    const taken = port.hostAddress === '' ? addresses.size > 0 : addresses.has('') || addresses.has(port.hostAddress);
    if (taken) throw refuse.portInUse(port.hostPort);
    this.#bound.set(keyOf(port), addresses.set(port.hostAddress, containerId));
    return port;
  }

  #free(protocol: PublishedPort['protocol']): number {
    for (;;) {
      const hostPort = this.#next;
      this.#next = hostPort === 65_535 ? FIRST_FREE : hostPort + 1;
      if (!this.#bound.has(`${protocol}/${hostPort}`)) return hostPort;
    }
  }
}

const keyOf = (port: PublishedPort): string => `${port.protocol}/${port.hostPort}`;
