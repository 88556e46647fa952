import { expect, it, onTestFinished } from 'vitest';
import { findCondition, isReady, RESTARTED_AT } from '../../../src/api/metadata.ts';
import { isInstance } from '../../../src/kinds/instance/types.ts';
import type { ScalingGroup } from '../../../src/kinds/scaling-group/types.ts';
import { World } from '../../../src/proof/world.ts';
import { orphans, unrest, untruths } from '../../../src/proof/oracles.ts';

/** Longer than a rolling update takes. */
const LONG_MS = 120_000;

async function start() {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  const first = world.engine.images.retag('app:1', 'first build');
  const apply = (annotations?: Record<string, string>) =>
    daemon.apply({
      kind: 'ScalingGroup',
      metadata: { name: 'web' },
      spec: {
        minInstances: 3,
        maxInstances: 5,
        strategy: { minReadySeconds: 0 },
        template: { ...(annotations && { metadata: { annotations } }), spec: { image: 'app:1' } },
      },
    });
  await apply();
  await daemon.settle(LONG_MS);
  const group = () => daemon.get('ScalingGroup', 'web') as ScalingGroup;
  const images = () => world.documents.filter(isInstance).map((i) => i.status?.imageId);
  const replace = async () => {
    await daemon.delete('Instance/default/web-0');
    await daemon.settle(LONG_MS);
    expect(isReady(group())).toBe(true);
  };
  return { world, daemon, first, apply, group, images, replace };
}

it('an instance that is replaced is made from the image with which its revision began, wherever the tag is by now', async () => {
  const { world, daemon, first, group, images, replace } = await start();
  expect(group().status?.revisions?.at(-1)?.imageId).toBe(first);
  world.engine.images.retag('app:1', 'second build');
  await replace();
  expect(images()).toEqual([first, first, first]);
  expect(findCondition(group(), 'Degraded')?.status).toBe('False');
  expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
});

it('a restart takes the present image for all, and the template that comes back brings its image along', async () => {
  const { world, daemon, first, apply, group, images, replace } = await start();
  const second = world.engine.images.retag('app:1', 'second build');
  await apply({ [RESTARTED_AT]: '2026-01-01T00:00:00Z' });
  await daemon.settle(LONG_MS);
  expect(images()).toEqual([second, second, second]);
  expect(group().status?.revisions?.map((r) => r.imageId)).toEqual([first, second]);
  // It asks for other instances, not for another start of theirs.
  expect(world.documents.filter(isInstance).map((i) => i.metadata.annotations?.[RESTARTED_AT])).toEqual(
    Array.from({ length: 3 }),
  );
  await apply();
  await daemon.settle(LONG_MS);
  expect(images()).toEqual([first, first, first]);
  await replace();
  expect(images()).toEqual([first, first, first]);
});

it('an image that is no longer on the Engine gives way to what the tag is, and the group says that it is mixed', async () => {
  const { world, daemon, first, group, images, replace } = await start();
  const second = world.engine.images.retag('app:1', 'second build');
  world.engine.images.remove(first);
  await replace();
  expect(images().toSorted()).toEqual([first, first, second].toSorted());
  const degraded = findCondition(group(), 'Degraded');
  expect(degraded).toMatchObject({ status: 'True', reason: 'DifferentImages' });
  expect(degraded?.message).toBe(
    `its instances run different images of app:1 (web-1, web-2: ${first.slice(7, 19)}; web-3: ${second.slice(7, 19)}); to have all of what it is now: miniaws restart`,
  );
  expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
});

it('a revision of before, whose instances run several images, takes what the tag is, as it did', async () => {
  const { world, daemon, first, group, images, replace } = await start();
  const second = world.engine.images.retag('app:1', 'second build');
  world.engine.images.remove(first);
  await replace();
  await daemon.store.commit({
    decide: () => {
      const { status } = group();
      const revisions = (status?.revisions ?? []).map(({ imageId: _, ...before }) => before);
      return { put: [{ ...group(), status: { ...status, revisions } } as ScalingGroup] };
    },
  });
  await daemon.settle(LONG_MS);
  expect(group().status?.revisions?.map((r) => r.imageId)).toEqual([undefined]);
  expect(images()).toContain(first);
  await daemon.delete('Instance/default/web-1');
  await daemon.settle(LONG_MS);
  await daemon.delete('Instance/default/web-2');
  await daemon.settle(LONG_MS);
  expect(images()).toEqual([second, second, second]);
  expect(group().status?.revisions?.map((r) => r.imageId)).toEqual([second]);
});
