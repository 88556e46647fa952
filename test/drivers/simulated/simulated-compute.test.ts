import { SimulatedEngine } from '../../../src/drivers/simulated/simulated-engine.ts';
import { createSimulatedCompute } from '../../../src/drivers/simulated/simulated-compute.ts';
import { computeContract } from '../contract.ts';
import type { ContractSubject } from '../contract/context.ts';

const installation = 'contract';
const image = 'busybox:1';

async function open(): Promise<ContractSubject> {
  const engine = new SimulatedEngine();
  engine.images.pullMs = 50;
  const compute = createSimulatedCompute({ engine, installation });
  const foreignSpec = (name: string) => ({
    owner: { uid: 'foreign', kind: '', namespace: '', name, generation: 0 },
    specHash: '',
    name,
    hostname: name,
    image,
    env: {},
    labels: {},
    ports: [],
    mounts: [],
    attachment: { networkId: 'bridge', address: '', aliases: [] },
    stopGraceMs: 0,
    logs: { maxBytes: 0, maxFiles: 1 },
  });
  return {
    compute,
    image,
    another: () => createSimulatedCompute({ engine, installation }),
    tamper: {
      kill: async (id) => engine.kill(id),
      stop: (id) => engine.stop(id, 0),
      pause: async (id) => engine.pause(id),
      rename: async (id, name) => engine.rename(id, name),
      remove: async (id) => engine.remove(id),
      disconnect: async (id, networkId) => engine.disconnect(id, networkId),
      removeNetwork: async (id) => engine.networks.remove(id),
      foreignContainer: async (name, networkId) => {
        const made = engine.create(foreignSpec(name), {});
        const network = engine.networks.byId.get(networkId ?? '');
        if (!network) return made.id;
        engine.disconnect(made.id, 'bridge');
        engine.connect(made.id, { networkId: network.id, address: network.gateway.replace(/1$/, '9'), aliases: [] });
        engine.start(made.id);
        return made.id;
      },
      foreignNetwork: async (name, cidrBlock) =>
        engine.networks.create({
          name,
          labels: {},
          cidrBlock,
          gateway: cidrBlock.replace(/0\/\d+$/, '1'),
          internal: false,
        }).id,
      foreignVolume: async (name) => void engine.volumes.set(name, {}),
      cut: async () => void (engine.reachable = false),
      restore: async () => void (engine.reachable = true),
    },
    close: () => compute.close(),
  };
}

computeContract('simulated', open);
