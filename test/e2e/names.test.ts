import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../src/host/ports.ts';
import { Cloud } from '../support/cloud.ts';
import { instance, manifest, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start();
  await cloud.apply(vpc('net', { cidrBlock: '10.215.9.0/24' }));
  await cloud.apply(instance('client', { image: cloud.image, vpc: 'net', stopGracePeriod: '0s' }));
  await cloud.ready('instances', 'client');
});
afterAll(() => cloud?.close());

const group = (name: string, image: string) =>
  manifest('ScalingGroup', name, {
    vpc: 'net',
    minInstances: 2,
    maxInstances: 3,
    strategy: { minReadySeconds: 0 },
    template: { spec: { image, stopGracePeriod: '0s' } },
  });
const addressOf = async (name: string) => (await cloud.instance(name)).status?.privateIp ?? '';
const addressesOf = async (...names: string[]) => (await Promise.all(names.map(addressOf))).toSorted();

/** What the client's resolver answers, without its own address. */
async function resolved(name: string): Promise<string[]> {
  const { stdout } = await cloud.exec('client', 'nslookup', name);
  const found = [...stdout.matchAll(/Address(?: \d+)?: +(10\.215\.9\.\d+)/g)].map((match) => match[1] ?? '');
  return [...new Set(found)].toSorted();
}

/** The Engine takes a name away a moment after its container has ended. */
const answer = (name: string, addresses: number) =>
  eventually(`${name} to be answered with ${addresses} addresses`, async () => {
    const found = await resolved(name);
    if (found.length === addresses) return found;
    throw new Error(found.join());
  });

it('the name of a group is answered with its running instances', async () => {
  await cloud.apply(group('shop', cloud.image));
  await cloud.ready('scalinggroups', 'shop');
  const both = await addressesOf('shop-0', 'shop-1');
  expect(await answer('shop', 2)).toEqual(both);
  expect(await answer('shop-0', 1)).toEqual([await addressOf('shop-0')]);
  // The paused document lets a person stop it without a race.
  await cloud.patch('instances', 'shop-1', { metadata: { annotations: { 'miniaws.dev/paused': 'true' } } });
  await cloud.handle(await cloud.container('shop-1')).stop({ t: 0 });
  expect(await answer('shop', 1)).toEqual([await addressOf('shop-0')]);
  await cloud.patch('instances', 'shop-1', { metadata: { annotations: { 'miniaws.dev/paused': null } } });
  await cloud.ready('instances', 'shop-1');
  expect(await answer('shop', 2)).toEqual(both);
});

it('an instance of that name is answered too', async () => {
  await cloud.apply(instance('shop', { image: cloud.image, vpc: 'net', stopGracePeriod: '0s' }));
  await cloud.ready('instances', 'shop');
  expect(await answer('shop', 3)).toEqual(await addressesOf('shop', 'shop-0', 'shop-1'));
});

it('a load balancer of that name keeps it for itself', async () => {
  const front = manifest('LoadBalancer', 'front', {
    vpc: 'net',
    listeners: [{ port: await freePort() }],
    targetGroups: [{ name: 'all', scalingGroup: 'front', targetPort: 80 }],
    deregistrationDelay: '1s',
  });
  await cloud.apply(front);
  await cloud.apply(group('front', cloud.image));
  await cloud.ready('scalinggroups', 'front');
  const [balancer] = await cloud.ready('loadbalancers', 'front');
  expect(await answer('front', 1)).toEqual([balancer?.status?.['privateIp']]);
  expect(await answer('front-1', 1)).toEqual([await addressOf('front-1')]);
});
