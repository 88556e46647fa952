import { afterAll, beforeAll, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { instance, manifest, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start();
  await cloud.apply(vpc('front', { cidrBlock: '10.215.40.0/24' }));
  await cloud.apply(vpc('back', { cidrBlock: '10.215.41.0/24', internetGateway: false }));
});
afterAll(() => cloud?.close());

/** The image's ping opens a raw socket. */
const capabilities = { add: ['NET_RAW'] };
const inVpc = (name: string, spec: object) =>
  instance(name, { image: cloud.image, stopGracePeriod: '0s', vpc: 'front', capabilities, ...spec });
const web = (networks: object[]) => inVpc('web', { networks });

/** By name or by address. */
const reaches = async (from: string, name: string) =>
  (await cloud.exec(from, 'ping', '-c', '1', '-W', '1', name)).exitCode === 0;

const attached = async (name: string) =>
  Object.values((await cloud.container(name)).NetworkSettings.Networks)
    .map((network) => network.IPAddress)
    .toSorted();
const held = async (name: string) => {
  const { status } = await cloud.instance(name);
  return [status?.privateIp, ...(status?.networks ?? []).map(({ privateIp }) => privateIp)];
};
it('an instance in two VPCs reaches a neighbour in each by name; those do not reach each other', async () => {
  await cloud.apply(
    web([{ vpc: 'back', aliases: ['gate'] }]),
    inVpc('left', {}),
    inVpc('right', { vpc: 'back', hostname: 'right.example' }),
  );
  await cloud.ready('instances', 'web', 'left', 'right');
  expect(await attached('web')).toEqual(await held('web'));
  expect(await reaches('web', 'left')).toBe(true);
  expect(await reaches('web', 'right')).toBe(true);
  expect(await reaches('right', 'gate')).toBe(true);
  expect(await reaches('right', 'web')).toBe(true);
  const [rightAt = ''] = await held('right');
  expect(await reaches('left', 'right')).toBe(false);
  expect(await reaches('left', rightAt)).toBe(false);
  await cloud.expectQuiet();
});

it('a network that is disconnected by hand comes back at its address', async () => {
  const { Id, NetworkSettings } = await cloud.container('web');
  const before = await held('web');
  const back = Object.values(NetworkSettings.Networks).find((n) => n.IPAddress === before[1])?.NetworkID ?? '';
  await engine.getNetwork(back).disconnect({ Container: Id });
  await eventually('the network to be connected again', async () => (await attached('web')).length === 2);
  expect(await attached('web')).toEqual(before);
  expect(await reaches('right', 'gate')).toBe(true);
  expect((await cloud.container('web')).Id).toBe(Id);
});

it('leaves and joins without a new container or process', async () => {
  const { Id, State } = await cloud.container('web');
  await cloud.apply(web([]));
  await eventually('the address to be given back', async () => (await held('web')).length === 1);
  expect(await attached('web')).toEqual(await held('web'));
  expect(await reaches('web', 'right')).toBe(false);
  await cloud.apply(web([{ vpc: 'back', privateIp: '10.215.41.77', aliases: ['door'] }]));
  await cloud.ready('instances', 'web');
  expect(await attached('web')).toContain('10.215.41.77');
  expect(await reaches('right', 'door')).toBe(true);
  await cloud.apply(web([{ vpc: 'back', privateIp: '10.215.41.77', aliases: ['hatch'] }]));
  await eventually('its new alias to be answered', () => reaches('right', 'hatch'));
  expect(await cloud.container('web')).toMatchObject({ Id, State: { StartedAt: State.StartedAt } });
  await cloud.expectQuiet();
});

it('a stopped one keeps its address, and starts on both', async () => {
  const before = await held('web');
  await cloud.patch('instances', 'web', { spec: { powerState: 'Stopped' } });
  await cloud.ready('instances', 'web');
  await cloud.expectQuiet();
  await cloud.patch('instances', 'web', { spec: { powerState: 'Running' } });
  await cloud.ready('instances', 'web');
  await eventually('it to run on both', async () => (await attached('web')).join() === before.toSorted().join());
});

it('instances of a group are in both; deletion frees both addresses and then the VPC', async () => {
  await cloud.apply(
    manifest('ScalingGroup', 'shop', {
      vpc: 'front',
      minInstances: 1,
      maxInstances: 1,
      strategy: { minReadySeconds: 0 },
      template: { spec: { image: cloud.image, stopGracePeriod: '0s', networks: [{ vpc: 'back' }] } },
    }),
  );
  await cloud.ready('scalinggroups', 'shop');
  expect(await attached('shop-0')).toHaveLength(2);
  expect(await reaches('right', 'shop-0')).toBe(true);
  await cloud.remove('scalinggroups', 'shop');
  await cloud.gone('scalinggroups', 'shop');

  const [home, beside] = await held('web');
  await cloud.remove('vpcs', 'back');
  await cloud.condition('vpcs', 'back', 'Ready', ({ message }) => message.includes('Instance default/web'));
  await cloud.remove('instances', 'right', 'web');
  await cloud.gone('instances', 'right', 'web');
  await cloud.gone('vpcs', 'back');
  await cloud.apply(vpc('back', { cidrBlock: '10.215.41.0/24', internetGateway: false }));
  await cloud.apply(inVpc('one', { privateIp: home }), inVpc('two', { vpc: 'back', privateIp: beside }));
  await cloud.ready('instances', 'one', 'two');
});
