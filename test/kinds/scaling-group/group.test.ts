import { describe, expect, it, onTestFinished } from 'vitest';
import { isInstance } from '../../../src/kinds/instance/types.ts';
import type { InstanceStatus } from '../../../src/kinds/instance/types.ts';
import { findCondition, isReady } from '../../../src/api/metadata.ts';
import type { ScalingGroup } from '../../../src/kinds/scaling-group/types.ts';
import { instanceOf } from '../../../src/kinds/scaling-group/plan.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

const document = (spec: object = {}, template: object = {}) => ({
  kind: 'ScalingGroup',
  metadata: { name: 'web' },
  spec: { minInstances: 1, maxInstances: 5, template: { spec: { image: 'app:1', ...template } }, ...spec },
});

async function start(): Promise<{ world: World; daemon: WorldDaemon }> {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  return { world, daemon };
}

const groupOf = (daemon: WorldDaemon) => daemon.get('ScalingGroup', 'web') as ScalingGroup;
const reasonOf = (daemon: WorldDaemon) => findCondition(groupOf(daemon), 'Ready')?.reason;
const namesOf = ({ documents }: World) =>
  documents
    .filter(isInstance)
    .map((i) => `${i.metadata.name} ${i.spec.image}`)
    .toSorted();
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'taken',
    (error: Error) => error.message,
  );

