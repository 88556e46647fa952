import { expect, it, onTestFinished, vi } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { PROXY_IMAGES } from '../../src/drivers/proxy-image.ts';
import { ownerLabels } from '../../src/drivers/labels.ts';
import { createSimulatedCompute } from '../../src/drivers/simulated/simulated-compute.ts';
import { SimulatedEngine } from '../../src/drivers/simulated/simulated-engine.ts';
import { silentLog } from '../../src/base/log.ts';
import { imageEntries } from '../../src/operator/images/inventory.ts';
import { ImageKeeper } from '../../src/operator/images/keeper.ts';
import { PULLED_IMAGES } from '../../src/operator/images/pulled-images.ts';
import { ManualClock } from '../../src/proof/manual-clock.ts';
import { Person } from '../../src/proof/person.ts';
import { MemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts';

const HOUR_MS = 3_600_000;
const owner = { uid: crypto.randomUUID(), kind: 'Instance', namespace: 'default', name: 'web', generation: 1 };

/** A leader that does nothing but keep images, and a person. */
async function start(retentionMs = 24 * HOUR_MS) {
  const clock = new ManualClock();
  const engine = new SimulatedEngine({ clock });
  const compute = createSimulatedCompute({ engine, installation: 'sim' });
  const store = await openMemoryStore(new MemoryDatabase(clock), KINDS);
  const lease = await store.leases.acquire('leader', 'test', 1e9);
  const end = new AbortController();
  onTestFinished(async () => {
    end.abort();
    await store.close();
  });
  const network = engine.networks.create({
    name: 'n',
    cidrBlock: '10.1.0.0/24',
    gateway: '10.1.0.1',
    internal: false,
    labels: {},
  });
  const container = (image: string, name: string, labels: Record<string, string>) =>
    engine.create(
      {
        owner,
        specHash: 'v1',
        name,
        hostname: name,
        image,
        env: {},
        labels: {},
        ports: [],
        mounts: [],
        attachment: {
          networkId: network.id,
          address: '10.1.0.9',
          aliases: [],
        },
        stopGraceMs: 0,
        logs: {
          maxBytes: 1e3,
          maxFiles: 1,
        },
      },
      labels,
    );
  const keeper = new ImageKeeper({ compute, store, view: store.cached(), clock, log: silentLog, retentionMs });
  void keeper.run({ epoch: lease.held ? lease.epoch : 0, signal: end.signal });
  const pull = async (reference: string) => {
    const pulled = compute.pullImage(reference, owner, 1_000);
    await clock.advance(1);
    await pulled;
    const state = await compute.image(reference);
    return state.state === 'present' ? state.id : '';
  };
  const references = async () => (await compute.images()).flatMap((image) => image.references).toSorted();
  const entries = async () =>
    imageEntries(await compute.images(), await store.beside(PULLED_IMAGES).list(), store.cached());
  const person = new Person(store, clock, KINDS);
  return { clock, engine, compute, store, keeper, container, pull, references, entries, person };
}

it('an image that was pulled goes when nothing has used it for as long as it is kept, and an event says so', async () => {
  const { clock, store, pull, references } = await start();
  await pull('app:1');
  await clock.advance(24 * HOUR_MS - 60_000);
  expect(await references()).toEqual(['app:1']);
  await clock.advance(HOUR_MS);
  expect(await references()).toEqual([]);
  const { items } = await store.events({ limit: 10 });
  expect(items.map(({ record }) => [record.reason, record.name])).toEqual([['ImageRemoved', 'app:1']]);
  expect(await store.beside(PULLED_IMAGES).list()).toEqual([]);
});

it('what a container is made of or a document names stays, and its time begins when that ends', async () => {
  const { clock, engine, pull, references, entries, container, person } = await start();
  for (const reference of ['ours:1', 'theirs:1', 'named:latest']) await pull(reference);
  const ours = container('ours:1', 'ours', ownerLabels('sim', owner, 'v1'));
  const theirs = container('theirs:1', 'theirs', {});
  await person.apply({ kind: 'Instance', metadata: { name: 'idle' }, spec: { image: 'docker.io/library/named' } });
  await clock.advance(72 * HOUR_MS);
  expect((await entries()).map(({ references: [name], usedBy }) => [name, ...usedBy])).toEqual([
    ['ours:1', 'Instance/default/web'],
    ['theirs:1', 'container/theirs'],
    ['named:latest', 'Instance/default/idle'],
  ]);
  for (const { id } of [ours, theirs]) engine.remove(id);
  await person.delete('Instance/default/idle');
  await clock.advance(23 * HOUR_MS);
  expect(await references()).toHaveLength(3);
  await clock.advance(2 * HOUR_MS);
  // An object whose deletion waits has not let go of its image.
  expect(await references()).toEqual(['named:latest']);
});

it('what a group may go back to stays: images that its revisions name, and those that they meant', async () => {
  const { clock, engine, store, pull, references, person } = await start();
  const old = await pull('app:latest');
  engine.images.retag('app:latest', 'another build');
  await pull('app:0');
  const group = await person.apply({
    kind: 'ScalingGroup',
    metadata: { name: 'web' },
    spec: { minInstances: 1, maxInstances: 1, template: { spec: { image: 'app:latest' } } },
  });
  const { template } = group.spec as { template: { spec: object } };
  const before = { ...template, spec: { ...template.spec, image: 'app:0' } };
  const revisions = [
    { revision: 1, hash: 'a', createdAt: '', template: before },
    { revision: 2, hash: 'b', createdAt: '', template, imageId: old },
  ];
  await store.commit({ decide: () => ({ put: [{ ...group, status: { revisions } }] }) });
  await clock.advance(72 * HOUR_MS);
  expect((await references()).includes('app:0')).toBe(true);
  expect(engine.images.list().map(({ id }) => id)).toContain(old);
});

it('an image of others stays for ever: one that was there, one that has another reference too, and that of load balancers', async () => {
  const { clock, engine, pull, references, entries } = await start();
  engine.images.retag('app:1', 'a person’s');
  await pull('app:1');
  const shared = await pull('app:2');
  engine.images.refer('mine:2', shared);
  for (const image of PROXY_IMAGES) await pull(image);
  await clock.advance(99 * HOUR_MS);
  expect(await references()).toEqual(['app:1', 'app:2', 'mine:2', ...PROXY_IMAGES].toSorted());
  const origins = (await entries()).map(({ references: [name], origin }) => [name, origin]);
  expect(origins.slice(0, 2)).toEqual([
    ['app:1', 'others'],
    ['app:2', 'others'],
  ]);
});

it('0 keeps everything, and what the Engine does not let go of is told of once', async () => {
  const forever = await start(0);
  await forever.pull('app:1');
  await forever.clock.advance(99 * HOUR_MS);
  expect(await forever.references()).toEqual(['app:1']);

  const { clock, compute, store, pull, references } = await start();
  await pull('app:1');
  const refusal = vi.spyOn(compute, 'releaseImage').mockRejectedValue(new Error('image has dependent child images'));
  await clock.advance(48 * HOUR_MS);
  const { items } = await store.events({ limit: 10 });
  expect(items.map(({ record }) => [record.type, record.reason])).toEqual([['Warning', 'ImageNotRemoved']]);
  refusal.mockRestore();
  await clock.advance(HOUR_MS);
  expect(await references()).toEqual([]);
});
