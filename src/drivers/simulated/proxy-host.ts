import type { Clock } from '../../base/clock.ts';
import { CONFIG_PATH, renderConfig } from '../haproxy/configuration.ts';
import type { ProxyConfig } from '../proxies.ts';
import type { ProbeResult, ProbeTarget } from '../compute.ts';
import type { SimulatedContainer, SimulatedNetwork } from './objects.ts';
import { probeSimulated } from './probe.ts';
import { SimulatedProxy, type CheckResult } from './proxy.ts';

/** As much of the simulated Engine as its proxies see. */
interface Surroundings {
  readonly clock: Clock;
  readonly containers: ReadonlyMap<string, SimulatedContainer>;
  readonly networks: { readonly byId: ReadonlyMap<string, SimulatedNetwork> };
  readonly probe: (container: SimulatedContainer, target: ProbeTarget) => ProbeResult | undefined;
}

/** The proxies in the simulated Engine's containers. They live as long as these, whatever daemon comes and goes. */
export class SimulatedProxyHost {
  readonly #engine: Surroundings;
  readonly #proxies = new Map<string, SimulatedProxy>();
  /** What a stored text was made of: nothing reads the text back. */
  readonly #configs = new Map<string, ProxyConfig>();

  constructor(engine: Surroundings) {
    this.#engine = engine;
  }

  /** The proxy in this container, which need not run yet. */
  of(containerId: string): SimulatedProxy {
    const known = this.#proxies.get(containerId);
    if (known) return known;
    const proxy = new SimulatedProxy(this.#engine.clock, (server, config, backend) =>
      this.#check(containerId, server, config, backend),
    );
    this.#proxies.set(containerId, proxy);
    return proxy;
  }

  /** The file's text of a configuration. */
  render(config: ProxyConfig): string {
    const text = renderConfig(config);
    this.#configs.set(text, config);
    return text;
  }

  /** What the container's stored file says; `undefined`: it is not as we wrote it. */
  stored(containerId: string): ProxyConfig | undefined {
    return this.#configs.get(this.#engine.containers.get(containerId)?.files.get(CONFIG_PATH) ?? '');
  }

  /** A container's process began: what runs in it is what its file said at that moment. */
  started(container: SimulatedContainer): void {
    if (container.files.has(CONFIG_PATH)) this.of(container.id).begin(this.stored(container.id));
    this.watch();
  }

  removed(containerId: string): void {
    this.#proxies.delete(containerId);
    this.watch();
  }

  /** Something began, ended or moved: servers may answer or not from now on. */
  watch(): void {
    for (const proxy of this.#proxies.values()) proxy.watch();
  }

  /** From the proxy's own container: a server is what has the address on one of its networks. */
  #check(
    containerId: string,
    { address, port }: { address: string; port: number },
    config: ProxyConfig,
    backend: string,
  ): CheckResult {
    const { containers, networks, probe } = this.#engine;
    const own = [...(containers.get(containerId)?.attachments.keys() ?? [])];
    const found = own.flatMap((id) => networks.byId.get(id)?.endpoints.get(address) ?? [])[0];
    const server = containers.get(found ?? '');
    const check = config.backends.find(({ name }) => name === backend)?.check;
    if (!server) return { healthy: false, words: 'L4TOUT' };
    const target: ProbeTarget = { containerId: server.id, port, ...(check?.http && { http: check.http }) };
    const { healthy, detail } = probe(server, target) ?? probeSimulated(server, target);
    const layer = check?.http ? 'L7' : 'L4';
    if (healthy) return { healthy, words: `${layer}OK` };
    return { healthy, words: `${detail.startsWith('answered') ? 'L7STS' : 'L4CON'}: ${detail}` };
  }
}
