import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadBalancer } from '../../src/api/load-balancer.ts';
import { isReady } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated', env: { MINIAWS_METRICS_INTERVAL: '0' } });
  await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('main', { cidrBlock: '10.72.0.0/24' }) });
  await call(daemon, 'POST', pathOf('instances'), { body: instance('web', { image: 'web:1', vpc: 'main' }) });
  const spec = {
    vpc: 'main',
    listeners: [{ port: 8090 }],
    targetGroups: [{ name: 'web', instances: ['web'], targetPort: 80 }],
  };
  const body = { apiVersion: 'miniaws.dev/v1', kind: 'LoadBalancer', metadata: { name: 'front' }, spec };
  expect((await call(daemon, 'POST', pathOf('loadbalancers'), { body })).status).toBe(201);
}, 60_000);
afterAll(() => daemon?.stop());

const path = `${pathOf('loadbalancers')}/front`;
const balancer = async () => (await call(daemon, 'GET', path)).json<LoadBalancer>();

describe('a load balancer as it is read', () => {
  it('has the sessions of each target, which are stored nowhere (ruling 8)', async () => {
    await eventually('it to serve', async () => isReady(await balancer()));
    expect((await balancer()).status?.targets).toMatchObject([{ instance: 'web', state: 'Healthy', sessions: 0 }]);
    const { items } = (await call(daemon, 'GET', pathOf('loadbalancers'))).json<{ items: LoadBalancer[] }>();
    expect(items[0]?.status?.targets?.[0]).not.toHaveProperty('sessions');
  });

  it('is counted at /metrics, and so is each target', async () => {
    const { text } = await call(daemon, 'GET', '/metrics');
    expect(text).toContain('miniaws_load_balancer_requests{namespace="default",name="front"} 0');
    expect(text).toContain(
      'miniaws_target_sessions{namespace="default",name="front",target_group="web",instance="web"} 0',
    );
  });
});
