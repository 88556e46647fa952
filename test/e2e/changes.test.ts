import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start();
  await cloud.apply(vpc('net', { cidrBlock: '10.215.2.0/24' }));
});
afterAll(() => cloud?.close());

const spec = (more: object = {}) => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '1s', ...more });
const up = async (name: string, more: object = {}) => {
  await cloud.apply(instance(name, spec(more)));
  await cloud.ready('instances', name);
  return cloud.container(name);
};
const change = async (name: string, patch: object) => {
  await cloud.patch('instances', name, { spec: patch });
  await cloud.ready('instances', name);
  return cloud.container(name);
};
/** What the log says of the first pass that acted on the instance as it is asked for now. */
const firstDifference = async (name: string) =>
  (
    await cloud.database.query<{ difference: string[] }>(
      `SELECT l.difference FROM reconcile_log l JOIN resources r ON r.uid = l.uid AND r.generation = l.generation
       WHERE r.name = $1 AND jsonb_array_length(l.steps) > 0 ORDER BY l.revision LIMIT 1`,
      [name],
    )
  )[0]?.difference;

describe('a change of the specification', () => {
  it('of cpus, memory and restartPolicy is made in place: the container and its process stay', async () => {
    const before = await up('inplace', { resources: { cpus: 0.5, memory: '32Mi' } });
    expect(before.HostConfig).toMatchObject({ NanoCpus: 5e8, Memory: 32 * 2 ** 20 });
    expect(before.HostConfig.RestartPolicy).toMatchObject({ Name: 'unless-stopped' });
    const after = await change('inplace', { resources: { cpus: 0.25, memory: '64Mi' }, restartPolicy: 'OnFailure' });
    expect([after.Id, after.State.StartedAt]).toEqual([before.Id, before.State.StartedAt]);
    expect(after.HostConfig).toMatchObject({ NanoCpus: 2.5e8, Memory: 64 * 2 ** 20 });
    expect(after.HostConfig.RestartPolicy).toMatchObject({ Name: 'on-failure' });
  });

  it('of anything else recreates the container, at its address, and says which field forced it', async () => {
    const before = await up('anew', { env: { A: '1' } });
    const address = (await cloud.instance('anew')).status?.privateIp;
    const after = await change('anew', { env: { A: '2' } });
    expect(after.Id).not.toBe(before.Id);
    expect(after.Config.Env).toContain('A=2');
    expect(after.Name).toBe(before.Name);
    expect((await cloud.instance('anew')).status?.privateIp).toBe(address);
    expect(await firstDifference('anew')).toEqual(['spec.env changed']);
    await engine.getImage(cloud.image).tag({ repo: `miniaws-test/${cloud.installation}`, tag: 'other' });
    const other = `miniaws-test/${cloud.installation}:other`;
    try {
      const anew = await change('anew', { image: other });
      expect([anew.Config.Image, anew.Id === after.Id]).toEqual([other, false]);
      expect(await firstDifference('anew')).toEqual(['spec.image changed']);
      await cloud.remove('instances', 'anew');
      await cloud.gone('instances', 'anew');
    } finally {
      await engine.getImage(other).remove();
    }
  });

  it('to an image that is nowhere leaves the old container running, says so, and is taken back (F10)', async () => {
    const before = await up('nowhere');
    await cloud.patch('instances', 'nowhere', { spec: { image: 'localhost:1/nothing:1' } });
    const said = await cloud.condition('instances', 'nowhere', 'Ready', (c) => c.reason === 'ImageUnavailable');
    expect(said.message).toContain('localhost:1/nothing:1');
    expect((await cloud.container('nowhere')).Id).toBe(before.Id);
    expect((await cloud.container('nowhere')).State.Running).toBe(true);
    const after = await change('nowhere', { image: cloud.image });
    expect(after.Id).toBe(before.Id);
  });

  it('of powerState stops and starts the container, which keeps its address', async () => {
    const before = await up('power');
    const address = (await cloud.instance('power')).status?.privateIp;
    const stopped = await change('power', { powerState: 'Stopped' });
    expect([stopped.Id, stopped.State.Running]).toEqual([before.Id, false]);
    expect((await cloud.instance('power')).status).toMatchObject({ phase: 'Stopped', privateIp: address });
    // Nobody else gets the address meanwhile.
    await up('neighbour');
    expect((await cloud.instance('neighbour')).status?.privateIp).not.toBe(address);
    const started = await change('power', { powerState: 'Running' });
    expect([started.Id, started.State.Running]).toEqual([before.Id, true]);
    expect(started.NetworkSettings.Networks[Object.keys(started.NetworkSettings.Networks)[0]!]?.IPAddress).toBe(
      address,
    );
  });
});

it('privateIp is the container’s address, and one that is taken is refused with its holder (I13)', async () => {
  const container = await up('fixed', { privateIp: '10.215.2.77' });
  expect(Object.values(container.NetworkSettings.Networks)[0]?.IPAddress).toBe('10.215.2.77');
  await expect(cloud.apply(instance('thief', spec({ privateIp: '10.215.2.77' })))).rejects.toThrow(/default\/fixed/);
});

it('a named volume outlives its instance, an anonymous layer does not', async () => {
  const volumes = [{ name: 'data', mountPath: '/data' }];
  await up('first', { volumes });
  expect((await cloud.exec('first', 'sh', '-c', 'echo kept >/data/file; echo lost >/file')).exitCode).toBe(0);
  await cloud.remove('instances', 'first');
  await cloud.gone('instances', 'first');
  await up('second', { volumes });
  expect((await cloud.exec('second', 'cat', '/data/file')).stdout).toBe('kept\n');
  expect((await cloud.exec('second', 'cat', '/file')).exitCode).not.toBe(0);
});

it('a restart that is asked for by annotation is carried out once', async () => {
  const before = await up('again');
  const asked = new Date(Date.now() + 1).toISOString();
  await eventually('the time that was asked for', () => Date.now() > Date.parse(asked));
  await cloud.patch('instances', 'again', { metadata: { annotations: { 'miniaws.dev/restarted-at': asked } } });
  const after = await eventually('another process', async () => {
    const now = await cloud.container('again');
    return now.State.Running && now.State.StartedAt !== before.State.StartedAt && now;
  });
  expect(after.Id).toBe(before.Id);
  await cloud.expectQuiet();
  expect((await cloud.container('again')).State.StartedAt).toBe(after.State.StartedAt);
});

it('while paused nothing is done, and afterwards everything', async () => {
  const before = await up('held', { env: { A: '1' } });
  await cloud.patch('instances', 'held', {
    metadata: { annotations: { 'miniaws.dev/paused': 'true' } },
    spec: { env: { A: '2' } },
  });
  await cloud.expectQuiet();
  expect((await cloud.container('held')).Id).toBe(before.Id);
  await cloud.patch('instances', 'held', { metadata: { annotations: { 'miniaws.dev/paused': null } } });
  await cloud.ready('instances', 'held');
  expect((await cloud.container('held')).Config.Env).toContain('A=2');
});
