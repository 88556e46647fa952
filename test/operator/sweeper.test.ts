import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Owner } from '../../src/drivers/compute.ts';
import { ownerLabels } from '../../src/drivers/labels.ts';
import { INSTALLATION, World } from '../../src/proof/world.ts';
import type { WorldDaemon } from '../../src/proof/world.ts';

let world: World;
let daemon: WorldDaemon;
beforeEach(async () => {
  world = new World();
  daemon = await world.start();
  onTestFinished(() => daemon.stop());
  await daemon.apply({ kind: 'VPC', metadata: { name: 'main' }, spec: { cidrBlock: '10.1.0.0/24' } });
  await daemon.apply({ kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'app:1', vpc: 'main' } });
  await daemon.settle();
});

const ownerOf = (name: string): Owner => {
  const { kind, metadata } = daemon.get('Instance', name)!;
  return { kind, uid: metadata.uid, namespace: 'default', name, generation: 1 };
};

/** A container that a call which outlived its leader makes. */
function straggler(owner: Owner, name: string): string {
  const [main] = world.engine.networks.byId.values();
  const spec = {
    owner,
    specHash: 'v1',
    name,
    hostname: name,
    image: 'app:1',
    env: {},
    labels: {},
    ports: [],
    mounts: [],
    attachment: { networkId: main!.id, address: '10.1.0.77', aliases: [] },
    stopGraceMs: 0,
    logs: { maxBytes: 1_000, maxFiles: 1 },
  };
  return world.engine.create(spec, ownerLabels(INSTALLATION, owner, 'v1')).id;
}

describe('what is left of deleted documents', () => {
  it('is removed within a relist or two, and nothing of what lives', async () => {
    const owner = ownerOf('web');
    const [running] = world.engine.containers.keys();
    await daemon.delete('Instance/default/web');
    await daemon.settle();
    expect(world.engine.containers.has(running!)).toBe(false);
    await daemon.apply({ kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'app:1', vpc: 'main' } });
    await daemon.settle();
    const late = straggler(owner, 'late');
    await world.clock.advance(65_000);
    expect(world.engine.containers.has(late)).toBe(false);
    expect(world.engine.containers.size).toBe(1);
  });

  it('stays when the database does not know the uid: an empty or restored one deletes nothing', async () => {
    const unknown = straggler({ ...ownerOf('web'), uid: crypto.randomUUID() }, 'unknown');
    await world.clock.advance(300_000);
    expect(world.engine.containers.get(unknown)?.state).toBe('created');
  });

  it('is removed though something of it cannot be', async () => {
    const owner = ownerOf('web');
    await daemon.delete('Instance/default/web');
    await daemon.settle();
    const gone = ownerLabels(INSTALLATION, owner, 'v1');
    const network = { cidrBlock: '10.9.0.0/24', gateway: '10.9.0.1', internal: false };
    const stuck = world.engine.networks.create({ ...network, name: 'stuck', labels: gone });
    stuck.endpoints.set('10.9.0.5', 'of somebody else');
    const other = { cidrBlock: '10.8.0.0/24', gateway: '10.8.0.1', internal: false };
    const free = world.engine.networks.create({ ...other, name: 'free', labels: gone });
    await world.clock.advance(65_000);
    expect([world.engine.networks.byId.has(stuck.id), world.engine.networks.byId.has(free.id)]).toEqual([true, false]);
  });
});
