import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadBalancer } from '../../src/kinds/load-balancer/types.ts';
import { isReady } from '../../src/api/metadata.ts';
import { run } from '../cli/support.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated', env: { MINIAWS_METRICS_INTERVAL: '1' } });
  await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('main', { cidrBlock: '10.72.0.0/24' }) });
  await call(daemon, 'POST', pathOf('instances'), { body: instance('web', { image: 'web:1', vpc: 'main' }) });
  const spec = {
    vpc: 'main',
    listeners: [{ port: 8090 }],
    targetGroups: [{ name: 'web', instances: ['web'], targetPort: 80 }],
  };
  const body = { apiVersion: 'miniaws.dev/v1', kind: 'LoadBalancer', metadata: { name: 'front' }, spec };
  expect((await call(daemon, 'POST', pathOf('loadbalancers'), { body })).status).toBe(201);
});
afterAll(() => daemon?.stop());

const path = `${pathOf('loadbalancers')}/front`;
const balancer = async () => (await call(daemon, 'GET', path)).json<LoadBalancer>();

describe('a load balancer as it is read', () => {
  it('has the sessions of each target, which are stored nowhere', async () => {
    await eventually('it to serve', async () => isReady(await balancer()));
    expect((await balancer()).status?.targets).toMatchObject([{ instance: 'web', state: 'Healthy', sessions: 0 }]);
    const { items } = (await call(daemon, 'GET', pathOf('loadbalancers'))).json<{ items: LoadBalancer[] }>();
    expect(items[0]?.status?.targets?.[0]).not.toHaveProperty('sessions');
  });

  it('tells what went through it, and to each target', async () => {
    const found = await eventually('two samples', async () => {
      const answer = await call(daemon, 'GET', `${path}/metrics?since=1m&points=1`);
      const metrics = answer.json<{
        kind: string;
        points: object[];
        targets: { instance: string; points: object[] }[];
      }>();
      return metrics.targets[0]?.points.length === 1 && metrics;
    });
    expect(found).toMatchObject({
      kind: 'LoadBalancerMetrics',
      metadata: { name: 'front', namespace: 'default' },
      points: [{ requestRate: 0, requestRateMax: 0, failedRate: 0, errorRate: 0 }],
      targets: [{ instance: 'web', points: [{ requestRate: 0 }] }],
    });
    expect((await call(daemon, 'GET', `${path}/metrics?since=1y`)).status).toBe(400);
    expect((await call(daemon, 'GET', `${pathOf('loadbalancers')}/gone/metrics`)).status).toBe(404);
    const shown = await run(['metrics', 'loadbalancer/front', '--since', '1m', '--points', '1'], {
      kubeconfig: daemon.kubeconfigPath,
    });
    expect(shown, shown.err).toMatchObject({ code: 0 });
    expect(shown.out).toMatch(/REQUESTS\/S +FAILED\/S +5XX\/S +LATENCY MS\s+ALL +0 +0 +0 +-.*\nweb +0 +0 +0 +-/);
    expect(shown.out).toMatch(/TIME +REQUESTS\/S +MAX +FAILED\/S +5XX\/S +LATENCY MS\n\d{4}-.*Z +0 +0 +0 +0 +-\n$/);
  });

  it('is counted at /metrics, and so is each target', async () => {
    const { text } = await call(daemon, 'GET', '/metrics');
    expect(text).toContain('miniaws_load_balancer_requests{namespace="default",name="front"} 0');
    expect(text).toContain(
      'miniaws_target_sessions{namespace="default",name="front",target_group="web",instance="web"} 0',
    );
  });
});
