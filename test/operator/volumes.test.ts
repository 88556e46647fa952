import { expect, it, onTestFinished } from 'vitest';
import { volumeEntries, volumeUsers } from '../../src/operator/volumes/inventory.ts';
import { noteVolumeUses } from '../../src/operator/volumes/note-uses.ts';
import { VOLUME_USES } from '../../src/operator/volumes/volume-uses.ts';
import { INSTALLATION, World } from '../../src/proof/world.ts';
import type { WorldDaemon } from '../../src/proof/world.ts';

const HOUR_MS = 3_600_000;

async function start() {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  await daemon.apply({ kind: 'VPC', metadata: { name: 'main' }, spec: {} });
  const { compute, store, informer } = daemon;
  const deps = { compute, store, view: informer.view, clock: world.clock, installation: INSTALLATION };
  return { world, daemon, note: () => noteVolumeUses(deps) };
}

const database = (name: string) => ({
  kind: 'Instance',
  metadata: { name },
  spec: { image: 'app:1', vpc: 'main', volumes: [{ name: 'data', mountPath: '/data' }] },
});

const entries = async ({ compute, store, informer }: WorldDaemon) =>
  volumeEntries(
    await compute.volumes(),
    await store.beside(VOLUME_USES).list(),
    volumeUsers(informer.view, INSTALLATION),
  );

it('a volume tells who mounts it, and when nobody does, who did last and since when', async () => {
  const { world, daemon, note } = await start();
  await daemon.apply(database('first'));
  await daemon.settle();
  await daemon.apply(database('second'));
  await daemon.settle();
  await note();
  const both = ['Instance/default/first', 'Instance/default/second'];
  expect(await entries(daemon)).toMatchObject([
    { namespace: 'default', volume: 'data', usedBy: both, lastUsedBy: both },
  ]);
  await daemon.delete('Instance/default/first');
  await daemon.settle();
  await note();
  await daemon.delete('Instance/default/second');
  await daemon.settle();
  await note();
  const since = world.clock.now().toISOString();
  await world.clock.advance(HOUR_MS);
  await note();
  expect(await entries(daemon)).toMatchObject([
    { usedBy: [], lastUsedBy: ['Instance/default/second'], unusedSince: since },
  ]);
});

it('one whose use was too short to be noted tells for whom it was made; one that is gone is forgotten', async () => {
  const { world, daemon, note } = await start();
  await daemon.apply(database('short'));
  await daemon.settle();
  await daemon.delete('Instance/default/short');
  await daemon.settle();
  expect(await entries(daemon)).toMatchObject([{ usedBy: [], lastUsedBy: ['default/short'] }]);
  await note();
  expect(await daemon.store.beside(VOLUME_USES).list()).toHaveLength(1);
  world.engine.volumes.clear();
  await daemon.compute.open();
  await note();
  expect(await daemon.store.beside(VOLUME_USES).list()).toEqual([]);
});

it('noting changes nothing while nothing changes', async () => {
  const { daemon, note } = await start();
  await daemon.apply(database('kept'));
  await daemon.settle();
  await note();
  const uses = daemon.store.beside(VOLUME_USES);
  const [before] = await uses.list();
  await note();
  expect((await uses.list())[0]).toBe(before);
});
