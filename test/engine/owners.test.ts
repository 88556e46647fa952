import { describe, expect, it, onTestFinished } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { World } from '../../src/proof/world.ts';

/** Any kind may own any other: here a VPC owns instances of another VPC. */
async function family(blockOwnerDeletion = false) {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  await daemon.apply({ kind: 'VPC', metadata: { name: 'net' }, spec: {} });
  const owner = await daemon.apply({ kind: 'VPC', metadata: { name: 'owner' }, spec: {} });
  const ownerReferences = [
    { apiVersion: 'miniaws.dev/v1', kind: 'VPC', name: 'owner', uid: owner.metadata.uid, blockOwnerDeletion },
  ];
  for (const name of ['a', 'b'])
    await daemon.apply({ kind: 'Instance', metadata: { name, ownerReferences }, spec: { image: 'app:1', vpc: 'net' } });
  await daemon.settle();
  return {
    world,
    daemon,
    names: () => world.documents.map((r: Resource) => r.metadata.name).sort(),
  };
}

const OWNER = { kind: 'VPC', namespace: 'default', name: 'owner' };

describe('owner references (I14)', () => {
  it('background: the owner goes, then what it owned', async () => {
    const { world, daemon, names } = await family();
    await daemon.delete(OWNER);
    await daemon.settle();
    expect(names()).toEqual(['net']);
    expect(world.engine.containers.size).toBe(0);
  });

  it('foreground: the owner stays until what blocks it is gone', async () => {
    const { daemon, names } = await family(true);
    await daemon.apply(
      {
        kind: 'Instance',
        metadata: { name: 'a', annotations: { 'miniaws.dev/paused': 'true' } },
        spec: { image: 'app:1', vpc: 'net' },
      },
      'other',
    );
    await daemon.delete(OWNER, { propagationPolicy: 'Foreground' });
    await daemon.settle();
    expect(names()).toEqual(['a', 'net', 'owner']);
    await daemon.apply({ kind: 'Instance', metadata: { name: 'a' }, spec: { image: 'app:1', vpc: 'net' } }, 'other');
    await daemon.settle();
    expect(names()).toEqual(['net']);
  });

  it('orphan: what it owned stays, and is owned by nobody', async () => {
    const { daemon, names } = await family();
    await daemon.delete(OWNER, { propagationPolicy: 'Orphan' });
    await daemon.settle();
    expect(names()).toEqual(['a', 'b', 'net']);
    expect(daemon.get('Instance', 'a')?.metadata.ownerReferences ?? []).toEqual([]);
  });
});
