import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/drivers/labels.ts';
import { Cloud } from '../support/cloud.ts';
import { engine, engineProxy } from '../support/engine.ts';
import type { EngineProxy } from '../support/engine.ts';
import { call } from '../support/http.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
let proxy: EngineProxy;
beforeAll(async () => {
  proxy = await engineProxy();
  cloud = await Cloud.start({ env: { DOCKER_HOST: proxy.host } });
  const spec = { image: cloud.image, vpc: 'net', stopGracePeriod: '0s' };
  await cloud.apply(vpc('net', { cidrBlock: '10.215.8.0/24' }), instance('a', spec), instance('b', spec));
  await cloud.ready('instances', 'a', 'b');
});
afterAll(async () => {
  await cloud?.close();
  await proxy?.close();
});

const networkOf = async () => {
  const [network] = await cloud.networks();
  return engine.getNetwork(network!.Id);
};
const startedAt = async () => (await cloud.container('b')).State.StartedAt;

describe('a person tampers with docker, and the world comes back as it was (F7, I1, I2, I3)', () => {
  it.each<[string, (id: string) => Promise<unknown>, 'same' | 'new']>([
    ['removed', (id) => engine.getContainer(id).remove({ force: true }), 'new'],
    ['stopped', (id) => engine.getContainer(id).stop({ t: 0 }), 'same'],
    ['killed', (id) => engine.getContainer(id).kill(), 'same'],
    ['paused', (id) => engine.getContainer(id).pause(), 'same'],
    ['renamed', (id) => engine.getContainer(id).rename({ name: `renamed-${id.slice(0, 12)}` }), 'same'],
    ['disconnected', async (id) => (await networkOf()).disconnect({ Container: id, Force: true }), 'same'],
  ])('after a container was %s', async (_, tamper, identity) => {
    const before = await cloud.container('a');
    const address = (await cloud.instance('a')).status?.privateIp;
    const neighbour = await startedAt();
    await tamper(before.Id);
    await eventually('the container to be as it was', async () => {
      const own = (await cloud.containers()).filter((c) => c.Labels[LABEL.name] === 'a');
      const now = own.length === 1 && (await engine.getContainer(own[0]!.Id).inspect());
      return (
        now &&
        now.State.Running &&
        !now.State.Paused &&
        now.Name === before.Name &&
        (now.Id === before.Id) === (identity === 'same') &&
        Object.values(now.NetworkSettings.Networks).some((n) => n.IPAddress === address)
      );
    });
    await cloud.judge(['net'], ['a', 'b']);
    expect(await startedAt()).toBe(neighbour);
  });

  it('after the network was removed', async () => {
    const network = await networkOf();
    const { Id } = await network.inspect();
    // Paused instances are not connected again while a person takes the network away.
    const paused = (value: string | null) => ({ metadata: { annotations: { 'miniaws.dev/paused': value } } });
    for (const name of ['a', 'b']) await cloud.patch('instances', name, paused('true'));
    for (const container of await cloud.containers())
      await network.disconnect({ Container: container.Id, Force: true });
    await network.remove();
    await eventually('another network', async () => {
      const [now] = await cloud.networks();
      return now !== undefined && now.Id !== Id;
    });
    for (const name of ['a', 'b']) await cloud.patch('instances', name, paused(null));
    await cloud.judge(['net'], ['a', 'b']);
    const rows = await cloud.database.query("SELECT network_id FROM vpcs WHERE name = 'net'");
    expect(rows).toEqual([{ network_id: (await cloud.networks())[0]!.Id }]);
    expect((await cloud.exec('b', 'wget', '-q', '-O', '-', 'http://a/')).stdout).toContain('Hello from a');
  });
});

describe('the Engine is out of reach (F6)', () => {
  it('nothing is concluded from it, the conditions say so, and what changed meanwhile is found (I4)', async () => {
    const before = await cloud.container('a');
    await proxy.cut();
    const said = await cloud.condition('instances', 'a', 'Ready', (c) => c.reason === 'EngineUnavailable');
    expect(said.status).toBe('Unknown');
    // Ready for what needs no Engine, and the check says what is wrong.
    const [ready, check] = [
      await call(cloud.daemon, 'GET', '/readyz'),
      await call(cloud.daemon, 'GET', '/readyz/engine'),
    ];
    expect([ready.status, ready.text]).toEqual([200, expect.stringContaining('[-]engine')]);
    expect([check.status, check.text]).toEqual([503, expect.stringContaining('[-]engine')]);
    // What people want goes on being taken.
    await cloud.apply(instance('c', { image: cloud.image, vpc: 'net', stopGracePeriod: '0s' }));
    await cloud.remove('instances', 'b');
    await engine.getContainer(before.Id).remove({ force: true });
    expect((await cloud.find('instances', 'b'))?.metadata.deletionTimestamp).toBeDefined();
    expect(await cloud.database.query('SELECT name FROM instances WHERE deleted_at IS NOT NULL')).toEqual([]);
    await proxy.restore();
    await cloud.gone('instances', 'b');
    await cloud.judge(['net'], ['a', 'c']);
    expect((await call(cloud.daemon, 'GET', '/readyz/engine')).status).toBe(200);
  });
});
