import { describe, expect, it, onTestFinished } from 'vitest';
import { findCondition, isReady } from '../../src/api/metadata.ts';
import type { Instance } from '../../src/kinds/instance/types.ts';
import type { Vpc } from '../../src/kinds/vpc/types.ts';
import { World } from '../../src/proof/world.ts';
import type { WorldDaemon } from '../../src/proof/world.ts';

const vpc = (name: string, spec: object = {}) => ({ kind: 'VPC', metadata: { name }, spec });
const instance = (name: string, spec: object = {}) => ({
  kind: 'Instance',
  metadata: { name },
  spec: { image: 'app:1', vpc: 'main', ...spec },
});

async function start(): Promise<{ world: World; daemon: WorldDaemon }> {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  return { world, daemon };
}

const one = (world: World) => {
  const [container] = world.engine.containers.values();
  if (!container || world.engine.containers.size !== 1)
    throw new Error(`there are ${world.engine.containers.size} containers`);
  return container;
};

describe('instances and their VPC, over the simulated Engine', () => {
  it('one applied before its VPC waits, says for what, and starts when the VPC is there', async () => {
    const { world, daemon } = await start();
    await daemon.apply(instance('web'));
    await daemon.settle();
    const waiting = daemon.get('Instance', 'web') as Instance;
    expect(findCondition(waiting, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'VpcNotReady',
      message: 'VPC default/main does not exist; create it',
    });
    expect(world.engine.containers.size).toBe(0);
    await daemon.apply(vpc('main', { cidrBlock: '10.1.0.0/24' }));
    await daemon.settle();
    const ready = daemon.get('Instance', 'web') as Instance;
    expect(isReady(ready)).toBe(true);
    expect(ready.status).toMatchObject({
      phase: 'Running',
      containerName: one(world).name,
      privateIp: expect.stringMatching(/^10\.1\.0\./) as string,
    });
  });

  it('I2: a converged world makes no mutating call and no database write, however often it is looked at', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    for (let i = 0; i < 5; i++) await daemon.apply(instance(`web-${i}`));
    await daemon.settle();
    const before = daemon.fingerprint();
    for (let i = 0; i < 5; i++) {
      daemon.manager.notice(undefined, 'test', 'resync');
      await world.clock.advance(300_000);
    }
    expect(daemon.fingerprint()).toBe(before);
  });

  it.each([
    ['killed', (w: World) => w.engine.kill(one(w).id)],
    ['removed', (w: World) => w.engine.remove(one(w).id)],
    ['stopped', (w: World) => void w.engine.stop(one(w).id, 0)],
    ['paused', (w: World) => w.engine.pause(one(w).id)],
    ['renamed', (w: World) => w.engine.rename(one(w).id, 'elsewhere')],
    ['disconnected', (w: World) => w.engine.disconnect(one(w).id, [...w.engine.networks.byId.keys()][0] ?? '')],
  ])('I1, F7: a container that was %s by hand is as specified again', async (_how, tamper) => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('web'));
    await daemon.settle();
    const before = daemon.get('Instance', 'web') as Instance;
    tamper(world);
    await daemon.settle(15_000);
    const after = daemon.get('Instance', 'web') as Instance;
    expect(isReady(after)).toBe(true);
    expect(after.status?.privateIp).toBe(before.status?.privateIp);
    expect(one(world).name).toBe(before.status?.containerName);
    expect(daemon.owned()).toHaveLength(2);
  });

  it('what the Engine can change in place is changed in place; anything else recreates, saying which field forced it', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('web', { resources: { cpus: 1, memory: '64Mi' } }));
    await daemon.settle();
    const { id } = one(world);
    await daemon.apply(instance('web', { resources: { cpus: 2, memory: '128Mi' }, restartPolicy: 'Never' }));
    await daemon.settle();
    expect(one(world).id).toBe(id);
    await daemon.apply(
      instance('web', {
        resources: { cpus: 2, memory: '128Mi' },
        restartPolicy: 'Never',
        image: 'app:2',
        env: { A: '1' },
      }),
    );
    await daemon.settle();
    expect(one(world).id).not.toBe(id);
    const { items } = await daemon.store.log({ kind: 'Instance', limit: 100 });
    const recreated = items.map((i) => i.record).find((e) => e.steps.some((s) => s.step.startsWith('remove')));
    expect(recreated?.difference).toContain('spec.image, spec.env changed');
  });

  it('the old container runs on while the new image cannot be had', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('web'));
    await daemon.settle();
    const { id } = one(world);
    await daemon.apply(instance('web', { image: 'missing:1' }));
    await world.clock.advance(60_000);
    expect(one(world)).toMatchObject({ id, state: 'running' });
    const web = daemon.get('Instance', 'web') as Instance;
    expect(findCondition(web, 'Ready')).toMatchObject({ status: 'False', reason: 'ImageUnavailable' });
    await daemon.apply(instance('web', { image: 'app:3' }));
    await daemon.settle();
    expect(isReady(daemon.get('Instance', 'web') as Instance)).toBe(true);
  });

  it('power off keeps container and address; power on starts the same one', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('web'));
    await daemon.settle();
    const { id } = one(world);
    await daemon.apply(instance('web', { powerState: 'Stopped' }));
    await daemon.settle();
    expect(one(world)).toMatchObject({ id, state: 'exited' });
    expect(daemon.get('Instance', 'web')).toMatchObject({ status: { phase: 'Stopped' } });
    await daemon.apply(instance('web', { powerState: 'Running' }));
    await daemon.settle();
    expect(one(world)).toMatchObject({ id, state: 'running' });
  });

  it('restart policies: Never is final, OnFailure restarts a failure only, Always comes back', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('never', { restartPolicy: 'Never' }));
    await daemon.settle();
    world.engine.crash(one(world).id, 3);
    await daemon.settle();
    expect(daemon.get('Instance', 'never')).toMatchObject({ status: { phase: 'Failed', lastExitCode: 3 } });
    expect(one(world).state).toBe('exited');
    await daemon.apply(instance('never', { restartPolicy: 'OnFailure' }));
    await daemon.settle(15_000);
    expect(daemon.get('Instance', 'never')).toMatchObject({ status: { phase: 'Running' } });
  });

  it('I14: a VPC goes after its instances, which it names while it waits; then nothing is left', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('web'));
    await daemon.settle();
    await daemon.delete({ kind: 'VPC', namespace: 'default', name: 'main' });
    await daemon.settle();
    expect(findCondition(daemon.get('VPC', 'main') as Vpc, 'Ready')).toMatchObject({
      reason: 'InUse',
      message: 'its deletion waits for Instance default/web',
    });
    await daemon.delete({ kind: 'Instance', namespace: 'default', name: 'web' });
    await daemon.settle();
    expect(daemon.get('Instance', 'web')).toBeUndefined();
    expect(daemon.get('VPC', 'main')).toBeUndefined();
    expect(world.engine.containers.size + world.engine.networks.byId.size).toBe(0);
    expect(await daemon.store.inventory()).toEqual([]);
  });

  it('the default VPC of a namespace is made when it is needed', async () => {
    const { daemon } = await start();
    await daemon.apply({ kind: 'Namespace', metadata: { name: 'team' }, spec: {} });
    await daemon.apply({ kind: 'Instance', metadata: { name: 'web', namespace: 'team' }, spec: { image: 'app:1' } });
    await daemon.settle();
    expect(isReady(daemon.get('Instance', 'web', 'team') as Instance)).toBe(true);
    expect(daemon.get('VPC', 'default', 'team')).toMatchObject({ spec: { cidrBlock: '10.64.0.0/20' } });
  });

  it('I4: while the Engine is out of reach nothing is concluded, and nothing is called', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('web'));
    await daemon.settle();
    world.engine.reachable = false;
    await daemon.settle();
    expect(findCondition(daemon.get('Instance', 'web') as Instance, 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'EngineUnavailable',
    });
    const calls = world.mutations();
    world.engine.remove(one(world).id);
    await world.clock.advance(60_000);
    expect(world.mutations()).toBe(calls);
    world.engine.reachable = true;
    await daemon.settle(5_000);
    expect(isReady(daemon.get('Instance', 'web') as Instance)).toBe(true);
  });

  it('I8: Ready never speaks for a generation that was not acted on', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply(instance('web'));
    await daemon.settle();
    world.engine.reachable = false;
    await daemon.settle();
    const changed = await daemon.apply(instance('web', { image: 'app:2' }));
    await daemon.settle();
    expect(isReady(daemon.get('Instance', 'web') as Instance)).toBe(false);
    world.engine.reachable = true;
    await daemon.settle(5_000);
    const after = daemon.get('Instance', 'web') as Instance;
    expect(findCondition(after, 'Ready')).toMatchObject({
      status: 'True',
      observedGeneration: changed.metadata.generation,
    });
  });

  it('a paused object is left alone until it is resumed', async () => {
    const { world, daemon } = await start();
    await daemon.apply(vpc('main'));
    await daemon.apply({
      ...instance('web'),
      metadata: { name: 'web', annotations: { 'miniaws.dev/paused': 'true' } },
    });
    await daemon.settle();
    expect(world.engine.containers.size).toBe(0);
    await daemon.apply(instance('web'));
    await daemon.settle();
    expect(world.engine.containers.size).toBe(1);
  });

  it('two instances never get one address, however many are made at once', async () => {
    const { daemon } = await start();
    await daemon.apply(vpc('main', { cidrBlock: '10.1.0.0/27' }));
    await Promise.all(Array.from({ length: 30 }, (_, i) => daemon.apply(instance(`n${i}`))));
    await daemon.settle(5_000);
    const all = [...daemon.store.cached().list('Instance')] as Instance[];
    const given = all.flatMap((i) => i.status?.privateIp ?? []);
    expect(new Set(given).size).toBe(29);
    const left = all.filter((i) => i.status?.privateIp === undefined);
    expect(left.map((i) => findCondition(i, 'Ready')?.reason)).toEqual(['SubnetFull']);
  });
});
