import { CONFIG_PATH } from '../../../src/drivers/haproxy/configuration.ts';
import { createSimulatedCompute } from '../../../src/drivers/simulated/simulated-compute.ts';
import { SimulatedEngine } from '../../../src/drivers/simulated/simulated-engine.ts';
import { createSimulatedProxies } from '../../../src/drivers/simulated/proxies.ts';
import type { ProxySubject } from './context.ts';
import { proxyContract } from './contract.ts';

async function open(): Promise<ProxySubject> {
  const engine = new SimulatedEngine();
  // The other port of the context's web server.
  engine.probe = ({ state }, { port }) =>
    port === 81 && state === 'running' ? { healthy: true, detail: 'accepts connections' } : undefined;
  const compute = createSimulatedCompute({ engine, installation: 'proxies' });
  return {
    compute,
    proxies: createSimulatedProxies({ engine, compute }),
    another: () => createSimulatedProxies({ engine, compute }),
    images: { proxy: 'haproxy:2.6', web: 'busybox:1' },
    range: '10.213.211',
    hands: {
      hold: async (proxy, ref) => {
        engine.proxies.of(proxy.id).open(ref, 1);
        return () => engine.proxies.of(proxy.id).open(ref, -1);
      },
      crash: async (id) => engine.crash(id),
      silence: async (id) => void (engine.proxies.of(id).answers = false),
      tamper: async (id) => engine.writeFile(id, CONFIG_PATH, '# by hand'),
      addByHand: async (id, ref, at) => engine.proxies.of(id).add(ref, at),
      setByHand: async (id, ref, mode) => engine.proxies.of(id).set(ref, mode),
      refusing: (id, config) => {
        engine.proxies.of(id).complaint = "unable to find required default_backend: 'nowhere'";
        return config;
      },
    },
    close: () => compute.close(),
  };
}

proxyContract('simulated', open);
