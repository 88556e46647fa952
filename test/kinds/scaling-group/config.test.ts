import { describe, expect, it, onTestFinished } from 'vitest';
import { findCondition, isReady } from '../../../src/api/metadata.ts';
import type { ScalingGroup } from '../../../src/kinds/scaling-group/types.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { sourceDocuments } from '../instance/config-documents.ts';

const { map } = sourceDocuments;
const group = (file: object, template: object = {}) => ({
  kind: 'ScalingGroup',
  metadata: { name: 'web' },
  spec: {
    minInstances: 2,
    maxInstances: 5,
    strategy: { minReadySeconds: 0 },
    template: {
      spec: { image: 'app:1', files: [{ path: '/conf', configMap: 'app', key: 'a', ...file }], ...template },
    },
  },
});

async function start(file: object, data?: Record<string, string>): Promise<{ world: World; daemon: WorldDaemon }> {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  if (data) await daemon.apply(map(data));
  await daemon.apply(group(file));
  await daemon.settle(30_000);
  return { world, daemon };
}
const groupOf = (daemon: WorldDaemon) => daemon.get('ScalingGroup', 'web') as ScalingGroup;
const condition = (daemon: WorldDaemon, type: string) => findCondition(groupOf(daemon), type);
const filesOf = ({ engine }: World) =>
  [...engine.containers.values()].map(({ files }) => files.get('/conf') ?? 'none').toSorted();
const idsOf = ({ engine }: World) => [...engine.containers.keys()].toSorted();

describe('what a group’s instances are given', () => {
  it('is a new revision where it changes, is rolled out by the strategy, and the log says what it was', async () => {
    const { world, daemon } = await start({}, { a: 'one', other: '' });
    const before = idsOf(world);
    await daemon.apply(map({ a: 'two', other: 'is nobody’s' }));
    await daemon.settle(60_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    expect(filesOf(world)).toEqual(['two', 'two']);
    expect(idsOf(world).filter((id) => before.includes(id))).toEqual([]);
    expect(groupOf(daemon).status?.revision).toBe(2);
    const log = JSON.stringify(await daemon.store.log({ kind: 'ScalingGroup', limit: 100 }));
    expect(log).toMatch(/key a of ConfigMap default\/app changed \([0-9a-f]{6} → [0-9a-f]{6}\)/);
    expect(log).not.toContain('the template changed');
    const after = idsOf(world);
    await daemon.apply(map({ a: 'two', other: 'changed' }));
    await daemon.settle(60_000);
    expect(idsOf(world)).toEqual(after);
  });

  it('reaches a running instance by itself where a signal is enough', async () => {
    const { world, daemon } = await start({ onChange: { signal: 'HUP' } }, { a: 'one' });
    const before = idsOf(world);
    await daemon.apply(map({ a: 'two' }));
    await daemon.settle(30_000);
    expect([idsOf(world), filesOf(world)]).toEqual([before, ['two', 'two']]);
    expect([...world.engine.containers.values()].map(({ signals }) => signals)).toEqual([['HUP'], ['HUP']]);
    expect(groupOf(daemon).status).toMatchObject({ revision: 1 });
  });

  it('one template serves all of them', async () => {
    const template = { template: true, configMap: undefined, key: undefined, content: '${name} ${slot}' };
    const { world } = await start(template);
    expect(filesOf(world)).toEqual(['web-0 0', 'web-1 1']);
  });

  it('none is made while it is missing; what runs goes on, through a new template too, until it is there', async () => {
    const { world, daemon } = await start({});
    expect(world.engine.containers.size).toBe(0);
    expect(condition(daemon, 'Ready')).toMatchObject({ status: 'False', reason: 'ConfigNotFound' });
    expect(condition(daemon, 'Ready')?.message).toContain('ConfigMap default/app is not there: create it');
    await daemon.apply(map({ a: 'one' }));
    await daemon.settle(30_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    const before = idsOf(world);
    await daemon.delete('ConfigMap/default/app');
    await daemon.settle(30_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    expect(condition(daemon, 'ConfigAvailable')?.status).toBe('False');
    await daemon.apply(group({}, { image: 'app:2' }));
    await daemon.settle(30_000);
    expect(idsOf(world)).toEqual(before);
    expect(condition(daemon, 'Ready')?.reason).toBe('ConfigNotFound');
    await daemon.apply(map({ a: 'three' }));
    await daemon.settle(60_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    expect(filesOf(world)).toEqual(['three', 'three']);
    expect(groupOf(daemon).status?.revision).toBe(2);
  });

  it('deleted and made again as it was, it changes nothing', async () => {
    const { world, daemon } = await start({}, { a: 'one' });
    const before = idsOf(world);
    await daemon.delete('ConfigMap/default/app');
    await daemon.settle(30_000);
    await daemon.apply(map({ a: 'one' }));
    await daemon.settle(60_000);
    expect([idsOf(world), isReady(groupOf(daemon))]).toEqual([before, true]);
  });

  it('a content that does not work is no reason to go back: it is what it is now', async () => {
    const { world, daemon } = await start({}, { a: 'one' });
    const broken = group({});
    Object.assign(broken.spec.strategy, { onFailure: 'RollBack', progressDeadline: '30s', minReadySeconds: 10 });
    Object.assign(broken.spec, { healthCheckGracePeriod: '1s' });
    await daemon.apply(broken);
    await daemon.settle(30_000);
    world.engine.processes.crashing.set('app:1', { exitCode: 1, afterMs: 10 });
    await daemon.apply(map({ a: 'broken' }));
    await daemon.settle(120_000).catch(() => undefined);
    expect(condition(daemon, 'Ready')?.reason).toBe('RolloutFailed');
    expect(groupOf(daemon).status?.revision).toBe(2);
    expect(filesOf(world)).toContain('one');
  });
});
