import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/metadata.ts';
import { Cloud } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { faultyEngine } from '../support/faulty-engine.ts';
import type { FaultyEngine } from '../support/faulty-engine.ts';
import { call } from '../support/http.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
let wire: FaultyEngine;

const spec = (more: object = {}) => ({ image: cloud.image, vpc: 'one', stopGracePeriod: '0s', ...more });
const containerOf = async (name: string): Promise<string> => (await cloud.instance(name)).status?.containerId ?? '';

beforeAll(async () => {
  wire = await faultyEngine();
  cloud = await Cloud.start({ env: { DOCKER_HOST: wire.host } });
  await cloud.apply(vpc('one', { cidrBlock: '10.214.32.0/24' }));
});
afterAll(async () => {
  wire?.silence(undefined);
  await cloud?.close();
  await wire?.close();
});

/** F15. The Engine is well, and says nothing of one container. */
describe('one container of which the Engine says nothing', () => {
  it('is unobservable itself; the Engine is within reach, and another that was removed by hand comes back', async () => {
    await cloud.apply(instance('silent', spec()), instance('healthy', spec()));
    await cloud.ready('instances', 'silent', 'healthy');
    const [silent, healthy] = [await containerOf('silent'), await containerOf('healthy')];
    wire.silence(({ path }) => path.includes(silent));
    // Its end is an event: whoever hears of it looks at it, and gets no answer.
    await engine.getContainer(silent).kill();
    await eventually(
      'the silence to be told of',
      async () => findCondition(await cloud.instance('silent'), 'Ready')?.status === 'Unknown',
      40_000,
    );
    await engine.getContainer(healthy).remove({ force: true });
    await eventually('the other to be back', async () => {
      const now = await containerOf('healthy');
      return now !== '' && now !== healthy;
    });
    await cloud.ready('instances', 'healthy');
    const readyz = await call(cloud.daemon, 'GET', '/readyz');
    expect(readyz.text).toContain('[+]engine ok');
    expect(findCondition(await cloud.instance('silent'), 'Ready')?.message).toContain('does not answer');
    wire.silence(undefined);
    await cloud.ready('instances', 'silent');
    await cloud.remove('instances', 'silent', 'healthy');
    await cloud.gone('instances', 'silent', 'healthy');
  });

  it.each<[string, RegExp]>([
    ['start', /\/start$/],
    ['stop', /\/stop$/],
    ['removal', /^\/containers\/[^/]+$/],
  ])('whose %s hangs holds up no other; it goes on when the Engine does', async (step, path) => {
    const slow = `slow-${step}`;
    await cloud.apply(instance(slow, spec({ powerState: step === 'start' ? 'Stopped' : 'Running' })));
    await cloud.ready('instances', slow);
    const id = await containerOf(slow);
    wire.silence((request) => request.method !== 'GET' && request.path.includes(id) && path.test(request.path));
    if (step === 'start') await cloud.apply(instance(slow, spec({ powerState: 'Running' })));
    else await cloud.remove('instances', slow);
    const others = Array.from({ length: 6 }, (_, i) => `other-${step}-${i}`);
    await cloud.apply(...others.map((name) => instance(name, spec())));
    await cloud.ready('instances', ...others);
    await cloud.condition('instances', slow, 'Ready', ({ status }) => status !== 'True');
    wire.silence(undefined);
    // The request that hangs has its deadline; a person's next change is not waited for.
    await cloud.remove('instances', ...others);
    await cloud.gone('instances', ...others);
    expect(await engine.getContainer(id).inspect()).toBeDefined();
  });
});

describe('sixteen slow stops', () => {
  it('hold up nobody: a new instance runs while they have their minute', async () => {
    const slow = Array.from({ length: 16 }, (_, i) => `stubborn-${i}`);
    // A process 1 that minds no SIGTERM is given its whole grace.
    const command = ['/bin/busybox', 'sleep', '1000000'];
    await cloud.apply(...slow.map((name) => instance(name, spec({ command, init: false, stopGracePeriod: '1h' }))));
    await cloud.ready('instances', ...slow);
    const ids = await Promise.all(slow.map(containerOf));
    await cloud.remove('instances', ...slow);
    await cloud.apply(instance('newcomer', spec()));
    await cloud.ready('instances', 'newcomer');
    const states = await Promise.all(ids.map(async (id) => (await engine.getContainer(id).inspect()).State.Status));
    expect(states).toEqual(slow.map(() => 'running'));
    const leaving = await cloud.instance(slow[0] ?? '');
    expect(findCondition(leaving, 'Ready')).toMatchObject({ status: 'False', reason: 'Terminating' });
    // What a person ends by hand ends the stop, and with it the instance.
    await Promise.all(ids.map((id) => engine.getContainer(id).kill()));
    await cloud.gone('instances', ...slow);
  });

  it('a grace beyond an hour is refused, and says so at its field', async () => {
    await expect(cloud.apply(instance('forever', spec({ stopGracePeriod: '8760h' })))).rejects.toThrow(
      /spec\.stopGracePeriod.*at most 1h/,
    );
  });
});
