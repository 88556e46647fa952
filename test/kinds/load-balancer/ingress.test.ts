import { describe, expect, it, onTestFinished } from 'vitest';
import type { LoadBalancer } from '../../../src/kinds/load-balancer/types.ts';
import { isReady } from '../../../src/api/metadata.ts';
import type { Network } from '../../../src/drivers/compute.ts';
import type { SimulatedContainer } from '../../../src/drivers/simulated/objects.ts';
import { unrest } from '../../../src/proof/oracles.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

/** The last of the pool, and the one before it. */
const [LAST, BEFORE_LAST] = ['10.79.255.240/28', '10.79.255.224/28'];

const internal = { kind: 'VPC', metadata: { name: 'main' }, spec: { internetGateway: false } };
const web = {
  kind: 'Instance',
  metadata: { name: 'a', labels: { app: 'web' } },
  spec: { image: 'app:1', vpc: 'main' },
};
const front = {
  kind: 'LoadBalancer',
  metadata: { name: 'front' },
  spec: {
    vpc: 'main',
    listeners: [{ port: 8080 }],
    targetGroups: [{ name: 'web', selector: { app: 'web' }, targetPort: 80 }],
  },
};

class Site {
  readonly world = new World();
  daemon!: WorldDaemon;

  static async open(...documents: object[]): Promise<Site> {
    const site = new Site();
    site.daemon = await site.world.start();
    onTestFinished(() => site.daemon.stop());
    for (const document of documents) await site.daemon.apply(document as typeof internal);
    await site.daemon.settle(10_000);
    return site;
  }

  get balancer(): LoadBalancer {
    return this.daemon.get('LoadBalancer', 'front') as LoadBalancer;
  }

  get container(): SimulatedContainer {
    const container = this.world.engine.named(this.balancer.status?.containerName ?? '');
    if (!container) throw new Error('the load balancer has no container');
    return container;
  }

  get ingress(): Network {
    const seen = this.daemon.compute.networks(this.balancer.metadata.uid);
    const [network, ...more] = seen.state === 'present' ? seen.value : [];
    if (!network || more.length > 0) throw new Error(`the load balancer has ${more.length} networks too many`);
    return network;
  }

  /** By hand, while the proxy is on it. */
  remove({ id }: Network): void {
    this.world.engine.disconnect(this.container.id, id);
    this.world.engine.networks.remove(id);
  }

  make(name: string, cidrBlock: string, more: { internal?: boolean; labels?: Readonly<Record<string, string>> } = {}) {
    const gateway = cidrBlock.replace(/\d+\/\d+$/, (end) => String(Number.parseInt(end, 10) + 1));
    return this.world.engine.networks.create({ name, cidrBlock, gateway, internal: false, labels: {}, ...more });
  }

  labelsOf({ id }: Network): Readonly<Record<string, string>> {
    return this.world.engine.networks.byId.get(id)?.labels ?? {};
  }

  async isRepaired(cidrBlock = LAST): Promise<void> {
    await this.daemon.settle(60_000);
    expect(this.ingress).toMatchObject({ cidrBlock, internal: false });
    expect(this.balancer.status?.ingressCidrBlock).toBe(cidrBlock);
    expect([...this.container.attachments.keys()]).toContain(this.ingress.id);
    expect(this.container.attachments.size).toBe(2);
    expect(isReady(this.balancer)).toBe(true);
    expect(await unrest(this.world, this.daemon)).toEqual([]);
  }
}

describe('an ingress network', () => {
  it('that somebody removed is made again', async () => {
    const site = await Site.open(internal, web, front);
    site.remove(site.ingress);
    await site.isRepaired();
  });

  it('that somebody removed under a stopped proxy is made again', async () => {
    const site = await Site.open(internal, web, front);
    const { engine } = site.world;
    engine.dropsEvents = true;
    const stopped = engine.stop(site.container.id, 0);
    await site.world.clock.advance(1);
    await stopped;
    engine.networks.remove(site.ingress.id);
    engine.dropsEvents = false;
    await site.isRepaired();
  });

  it('whose range somebody took is made in another', async () => {
    const site = await Site.open(internal, web, front);
    site.remove(site.ingress);
    site.make('theirs', LAST);
    await site.isRepaired(BEFORE_LAST);
  });

  it('whose range was taken unseen, after it was claimed, is made in another', async () => {
    const site = await Site.open(internal, web);
    site.world.engine.dropsEvents = true;
    site.make('theirs', LAST);
    site.world.engine.dropsEvents = false;
    await site.daemon.apply(front);
    await site.isRepaired(BEFORE_LAST);
  });

  it('that somebody made an internal one is made again: no port would be published', async () => {
    const site = await Site.open(internal, web, front);
    const [known, labels] = [site.ingress, site.labelsOf(site.ingress)];
    site.remove(known);
    site.make(known.name, LAST, { internal: true, labels });
    await site.isRepaired();
  });

  it('is the only one with the mark of its load balancer', async () => {
    const site = await Site.open(internal, web, front);
    site.make('copy', '172.30.0.0/28', { labels: site.labelsOf(site.ingress) });
    await site.isRepaired();
  });

  it('on which somebody else is holds up the deletion until it can go', async () => {
    const site = await Site.open(internal, web, front);
    const { engine, clock } = site.world;
    const attachment = { networkId: site.ingress.id, address: '10.79.255.250', aliases: [] };
    const visitor = engine.create({ ...site.container.spec, name: 'visitor', ports: [], attachment }, {});
    engine.start(visitor.id);
    await site.daemon.delete({ kind: 'LoadBalancer', namespace: 'default', name: 'front' });
    await clock.advance(30_000);
    expect(site.balancer.status?.phase).toBe('Terminating');
    engine.remove(visitor.id);
    await site.daemon.settle(60_000);
    expect([site.daemon.get('LoadBalancer', 'front'), engine.networks.byId.size]).toEqual([undefined, 1]);
  });

  it('keeps its range from VPCs', async () => {
    const site = await Site.open(internal, web, front);
    const clash = { kind: 'VPC', metadata: { name: 'clash' }, spec: { cidrBlock: '10.79.255.0/24' } };
    await expect(site.daemon.apply(clash)).rejects.toThrow(/overlaps .* of LoadBalancer /);
  });
});
