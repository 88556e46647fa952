import { describe, expect, it, onTestFinished } from 'vitest';
import { FOREGROUND } from '../../src/admission/operations.ts';
import { FINALIZER } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { collect } from '../../src/engine/owners.ts';
import { World } from '../../src/proof/world.ts';
import { Mirror } from '../../src/store/mirror.ts';

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

type State = 'solid' | 'waiting' | 'gone' | 'of another namespace' | 'of another name' | 'of another kind';

/** The documents of one case: `child`, an owner in each of the states, and what depends on `child`. */
function decided(states: readonly State[], more: { grandchild?: boolean; isCircle?: boolean } = {}) {
  const mirror = new Mirror(KINDS);
  const documentOf = (name: string, metadata: object = {}): Resource =>
    ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'VPC',
      metadata: { name, namespace: 'default', uid: name, generation: 1, finalizers: [FINALIZER], ...metadata },
      spec: { cidrBlock: '10.1.0.0/24' },
    }) as never;
  const referenceTo = (name: string) => ({
    apiVersion: 'miniaws.dev/v1',
    kind: 'VPC',
    name,
    uid: name,
    blockOwnerDeletion: true,
  });
  const deleting = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER, FOREGROUND] };
  states.forEach((state, i) => {
    const name = `owner-${i}`;
    const circle = more.isCircle ? { ownerReferences: [referenceTo('child')] } : {};
    if (state === 'solid') mirror.set(documentOf(name));
    if (state === 'waiting') mirror.set(documentOf(name, { ...deleting, ...circle }));
    if (state === 'of another namespace') mirror.set(documentOf(name, { namespace: 'other' }));
    if (state === 'of another name') mirror.set(documentOf('other-name', { uid: name }));
    if (state === 'of another kind')
      mirror.set({ ...documentOf(name), kind: 'Instance', spec: { vpc: 'main', ports: [] } });
  });
  mirror.set(documentOf('child', { ownerReferences: states.map((_, i) => referenceTo(`owner-${i}`)) }));
  if (more.grandchild) mirror.set(documentOf('grandchild', { ownerReferences: [referenceTo('child')] }));
  const kinds = KINDS;
  const effects = collect({ kind: 'VPC', namespace: 'default', name: 'child' }, kinds, new Date(0))(mirror);
  const [put] = effects.put ?? [];
  if (!put) return (effects.remove ?? []).length > 0 ? 'removed' : 'kept';
  const owners = (put.metadata.ownerReferences ?? []).map(
    (o) => `${o.name}${o.blockOwnerDeletion ? '' : ' unblocked'}`,
  );
  if (put.metadata.deletionTimestamp === undefined) return `kept by ${owners.join(', ')}`;
  const how = put.metadata.finalizers?.includes(FOREGROUND) ? 'deleted in the foreground' : 'deleted';
  return owners.some((o) => o.includes('unblocked')) ? `${how}, blocking nobody` : how;
}

/** As garbagecollector.go decides (attemptToDeleteItem). */
describe('what becomes of a dependent', () => {
  it.each<[string, readonly State[], string]>([
    ['nobody owns it', [], 'kept'],
    ['its owner is there', ['solid'], 'kept'],
    ['its owner is gone', ['gone'], 'deleted'],
    ['both owners are gone', ['gone', 'gone'], 'deleted'],
    ['one owner is gone', ['gone', 'solid'], 'kept by owner-1'],
    ['its owner is deleted in the foreground', ['waiting'], 'deleted'],
    ['one owner is deleted in the foreground, another holds it', ['waiting', 'solid'], 'kept by owner-1'],
    ['one is gone, one is deleted, one holds it', ['gone', 'waiting', 'solid'], 'kept by owner-2'],
    ['one is gone, one is deleted', ['gone', 'waiting'], 'deleted'],
    ['its owner is of another namespace', ['of another namespace'], 'deleted'],
    ['its owner is of another namespace, another holds it', ['of another namespace', 'solid'], 'kept by owner-1'],
    ['its owner has another name', ['of another name'], 'deleted'],
    ['its owner is of another kind', ['of another kind'], 'deleted'],
  ])('%s', (_, states, expected) => {
    expect(decided(states)).toBe(expected);
  });

  it('that has dependents itself is deleted in the foreground, as its owner is', () => {
    expect(decided(['waiting'], { grandchild: true })).toBe('deleted in the foreground');
  });

  it('that is in a circle with its owner blocks nobody', () => {
    expect(decided(['waiting'], { isCircle: true })).toBe('deleted in the foreground, blocking nobody');
  });
});

describe('foreground deletion and a second owner', () => {
  it('leaves what the other one still holds, and comes to its end', async () => {
    const { daemon, names } = await family(true);
    const second = await daemon.apply({ kind: 'VPC', metadata: { name: 'second' }, spec: {} });
    const reference = (name: string, uid: string) => ({
      apiVersion: 'miniaws.dev/v1',
      kind: 'VPC',
      name,
      uid,
      blockOwnerDeletion: true,
    });
    const first = daemon.get('VPC', 'owner')?.metadata.uid ?? '';
    const ownerReferences = [reference('owner', first), reference('second', second.metadata.uid)];
    await daemon.apply({
      kind: 'Instance',
      metadata: { name: 'a', ownerReferences },
      spec: { image: 'app:1', vpc: 'net' },
    });
    await daemon.settle();
    await daemon.delete(OWNER, { propagationPolicy: 'Foreground' });
    await daemon.settle();
    expect(names()).toEqual(['a', 'net', 'second']);
    expect(daemon.get('Instance', 'a')?.metadata.ownerReferences).toEqual([reference('second', second.metadata.uid)]);
  });

  it('ends when what blocked the owner lets go of it, by whomever', async () => {
    const { daemon, names } = await family(true);
    const paused = { 'miniaws.dev/paused': 'true' };
    const spec = { image: 'app:1', vpc: 'net' };
    const second = await daemon.apply({ kind: 'VPC', metadata: { name: 'second' }, spec: {} });
    for (const name of ['a', 'b'])
      await daemon.apply({ kind: 'Instance', metadata: { name, annotations: paused }, spec }, 'other');
    await daemon.delete(OWNER, { propagationPolicy: 'Foreground' });
    await daemon.settle();
    expect(names()).toContain('owner');
    const ownerReferences = [{ apiVersion: 'miniaws.dev/v1', kind: 'VPC', name: 'second', uid: second.metadata.uid }];
    for (const name of ['a', 'b']) await daemon.apply({ kind: 'Instance', metadata: { name, ownerReferences }, spec });
    await daemon.settle();
    expect(names()).not.toContain('owner');
  });

  it('an owner of another namespace is refused where the reference is made', async () => {
    const { daemon } = await family();
    const uid = daemon.get('VPC', 'owner')?.metadata.uid ?? '';
    const ownerReferences = [{ apiVersion: 'miniaws.dev/v1', kind: 'VPC', name: 'owner', uid }];
    const document = {
      kind: 'Instance',
      metadata: { name: 'c', namespace: 'other', ownerReferences },
      spec: { image: 'app:1', vpc: 'net' },
    };
    await expect(daemon.apply(document)).rejects.toThrow(
      /metadata\.ownerReferences\[0\]: VPC default\/owner is of another namespace/,
    );
  });
});
