import { describe, expect, it } from 'vitest';
import { createSimulatedCompute } from '../../../src/drivers/simulated/simulated-compute.ts';
import { createSimulatedProxies } from '../../../src/drivers/simulated/proxies.ts';
import { SimulatedEngine } from '../../../src/drivers/simulated/simulated-engine.ts';
import type { ContainerSpec } from '../../../src/drivers/compute.ts';
import { CONFIG_PATH, PROXY_COMMAND, structureOf } from '../../../src/drivers/haproxy/configuration.ts';
import { ManualClock } from '../../../src/proof/manual-clock.ts';
import { expectPassError } from '../contract/context.ts';
import { config } from '../proxies/context.ts';

const S1 = { backend: 'app', server: 's1' };

async function world() {
  const clock = new ManualClock();
  const engine = new SimulatedEngine({ clock });
  const compute = createSimulatedCompute({ engine, installation: 'sim' });
  const proxies = createSimulatedProxies({ engine, compute });
  await compute.open();
  const owner = { uid: 'u', kind: 'X', namespace: 'default', name: 'x', generation: 1 };
  const network = await compute.createNetwork({
    owner,
    name: 'net',
    cidrBlock: '10.213.0.0/16',
    gateway: '10.213.0.1',
    internal: false,
  });
  const start = async (name: string, address: string, more: Partial<ContainerSpec>): Promise<string> => {
    const { id } = await compute.createContainer({
      owner: { ...owner, uid: name },
      specHash: '',
      name,
      hostname: name,
      image: 'web:1',
      env: {},
      labels: {},
      ports: [],
      mounts: [],
      attachment: { networkId: network.id, address, aliases: [] },
      stopGraceMs: 0,
      logs: { maxBytes: 1, maxFiles: 1 },
      restart: 'unless-stopped',
      ...more,
    });
    if (more.command === PROXY_COMMAND) await proxies.store(id, config({ s1: '10.213.0.9' }));
    await compute.startContainer(id);
    return id;
  };
  const web = await start('web', '10.213.0.9', { command: ['/bin/serve'] });
  const lb = await start('lb', '10.213.0.8', { command: PROXY_COMMAND });
  const state = async () => {
    const observed = await proxies.state(lb);
    if (observed.state !== 'present') throw new Error(JSON.stringify(observed));
    return observed.value;
  };
  return { clock, engine, compute, proxies, web, lb, state, server: async () => (await state()).servers[0] };
}

describe('proxies of the simulated Engine', () => {
  it('notice within the checks of their thresholds that a server ended, and that it came back, though nobody looked meanwhile', async () => {
    const { clock, engine, web, server } = await world();
    await clock.advance(1_000);
    expect(await server()).toMatchObject({ health: 'up', lastCheck: 'L7OK' });
    engine.processes.stop(engine.containers.get(web)!, 0, () => undefined);
    await clock.advance(1);
    const ended = clock.now().getTime();
    expect(await server()).toMatchObject({ health: 'up' });
    await clock.advance(60_000);
    const down = await server();
    expect(down).toMatchObject({ health: 'down', lastCheck: 'L4TOUT' });
    expect((down?.changedAt.getTime() ?? 0) - ended).toBeLessThanOrEqual(600);
    engine.start(web);
    await clock.advance(299);
    expect(await server()).toMatchObject({ health: 'down' });
    await clock.advance(1);
    expect(await server()).toMatchObject({ health: 'up', lastCheck: 'L7OK' });
  });

  it('go by what a test says of a probe', async () => {
    const { clock, engine, server } = await world();
    engine.probe = () => ({ healthy: false, detail: 'answered 503, expected 200' });
    await server();
    await clock.advance(300);
    expect(await server()).toMatchObject({ health: 'up', passed: false });
    await clock.advance(300);
    expect(await server()).toMatchObject({ health: 'down', lastCheck: 'L7STS: answered 503, expected 200' });
  });

  it('outlive daemons; what was done at run time ends with the process, what was stored does not', async () => {
    const { engine, compute, proxies, lb, state } = await world();
    await proxies.addServer(lb, { backend: 'app', server: 's2' }, { address: '10.213.0.10', port: 80 });
    const after = await createSimulatedProxies({ engine, compute }).state(lb);
    expect(after).toMatchObject({ value: { servers: [S1, { server: 's2' }] } });
    engine.kill(lb);
    expect(await proxies.state(lb)).toEqual({ state: 'absent' });
    const next = config({ s3: '10.213.0.9' }, { drainMs: 1_000 });
    await proxies.store(lb, next);
    engine.start(lb);
    expect(await state()).toMatchObject({ structure: structureOf(next), servers: [{ server: 's3' }] });
    engine.remove(lb);
    expect(await proxies.state(lb)).toEqual({ state: 'absent' });
  });

  it('count what a test has their clients do, and lose it with the worker', async () => {
    const { engine, proxies, lb, state } = await world();
    engine.proxies.of(lb).count(S1, { requests: 100, errors5xx: 3, failed: 2, latencyMs: 40 });
    engine.proxies.of(lb).open(S1, 7);
    expect(await state()).toMatchObject({
      servers: [{ sessions: 7, traffic: { requests: 100, failed: 2, errors5xx: 3, latencyMs: 40, sessions: 7 } }],
      traffic: { requests: 100, failed: 2, errors5xx: 3, latencyMs: 40, sessions: 7 },
    });
    engine.proxies.of(lb).open(S1, -7);
    await proxies.setServer(lb, S1, 'maint');
    await proxies.removeServer(lb, S1);
    expect((await state()).traffic.requests).toBe(100);
    await proxies.reload(lb);
    expect((await state()).traffic.requests).toBe(0);
  });

  it('refuse a file that somebody changed, and an Engine that is out is not an absent proxy', async () => {
    const { engine, proxies, lb } = await world();
    engine.writeFile(lb, CONFIG_PATH, 'by hand');
    await expectPassError('Refused', proxies.reload(lb));
    engine.reachable = false;
    expect((await proxies.state(lb)).state).toBe('unobservable');
    await expectPassError('EngineUnavailable', proxies.setServer(lb, S1, 'drain'));
  });
});