describe('metadata of the template', () => {
  const labelled = (template: object) =>
    document({ template: { ...template, spec: { image: 'app:1' } }, strategy: { minReadySeconds: 0 } });

  it('is that of the instances; a change of it replaces them, and another way to say it does not', async () => {
    const { world, daemon } = await start();
    const metadata = () => {
      const { labels, annotations, uid } = world.documents.find(isInstance)!.metadata;
      return { app: labels?.['app'], note: annotations?.['note'], uid };
    };
    await daemon.apply(labelled({ labels: { app: 'a' } }));
    await daemon.settle(10_000);
    const first = metadata();
    await daemon.apply(labelled({ metadata: { labels: { app: 'a' } } }));
    await daemon.settle(10_000);
    expect(metadata()).toEqual({ app: 'a', note: undefined, uid: first.uid });
    await daemon.apply(labelled({ metadata: { labels: { app: 'a' }, annotations: { note: 'n' } } }));
    await daemon.settle(60_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    expect([metadata().note, metadata().uid === first.uid]).toEqual(['n', false]);
    const replaced = instanceOf(groupOf(daemon), { digests: {}, missing: [], hash: '' }, 'web-9', 2).metadata[
      'annotations'
    ];
    expect(replaced).toMatchObject({ note: 'n', 'miniaws.dev/replaced-in-vain': '2' });
  });

  it('is refused where it says two things, or what is the group’s own', async () => {
    const { daemon } = await start();
    const clash = labelled({ labels: { app: 'a' }, metadata: { labels: { app: 'b' } } });
    expect(await refusal(daemon.apply(clash))).toContain(
      'spec.template.metadata.labels.app: is "b" here and "a" in template.labels',
    );
    const ours = labelled({ metadata: { annotations: { 'miniaws.dev/paused': 'true' } } });
    expect(await refusal(daemon.apply(ours))).toContain("what begins with miniaws.dev/ is the group's own to set");
  });
});

describe('the desired count', () => {
  it('is the minimum until somebody says another, and status says who did', async () => {
    const { world, daemon } = await start();
    await daemon.apply(document({ minInstances: 2 }));
    await daemon.settle(10_000);
    expect(namesOf(world)).toEqual(['web-0 app:1', 'web-1 app:1']);
    expect(groupOf(daemon).status).toMatchObject({ effective: { desiredCount: 2 }, scaled: { by: 'default' } });
    await daemon.apply(document({ minInstances: 2, desiredCount: 3 }));
    await daemon.settle(10_000);
    expect(groupOf(daemon).status).toMatchObject({ readyCount: 3, scaled: { by: 'person', why: 'set to 3' } });
  });

  it('stays with whoever set it when YAML leaves it out; another one is a conflict unless forced (I6)', async () => {
    const { daemon } = await start();
    await daemon.apply(document({ desiredCount: 2 }));
    await daemon.apply(document(), 'person');
    expect(groupOf(daemon).spec.desiredCount).toBe(2);
    await daemon.apply(document({ desiredCount: 4 }), 'policy');
    expect(await refusal(daemon.apply(document({ desiredCount: 1 })))).toMatch(/conflict.*policy.*desiredCount/s);
    await daemon.apply(document({ desiredCount: 1 }), 'person', true);
    expect(groupOf(daemon).spec.desiredCount).toBe(1);
  });

  it('outside the range is refused with the range; one that is kept follows it, and belongs to the bounds then', async () => {
    const { daemon } = await start();
    expect(await refusal(daemon.apply(document({ desiredCount: 9 })))).toContain('9 is outside 1 to 5');
    expect(await refusal(daemon.apply(document({ minInstances: 6 })))).toContain('6 is more than maxInstances');
    await daemon.apply(document({ desiredCount: 5 }), 'policy');
    expect(await refusal(daemon.apply(document({ maxInstances: 3, desiredCount: 5 }), 'person', true))).toContain(
      '5 is outside 1 to 3',
    );
    await daemon.apply(document({ maxInstances: 3 }), 'person', true);
    await daemon.settle(10_000);
    expect(groupOf(daemon)).toMatchObject({ spec: { desiredCount: 3 }, status: { scaled: { by: 'bounds' } } });
  });

  it('is pinned for a while, and the pin lets go by itself', async () => {
    const { world, daemon } = await start();
    const until = new Date(world.clock.now().getTime() + 3_600_000).toISOString();
    await daemon.apply(document({ desiredCount: 1 }));
    await daemon.apply(document({ desiredCount: 1, pin: { desiredCount: 4, until } }));
    await daemon.settle(10_000);
    expect(groupOf(daemon).status).toMatchObject({
      readyCount: 4,
      scaled: { why: `pinned to 4 until ${until}` },
    });
    await world.clock.advance(3_600_000);
    await daemon.settle(10_000);
    expect(namesOf(world)).toEqual(['web-0 app:1']);
    expect(groupOf(daemon).spec.pin).toBeUndefined();
  });
});

describe('what no group can have', () => {
  it.each<[string, object, object, string]>([
    ['one host port for all', {}, { ports: ['8080:80'] }, 'host port 8080 cannot be published by all'],
    ['one address for all', {}, { privateIp: '10.0.0.9' }, 'one address cannot be given to all'],
    ['a surge over one with a host port', { maxInstances: 1 }, { ports: ['8080:80'] }, 'up to 2 instances'],
    ['no way to roll', { strategy: { maxSurge: 0, maxUnavailable: '0%' } }, {}, 'no instance could ever be replaced'],
    ['a percentage of more than all', { strategy: { maxSurge: '101%' } }, {}, 'a percentage such as 25%'],
    ['instances that do not run', {}, { powerState: 'Stopped' }, 'scale it to 0'],
    ['a bad instance', {}, { healthCheck: {} }, 'spec.template.spec.healthCheck: give exactly one'],
    ['a VPC in the template', {}, { vpc: 'main' }, 'spec.template.spec.vpc: unknown field'],
  ])('%s', async (_what, spec, template, words) => {
    const { daemon } = await start();
    expect(await refusal(daemon.apply(document(spec, template)))).toContain(words);
  });

  it('a single one may have a host port, when nothing surges', async () => {
    const { daemon } = await start();
    const strategy = { maxSurge: 0, maxUnavailable: 1 };
    await daemon.apply(document({ maxInstances: 1, strategy }, { ports: ['8080:80'] }));
    await daemon.settle(10_000);
    expect(isReady(groupOf(daemon))).toBe(true);
  });
});

describe('a template that does not work', () => {
  const broken = { command: ['missing-executable'] };

  it('stops with the old instances still there, says so, and changing it back recovers', async () => {
    const { world, daemon } = await start();
    await daemon.apply(document({ desiredCount: 3, healthCheckGracePeriod: '1s' }));
    await daemon.settle(10_000);
    world.engine.probe = () => ({ healthy: false, detail: 'answered 500, expected 200' });
    const check = { healthCheck: { http: { port: 80 }, retries: 1, interval: '1s' } };
    await daemon.apply(document({ desiredCount: 3, healthCheckGracePeriod: '1s' }, check));
    await daemon.settle(10_000);
    expect(reasonOf(daemon)).toBe('RolloutFailed');
    expect(findCondition(groupOf(daemon), 'Ready')?.message).toMatch(/^web-3 is Unhealthy: .*; 3 of 3 are available/);
    expect(groupOf(daemon).status).toMatchObject({ availableCount: 3, currentCount: 4 });
    await daemon.apply(document({ desiredCount: 3, healthCheckGracePeriod: '1s' }));
    await daemon.settle(10_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    expect(groupOf(daemon).status?.revisions?.map((r) => [r.revision, r.failed !== undefined])).toEqual([
      [2, true],
      [3, false],
    ]);
  });

  it('that finds no address in a full VPC is told how to roll without one more, and then does', async () => {
    const { world, daemon } = await start();
    const strategy = { minReadySeconds: 0, progressDeadline: '60s' };
    const full = (spec: object = {}, template: object = {}) =>
      document({ vpc: 'small', minInstances: 13, maxInstances: 13, ...spec }, template);
    await daemon.apply({ kind: 'VPC', metadata: { name: 'small' }, spec: { cidrBlock: '10.9.0.0/28' } });
    await daemon.apply(full({ strategy }));
    await daemon.settle(60_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    const ready = () => findCondition(groupOf(daemon), 'Ready');
    await daemon.apply(full({ strategy }, { image: 'app:2' }));
    await world.clock.advance(10_000);
    await daemon.settle();
    const advice = /no free address for web-13: set strategy.maxSurge to 0 and strategy.maxUnavailable to 1/;
    expect(ready()).toMatchObject({ reason: 'RollingUpdate', message: expect.stringMatching(advice) });
    await world.clock.advance(120_000);
    await daemon.settle();
    expect(ready()).toMatchObject({ reason: 'RolloutFailed', message: expect.stringMatching(advice) });
    expect(groupOf(daemon).status).toMatchObject({ availableCount: 13, updatedCount: 1 });
    await daemon.apply(full({ strategy: { ...strategy, maxSurge: 0, maxUnavailable: 1 } }, { image: 'app:2' }));
    await daemon.settle(60_000);
    expect(groupOf(daemon).status).toMatchObject({ availableCount: 13, updatedCount: 13 });
    expect(isReady(groupOf(daemon))).toBe(true);
  });

  it('is not to blame while a new one waits for the address of one that takes long to stop', async () => {
    const { world, daemon } = await start();
    const full = (image: string) =>
      document(
        { vpc: 'small', minInstances: 13, maxInstances: 13, strategy, healthCheckGracePeriod: '1s' },
        { image, command: ['sleep', 'infinity'], init: false, stopGracePeriod: '60s' },
      );
    const strategy = { minReadySeconds: 0, maxSurge: 0, maxUnavailable: 1, onFailure: 'RollBack' };
    await daemon.apply({ kind: 'VPC', metadata: { name: 'small' }, spec: { cidrBlock: '10.9.0.0/28' } });
    await daemon.apply(full('app:1'));
    await daemon.settle(60_000);
    await daemon.apply(full('app:2'));
    await world.clock.advance(5_000);
    await daemon.settle();
    expect(findCondition(groupOf(daemon), 'Ready')).toMatchObject({
      reason: 'RollingUpdate',
      message: expect.stringContaining('web-13 waits for the address of web-12, which is leaving'),
    });
    await world.clock.advance(13 * 95_000);
    await daemon.settle();
    expect(groupOf(daemon).status).toMatchObject({ availableCount: 13, updatedCount: 13 });
    expect(world.documents.filter(isInstance).map((i) => i.spec.image)).toEqual(Array(13).fill('app:2'));
  });

  it('is taken back by the group itself where that is asked for', async () => {
    const { world, daemon } = await start();
    const spec = { desiredCount: 2, healthCheckGracePeriod: '1s', strategy: { onFailure: 'RollBack' } };
    await daemon.apply(document(spec));
    await daemon.settle(10_000);
    await daemon.apply(document(spec, broken));
    await daemon.settle(30_000);
    expect(groupOf(daemon)).toMatchObject({ spec: { template: { spec: { image: 'app:1' } } } });
    expect(groupOf(daemon).spec.template.spec.command).toBeUndefined();
    expect(isReady(groupOf(daemon))).toBe(true);
    expect(namesOf(world)).toHaveLength(2);
  });

  it('of a group that has always worked is not blamed for what comes later', async () => {
    const { world, daemon } = await start();
    const check = { healthCheck: { http: { port: 80 }, retries: 1, interval: '1s' } };
    const spec = { desiredCount: 2, healthCheckGracePeriod: '5s', strategy: { onFailure: 'RollBack' } };
    await daemon.apply(document(spec));
    await daemon.apply(document(spec, check));
    await daemon.settle(15_000);
    world.engine.probe = () => ({ healthy: false, detail: 'connection refused' });
    await world.clock.advance(20_000);
    expect(groupOf(daemon).spec.template.spec.healthCheck).toBeDefined();
    world.engine.probe = () => undefined;
    await daemon.settle(15_000);
    expect(isReady(groupOf(daemon))).toBe(true);
  });
});

describe('instances', () => {
  it('that are unhealthy past their grace are replaced, one at a slot', async () => {
    const { world, daemon } = await start();
    const check = { healthCheck: { http: { port: 80 }, retries: 1, interval: '1s' } };
    await daemon.apply(document({ desiredCount: 2, healthCheckGracePeriod: '1s' }, check));
    await daemon.settle(10_000);
    const first = daemon.get('Instance', 'web-0')?.metadata.uid;
    const status = daemon.get('Instance', 'web-0')?.status as InstanceStatus | undefined;
    const sick = world.engine.named(status?.containerName ?? '');
    world.engine.probe = ({ id }) => (id === sick?.id ? { healthy: false, detail: 'hangs' } : undefined);
    await daemon.settle(10_000);
    expect(isReady(groupOf(daemon))).toBe(true);
    const uids = world.documents.filter(isInstance).map((i) => i.metadata.uid);
    expect(uids).toHaveLength(2);
    expect(uids).not.toContain(first);
  });

  it('that are protected stay, and the group says why it is too many', async () => {
    const { world, daemon } = await start();
    await daemon.apply(document({ desiredCount: 2 }));
    await daemon.settle(10_000);
    for (const name of ['web-0', 'web-1']) {
      const { spec, metadata } = daemon.get('Instance', name) ?? { spec: {}, metadata: { labels: {} } };
      const annotations = { 'miniaws.dev/scale-in-protection': 'true' };
      await daemon.apply(
        { kind: 'Instance', metadata: { name, annotations, labels: metadata.labels ?? {} }, spec },
        'person',
        true,
      );
    }
    await daemon.apply(document({ desiredCount: 1 }));
    await daemon.settle(10_000);
    expect(reasonOf(daemon)).toBe('Protected');
    expect(namesOf(world)).toHaveLength(2);
  });

  it('that are not the group’s and stand on a slot are left alone, and told of', async () => {
    const { world, daemon } = await start();
    await daemon.apply({ kind: 'Instance', metadata: { name: 'web-1' }, spec: { image: 'other:1' } });
    await daemon.apply(document({ desiredCount: 3 }));
    await daemon.settle(10_000);
    expect(reasonOf(daemon)).toBe('SlotTaken');
    expect(findCondition(groupOf(daemon), 'Ready')?.message).toContain('Instance default/web-1 is not the group');
    expect(namesOf(world)).toEqual(['web-0 app:1', 'web-1 other:1', 'web-2 app:1']);
    await daemon.delete('Instance/default/web-1');
    await daemon.settle(45_000);
    expect(isReady(groupOf(daemon))).toBe(true);
  });

  it('outlive a group that is deleted by orphaning, and no other', async () => {
    const { world, daemon } = await start();
    await daemon.apply(document({ desiredCount: 2 }));
    await daemon.settle(10_000);
    await daemon.delete('ScalingGroup/default/web', { propagationPolicy: 'Orphan' });
    await daemon.settle(10_000);
    expect(groupOf(daemon)).toBeUndefined();
    expect(namesOf(world)).toHaveLength(2);
    expect(world.engine.containers.size).toBe(2);
  });
});
