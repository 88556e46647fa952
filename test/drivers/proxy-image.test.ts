import { describe, expect, it } from 'vitest';
import { BUILT_PROXY_IMAGE, createProxyImages, PULLED_PROXY_IMAGE } from '../../src/drivers/proxy-image.ts';
import { createSimulatedCompute } from '../../src/drivers/simulated/simulated-compute.ts';
import { SimulatedEngine } from '../../src/drivers/simulated/simulated-engine.ts';
import { breathe, ManualClock } from '../../src/proof/manual-clock.ts';
import { expectPassError } from './contract/context.ts';

const owner = { uid: 'u', kind: 'LoadBalancer', namespace: 'default', name: 'lb', generation: 1 };

async function world(build: () => Promise<{ tar: Buffer; changes: string[] }>) {
  const clock = new ManualClock();
  const engine = new SimulatedEngine({ clock });
  const compute = createSimulatedCompute({ engine, installation: 'sim' });
  await compute.open();
  // An Engine that has neither.
  engine.images.registry.set(BUILT_PROXY_IMAGE, { afterMs: 0, fails: true });
  engine.images.registry.set(PULLED_PROXY_IMAGE, { afterMs: 1_000 });
  return { clock, engine, compute, images: createProxyImages({ compute, build }) };
}

const archive = async () => ({ tar: Buffer.alloc(1_024), changes: [] });

describe('the image of proxies', () => {
  it('is taken as it is there: nothing is pulled', async () => {
    const { engine, compute, images } = await world(archive);
    engine.images.registry.delete(PULLED_PROXY_IMAGE);
    expect(await images.ensure(owner)).toBe(PULLED_PROXY_IMAGE);
    expect(compute.calls().get('pullImage')).toBeUndefined();
  });

  it('is pulled where it can be', async () => {
    const { clock, images } = await world(() => Promise.reject(new Error('built')));
    const ensured = images.ensure(owner);
    await breathe();
    await clock.advance(1_000);
    expect(await ensured).toBe(PULLED_PROXY_IMAGE);
  });

  it('a pull that takes long is waited for elsewhere', async () => {
    const { clock, engine, images } = await world(() => Promise.reject(new Error('built')));
    engine.images.registry.set(PULLED_PROXY_IMAGE, { afterMs: 60_000 });
    const failure = expectPassError('ImageUnavailable', images.ensure(owner));
    await breathe();
    await clock.advance(20_000);
    expect((await failure).message).toContain('is being pulled');
    await clock.advance(40_000);
    expect(await images.ensure(owner)).toBe(PULLED_PROXY_IMAGE);
  });

  it('is built once for all who ask where it cannot be pulled, and stays the one that is used', async () => {
    let builds = 0;
    const { clock, engine, images } = await world(() => (builds++, archive()));
    engine.images.registry.set(PULLED_PROXY_IMAGE, { afterMs: 10, fails: true });
    const both = Promise.all([images.ensure(owner), images.ensure({ ...owner, uid: 'v' })]);
    await breathe();
    await clock.advance(10);
    expect(await both).toEqual([BUILT_PROXY_IMAGE, BUILT_PROXY_IMAGE]);
    expect(builds).toBe(1);
    engine.images.registry.delete(PULLED_PROXY_IMAGE);
    expect(await images.ensure(owner)).toBe(BUILT_PROXY_IMAGE);
  });

  it('says what to do where it can be had in neither way, and tries again when it is asked again', async () => {
    let broken = true;
    const { clock, engine, images } = await world(() => (broken ? Promise.reject(new Error('no apt')) : archive()));
    const ask = async () => {
      engine.images.registry.set(PULLED_PROXY_IMAGE, { afterMs: 10, fails: true });
      const asked = images.ensure(owner);
      const settled = asked.catch(() => undefined);
      await breathe();
      await clock.advance(10);
      await settled;
      return asked;
    };
    const { message } = await expectPassError('ImageUnavailable', ask());
    expect(message).toMatch(/manifest .* nor built here \(no apt\); run 'docker pull haproxy:2.6-alpine'/);
    broken = false;
    expect(await ask()).toBe(BUILT_PROXY_IMAGE);
    engine.reachable = false;
    await expectPassError('EngineUnavailable', images.ensure(owner));
  });
});
