import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { volumeNameOf } from '../../src/drivers/labels.ts';
import { EVENT_FILTERS } from '../../src/drivers/docker/engine-event.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { Cloud } from '../support/cloud.ts';
import { cleanInstallation, engine, engineProxy, freshInstallation } from '../support/engine.ts';
import type { EngineProxy } from '../support/engine.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

/** What people do to the Engine while the daemon does not look: it is stopped by SIGSTOP, or told to leave a document alone. */
let cloud: Cloud;
let proxy: EngineProxy;
const foreign = freshInstallation();
const data = () => volumeNameOf(cloud.installation, 'default', 'data');
const spec = (more: object = {}) => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '0s', ...more });
const stores = (more: object = {}) =>
  instance('stores', spec({ volumes: [{ name: 'data', mountPath: '/data' }], ...more }));

beforeAll(async () => {
  proxy = await engineProxy();
  cloud = await Cloud.start({ env: { DOCKER_HOST: proxy.host } });
  await cloud.apply(vpc('net', { cidrBlock: '10.215.44.0/24' }), instance('a', spec()), stores());
  await cloud.ready('instances', 'a', 'stores');
});
afterAll(async () => {
  await cloud?.close();
  await proxy?.close();
  await cleanInstallation(foreign);
});

const asleep = async (work: () => Promise<unknown>): Promise<void> => {
  cloud.daemon.process.kill('SIGSTOP');
  try {
    await work();
  } finally {
    cloud.daemon.process.kill('SIGCONT');
  }
};

describe('more events than the Engine keeps, 256, while the daemon is stopped (F5)', () => {
  /** More than the Engine replays. */
  const MANY = 300;
  /** What a listener would be told that takes up the stream again from `since`, in seconds. */
  const replayed = async (since: number): Promise<readonly { Action: string; Actor: { ID: string } }[]> => {
    const until = Math.ceil(Date.now() / 1000) + 1;
    const stream = await engine.getEvents({ since, until, filters: JSON.stringify(EVENT_FILTERS) });
    let text = '';
    for await (const chunk of stream) text += String(chunk);
    return text.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []));
  };
  let noisy: Awaited<ReturnType<typeof engine.createContainer>>;
  beforeEach(async () => {
    const name = `noisy-${foreign}`;
    noisy = await engine.createContainer({ name, Image: cloud.image, Labels: { [LABEL.installation]: foreign } });
  });
  afterEach(() => noisy.remove({ force: true }));
  const makeNoise = async () => {
    for (let i = 0; i < MANY; i++) await noisy.rename({ name: `noisy-${i}-${foreign}` });
  };

  it.each(['is kept, and they all come at once', 'is lost, and the one that mattered is never heard of'])(
    'the stream %s',
    async (stream) => {
      const lost = stream.includes('is lost');
      const before = await cloud.container('a');
      const since = Math.floor(Date.now() / 1000) - 1;
      await asleep(async () => {
        if (lost) await proxy.cut();
        await engine.getContainer(before.Id).remove({ force: true });
        await makeNoise();
        const told = await replayed(since);
        expect(told.some((event) => event.Action === 'rename')).toBe(true);
        expect(told.some((event) => event.Actor.ID === before.Id)).toBe(false);
        if (lost) await proxy.restore();
      });
      await eventually('another container', async () =>
        (await cloud.containers()).some(
          (c) => c.Labels[LABEL.name] === 'a' && c.Id !== before.Id && c.State === 'running',
        ),
      );
      await cloud.judge(['net'], ['a', 'stores']);
    },
  );
});

describe('docker system prune (F7): by hand, and only what bears our mark', () => {
  const ours = () => ({ filters: JSON.stringify({ label: [`${LABEL.installation}=${cloud.installation}`] }) });
  const prune = async () => {
    const containers = await engine.pruneContainers(ours());
    const networks = await engine.pruneNetworks(ours());
    const volumes = await engine.pruneVolumes(ours());
    return [containers.ContainersDeleted, networks.NetworksDeleted, volumes.VolumesDeleted].map((l) => l?.length ?? 0);
  };
  const write = () => cloud.exec('stores', 'sh', '-c', 'echo kept >/data/file');
  const addresses = async () =>
    Promise.all(['a', 'stores'].map(async (name) => (await cloud.instance(name)).status?.privateIp));

  it('of everything at once, while the daemon is stopped: the whole world is made anew, at the same addresses', async () => {
    expect((await write()).exitCode).toBe(0);
    const before = await addresses();
    await asleep(async () => {
      for (const { Id } of await cloud.containers()) await engine.getContainer(Id).stop({ t: 0 });
      expect(await prune()).toEqual([2, 1, 1]);
    });
    await eventually(
      'two other containers',
      async () => (await cloud.containers()).filter((c) => c.State === 'running').length === 2,
    );
    await cloud.judge(['net'], ['a', 'stores']);
    expect(await addresses()).toEqual(before);
    expect((await engine.getVolume(data()).inspect()).Labels).toMatchObject({
      [LABEL.installation]: cloud.installation,
    });
    expect((await cloud.exec('stores', 'ls', '/data')).stdout).toBe('');
    expect((await cloud.exec('a', 'wget', '-q', '-O', '-', 'http://stores/')).stdout).toContain('Hello from stores');
  });

  it('of an instance that is Stopped: another container stands ready, with the data, and runs when it is asked to', async () => {
    expect((await write()).exitCode).toBe(0);
    await cloud.apply(stores({ powerState: 'Stopped' }));
    await eventually('the process to end', async () => !(await cloud.container('stores')).State.Running);
    const before = await cloud.container('stores');
    const { ContainersDeleted } = await engine.pruneContainers(ours());
    expect(ContainersDeleted).toEqual([before.Id]);
    const after = await eventually('another container', async () => {
      const own = (await cloud.containers()).filter((c) => c.Labels[LABEL.name] === 'stores');
      return own.length === 1 && own[0];
    });
    expect([after.Id === before.Id, after.State]).toEqual([false, 'created']);
    await cloud.apply(stores());
    await cloud.judge(['net'], ['a', 'stores']);
    expect((await cloud.exec('stores', 'cat', '/data/file')).stdout).toBe('kept\n');
  });

  it('of a Stopped instance’s container and volume, by a daemon that was told to leave it: both are made when it runs', async () => {
    await cloud.apply(stores({ powerState: 'Stopped' }));
    await eventually('the process to end', async () => !(await cloud.container('stores')).State.Running);
    const paused = (value: string | null) => ({ metadata: { annotations: { 'miniaws.dev/paused': value } } });
    await cloud.patch('instances', 'stores', paused('true'));
    await engine.pruneContainers(ours());
    await engine.getVolume(data()).remove();
    await cloud.patch('instances', 'stores', { ...paused(null), spec: { powerState: 'Running' } });
    await cloud.judge(['net'], ['a', 'stores']);
    expect((await engine.getVolume(data()).inspect()).Labels).toMatchObject({ [LABEL.name]: 'stores' });
    expect((await cloud.exec('stores', 'ls', '/data')).stdout).toBe('');
  });
});
