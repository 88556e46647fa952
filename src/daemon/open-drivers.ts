import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { HostPathRules } from '../base/host-paths.ts';
import type { Log } from '../base/log.ts';
import type { Compute } from '../drivers/compute.ts';
import { createDockerCompute } from '../drivers/docker/docker-compute.ts';
import { createDockerMeter } from '../drivers/docker/docker-meter.ts';
import { createHaproxyProxies } from '../drivers/haproxy/haproxy-proxies.ts';
import type { Meter } from '../drivers/metering.ts';
import type { Proxies } from '../drivers/proxies.ts';

/** Everything through which the daemon works on the world. */
export interface Drivers {
  compute: Compute;
  proxies: Proxies;
  meter: Meter;
}

export async function openDrivers(
  { engine, dockerHost: host }: Config,
  installation: string,
  { log, clock, hostPaths }: { log: Log; clock: Clock; hostPaths: HostPathRules },
): Promise<Drivers> {
  if (engine === 'docker') {
    const compute = createDockerCompute({ installation, host, log, clock, hostPaths });
    const proxies = createHaproxyProxies({ compute, clock, log });
    return { compute, proxies, meter: createDockerMeter({ host, clock }) };
  }
  const { SimulatedEngine } = await import('../drivers/simulated/simulated-engine.ts');
  const { createSimulatedCompute } = await import('../drivers/simulated/simulated-compute.ts');
  const { createSimulatedProxies } = await import('../drivers/simulated/proxies.ts');
  const { SimulatedMeter } = await import('../drivers/simulated/simulated-meter.ts');
  const simulated = new SimulatedEngine({ clock });
  const compute = createSimulatedCompute({ engine: simulated, installation });
  return {
    compute,
    proxies: createSimulatedProxies({ engine: simulated, compute }),
    meter: new SimulatedMeter(simulated),
  };
}
