import { TRAFFIC } from '../../../src/kinds/load-balancer/metrics/store.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LoadBalancer } from '../../../src/kinds/load-balancer/types.ts';
import type { Traffic } from '../../../src/drivers/proxies.ts';
import { breathe } from '../../../src/proof/manual-clock.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

const INTERVAL = 10_000;

const web = (name: string) => ({
  kind: 'Instance',
  metadata: { name, labels: { app: 'web' } },
  spec: { image: 'app:1' },
});
const front = {
  kind: 'LoadBalancer',
  metadata: { name: 'front' },
  spec: { listeners: [{ port: 8080 }], targetGroups: [{ name: 'web', selector: { app: 'web' }, targetPort: 80 }] },
};

class Site {
  readonly world = new World({ metricsIntervalMs: INTERVAL });
  daemon!: WorldDaemon;

  static async open(): Promise<Site> {
    const site = new Site();
    site.daemon = await site.world.start();
    onTestFinished(() => site.daemon.stop());
    for (const document of [web('a'), web('b'), front]) await site.daemon.apply(document);
    await site.daemon.settle(2 * INTERVAL);
    return site;
  }

  get balancer(): LoadBalancer {
    return this.daemon.get('LoadBalancer', 'front') as LoadBalancer;
  }

  /** Requests to a target, that its proxy has counted. */
  count(name: string, more: Partial<Traffic>): void {
    const container = this.world.engine.named(this.balancer.status?.containerName ?? '');
    const proxy = this.world.engine.proxies.of(container?.id ?? '');
    const server = proxy.state('').servers.find((s) => s.server.startsWith(`${name}-`));
    proxy.count({ backend: server?.backend ?? '', server: server?.server ?? '' }, more);
  }

  async pass(ms: number): Promise<void> {
    await this.world.clock.advance(ms);
    for (let i = 0; i < 50 && !this.daemon.manager.idle(); i++) await breathe();
  }

  uid(name: string): string {
    return this.daemon.get('Instance', name)?.metadata.uid ?? '';
  }

  /** Requests, failures, errors of a second, and milliseconds, of each sample that is kept; the oldest first. */
  async kept(uid: string): Promise<(number | undefined)[][]> {
    const now = this.world.clock.now();
    const since = new Date(now.getTime() - 3_600_000);
    const series = await this.daemon.store.beside(TRAFFIC).range(this.balancer.metadata.uid, since, now, 100_000);
    return (series.get(uid) ?? []).map((b) => [b.requestRate, b.failedRate, b.errorRate, b.latencyMs]);
  }
}

describe('what goes through a load balancer', () => {
  it('is sampled as rates, for each target and together', async () => {
    const site = await Site.open();
    site.count('a', { requests: 100, failed: 10, errors5xx: 20, latencyMs: 3 });
    site.count('b', { requests: 300, latencyMs: 7 });
    await site.pass(INTERVAL + 1_000);
    expect((await site.kept(site.uid('a'))).at(-1)).toEqual([10, 1, 2, 3]);
    expect((await site.kept(site.uid('b'))).at(-1)).toEqual([30, 0, 0, 7]);
    expect((await site.kept(site.balancer.metadata.uid)).at(-1)).toEqual([40, 1, 2, 6]);
    expect(site.daemon.requestRate(site.uid('b'))).toBe(30);
    await site.pass(INTERVAL);
    // Nobody asked: there is no latency, and the rate is known to be 0.
    expect((await site.kept(site.uid('a'))).at(-1)).toEqual([0, 0, 0, undefined]);
  });

  it('has no sample of the time in which its worker began anew, and none that is negative', async () => {
    const site = await Site.open();
    site.count('a', { requests: 1_000 });
    await site.pass(INTERVAL);
    const before = await site.kept(site.uid('a'));
    await site.daemon.apply({ ...front, spec: { ...front.spec, idleTimeout: '30s' } });
    await site.pass(INTERVAL);
    site.count('a', { requests: 50 });
    await site.pass(2 * INTERVAL);
    const rates = (await site.kept(site.uid('a'))).slice(before.length).map(([requests]) => requests ?? 0);
    expect(Math.min(...rates)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...rates)).toBeLessThanOrEqual(10);
  });

  it('is not known of one that nobody balances, nor of one that was asked too long ago (I4)', async () => {
    const site = await Site.open();
    await site.daemon.apply(web('a'));
    expect(site.daemon.requestRate('nobody')).toBeUndefined();
    expect(site.daemon.requestRate(site.uid('a'))).toBe(0);
    site.world.engine.reachable = false;
    await site.pass(4 * INTERVAL);
    expect(site.daemon.requestRate(site.uid('a'))).toBeUndefined();
  });

  it('scales a group that has a policy for it', async () => {
    const site = await Site.open();
    const template = { labels: { app: 'web' }, spec: { image: 'app:1' } };
    const policies = [{ name: 'load', metric: 'requestsPerTarget', target: 10 }];
    const spec = { minInstances: 1, maxInstances: 5, policies, template, strategy: { minReadySeconds: 0 } };
    await site.daemon.apply({ kind: 'ScalingGroup', metadata: { name: 'c' }, spec });
    for (let second = 0; second < 120; second++) {
      await site.pass(1_000);
      if (site.balancer.status?.targets?.some((t) => t.instance === 'c-0')) site.count('c-0', { requests: 28 });
    }
    expect(site.daemon.get('ScalingGroup', 'c')?.status).toMatchObject({
      effective: { desiredCount: 3 },
      scaled: { by: 'policy/load' },
    });
  });

  it('goes on over a moment in which its proxy cannot be asked', async () => {
    const site = await Site.open();
    site.count('a', { requests: 100 });
    await site.pass(INTERVAL + 1_000);
    expect(site.daemon.requestRate(site.uid('a'))).toBe(10);
    site.world.engine.reachable = false;
    await site.pass(INTERVAL);
    expect(site.daemon.requestRate(site.uid('a'))).toBe(10);
    site.world.engine.reachable = true;
    site.count('a', { requests: 400 });
    await site.pass(INTERVAL);
    // Over all of the time since it was asked last.
    const rate = site.daemon.requestRate(site.uid('a')) ?? 0;
    expect(rate).toBeGreaterThan(18);
    expect(rate).toBeLessThanOrEqual(20);
    site.world.engine.reachable = false;
    await site.pass(4 * INTERVAL);
    expect(site.daemon.requestRate(site.uid('a'))).toBeUndefined();
  });
});
