import { sleep } from '../../base/clock.ts';
import { PassError } from '../../base/errors.ts';
import { absent, present, unobservable, type Observed } from '../../base/observed.ts';
import type { Compute } from '../compute.ts';
import { CONFIG_PATH, FILE_MODE, fileOf } from '../haproxy/configuration.ts';
import type { Proxies, ProxyConfig, ProxyState } from '../proxies.ts';
import { refuse } from './errors.ts';
import type { SimulatedProxy } from './proxy.ts';
import type { SimulatedEngine } from './simulated-engine.ts';

export interface SimulatedProxiesOptions {
  engine: SimulatedEngine;
  /** On the same Engine: configurations go into containers through it. */
  compute: Pick<Compute, 'writeFiles'>;
}

/** Proxies on an Engine in memory: HAProxy's answers and refusals, without one. */
export function createSimulatedProxies({ engine, compute }: SimulatedProxiesOptions): Proxies {
  async function call<T>(act: () => T): Promise<T> {
    if (engine.latencyMs > 0) await sleep(engine.clock, engine.latencyMs);
    if (!engine.reachable) throw refuse.unreachable();
    return act();
  }

  /** Its admin interface is only there while its container runs. */
  function command<T>(id: string, act: (proxy: SimulatedProxy) => T): Promise<T> {
    return call(() => {
      const container = engine.containers.get(id);
      if (!container) throw refuse.noSuchContainer(id);
      if (container.state !== 'running') throw refuse.notRunning(container.name);
      const proxy = engine.proxies.of(id);
      if (!proxy.answers) throw new PassError('EngineUnavailable', silent(id));
      return act(proxy);
    });
  }

  function look(id: string): Observed<ProxyState> {
    if (!engine.reachable) return unobservable('the simulated Engine cannot be reached');
    const container = engine.containers.get(id);
    if (container?.state === 'paused') return unobservable('the container of the proxy is paused');
    if (container?.state !== 'running') return absent;
    const proxy = engine.proxies.of(id);
    if (!proxy.answers) return unobservable(silent(id));
    const text = container.files.get(CONFIG_PATH);
    return present(proxy.state(text === undefined ? '' : fileOf(text)));
  }

  function complaint(proxy: SimulatedProxy, config: ProxyConfig): string | undefined {
    // One that cannot even be written down is refused, as by the real one.
    engine.proxies.render(config);
    return proxy.complaint;
  }

  function reload(id: string, proxy: SimulatedProxy): void {
    const config = engine.proxies.stored(id);
    const complaint = proxy.complaint ?? (config ? undefined : 'it is not as it was written');
    if (complaint !== undefined) {
      throw new PassError('Refused', `the proxy does not take up its stored configuration: ${complaint}`);
    }
    proxy.reload(config);
  }

  return {
    state: (id) => Promise.resolve(look(id)),
    store: (id, config) =>
      compute.writeFiles(id, [{ path: CONFIG_PATH, content: engine.proxies.render(config), mode: FILE_MODE }]),
    complaint: (id, config) => command(id, (proxy) => complaint(proxy, config)),
    reload: (id) => command(id, (proxy) => reload(id, proxy)),
    addServer: (id, server, at) => command(id, (proxy) => proxy.add(server, at)),
    setServer: (id, server, mode) => command(id, (proxy) => proxy.set(server, mode)),
    endSessions: (id, server) => command(id, (proxy) => proxy.end(server)),
    removeServer: (id, server) => command(id, (proxy) => proxy.remove(server)),
    endWorker: (id, worker) => command(id, (proxy) => proxy.endWorker(worker)),
    close: () => undefined,
  };
}

const silent = (id: string): string => `the proxy in container ${id.slice(0, 12)} does not answer`;
