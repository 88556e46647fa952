import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LoadBalancer } from '../../src/kinds/load-balancer/types.ts';
import { addressIn } from '../../src/kinds/load-balancer/ingress-network.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { Cloud } from '../support/cloud.ts';
import { engine } from '../support/engine.ts';
import { serves } from '../support/http.ts';
import { instance, manifest, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

/** Below the range from which the system gives out ports by itself. */
const PORT = 28_762;

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start({ env: { MINIAWS_METRICS_INTERVAL: '0' } });
  await cloud.apply(
    vpc('inside', { cidrBlock: '10.214.61.0/24', internetGateway: false }),
    instance('web', { image: cloud.image, vpc: 'inside', stopGracePeriod: '1s' }),
    manifest('LoadBalancer', 'door', {
      vpc: 'inside',
      listeners: [{ port: PORT }],
      targetGroups: [{ name: 'web', instances: ['web'], targetPort: 80 }],
      healthCheck: { path: '/', interval: '300ms', timeout: '1s', healthyThreshold: 1 },
      deregistrationDelay: '1s',
    }),
  );
  await cloud.ready('loadbalancers', 'door');
});
afterAll(() => cloud?.close());

const answers = () => serves(PORT, 'Hello');
const ingress = async () => (await cloud.networks()).find((n) => n.Labels?.[LABEL.kind] === 'LoadBalancer');

it('a load balancer of an internal VPC answers from outside, and its instances stay inside', async () => {
  await answers();
  const { status } = (await cloud.find('loadbalancers', 'door')) as unknown as LoadBalancer;
  expect((await ingress())?.IPAM?.Config?.[0]?.Subnet).toBe(status?.ingressCidrBlock);
  // From inside, the proxy is at its address in the VPC, and what is outside of that is out of reach.
  const outside = addressIn(status?.ingressCidrBlock ?? '');
  const asked = (address: string) =>
    cloud.exec('web', 'sh', '-c', `(printf 'GET / HTTP/1.0\r\n\r\n'; sleep 1) | nc -w 2 ${address} ${PORT}`);
  expect((await asked(status?.privateIp ?? '')).stdout).toContain('200 OK');
  expect(await asked(outside)).toMatchObject({ stdout: '', exitCode: 1 });
  // On two networks, it would forward what an instance with raw sockets sends through it.
  expect((await cloud.container('door')).HostConfig.Sysctls).toEqual({ 'net.ipv4.ip_forward': '0' });
  await cloud.expectQuiet();
});

it('what somebody does to its ingress network is repaired', async () => {
  const network = engine.getNetwork((await ingress())?.Id ?? '');
  await network.disconnect({ Container: (await cloud.container('door')).Id, Force: true });
  await eventually('it to be connected again', async () => {
    const { Networks } = (await cloud.container('door')).NetworkSettings;
    return Object.keys(Networks).length === 2;
  });
  await answers();
});

it('an ingress network that somebody removed is made again', async () => {
  const { Id } = (await ingress()) ?? { Id: '' };
  await engine.getNetwork(Id).disconnect({ Container: (await cloud.container('door')).Id, Force: true });
  await engine.getNetwork(Id).remove();
  await eventually('another one, and the proxy on it', async () => {
    const { Networks } = (await cloud.container('door')).NetworkSettings;
    return Object.keys(Networks).length === 2 && Object.values(Networks).every((n) => n.NetworkID !== Id);
  });
  await answers();
});

it('its ingress network goes with it (I14)', async () => {
  await cloud.remove('loadbalancers', 'door');
  await cloud.gone('loadbalancers', 'door');
  expect((await cloud.networks()).map((n) => n.Labels?.[LABEL.name])).toEqual(['inside']);
});
