import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attacker, ATTACKER_ENV, knockRaw, type Target } from '../support/attacker.ts';
import { Cloud } from '../support/cloud.ts';
import { instance, manifest, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

/** Below the range from which the system gives out ports by itself. */
const LISTENER = 28_774;
/** The load balancers' own, on their loopback. */
const HAPROXY = { admin: 9_999, addresses: ['127.0.0.1', '127.0.0.2', '127.0.0.3'] };
const METADATA = '169.254.169.254';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start({ env: ATTACKER_ENV });
  const in_ = (vpcName: string, more: object = {}) => ({
    image: cloud.image,
    stopGracePeriod: '0s',
    vpc: vpcName,
    ...more,
  });
  const balancer = (name: string, vpcName: string, port: number) =>
    manifest('LoadBalancer', name, {
      vpc: vpcName,
      listeners: [{ port }],
      targetGroups: [{ name: 'none', selector: { app: 'nobody' }, targetPort: 80 }],
    });
  await cloud.apply(
    vpc('mine', { cidrBlock: '10.214.66.0/24' }),
    vpc('theirs', { cidrBlock: '10.214.67.0/24' }),
    vpc('inner', { cidrBlock: '10.214.68.0/24', internetGateway: false }),
    instance('attacker', await attacker(cloud, 'mine')),
    instance('inmate', await attacker(cloud, 'inner')),
    instance('peer', in_('mine')),
    instance('victim', in_('theirs', { ports: ['127.0.0.1:0:80'] })),
    balancer('near', 'mine', LISTENER),
    balancer('far', 'theirs', LISTENER + 1),
  );
  await cloud.ready('instances', 'attacker', 'inmate', 'peer', 'victim');
});
afterAll(() => cloud?.close());

const at = (neighbour: string, address: string, port: number): Target => ({ neighbour, address, port });
const word = ({ address, port }: Target) => `${address}:${port}`;

/** What each of the two ways reached: a connection that the kernel makes, and a frame of the attacker's own making. */
interface Reached {
  plain: string[];
  raw: string[];
}

async function reached(from: string, targets: readonly Target[]): Promise<Reached> {
  const raw = await knockRaw(cloud, from, targets);
  // A server that waits for a request is cut off by the time-out: it was reached. Who is not is told by nc well before, also on
  // a machine on which everything takes several times as long.
  const knock =
    'for t in "$@"; do (timeout 5 nc -w 1 ${t%:*} ${t#*:} </dev/null >/dev/null 2>&1; case $? in 0|143) echo $t open;; esac) & done; wait';
  const plain = await cloud.exec(from, 'sh', '-c', knock, 'sh', ...targets.map(word));
  return { plain: opened(plain.stdout), raw: opened(raw) };
}

const opened = (lines: string): string[] =>
  [...new Set([...lines.matchAll(/^(\S+) open$/gm)].map(([, target = '']) => target))].sort();

/** Engine 20.10 takes its isolation rules out and puts them back whenever any network is made: a try may slip through. */
async function onlyReached(
  from: string,
  targets: readonly Target[] | (() => Promise<readonly Target[]>),
  expected: readonly Target[],
): Promise<void> {
  const words = expected.map(word).sort();
  await eventually('no more to be reached than may be', async () => {
    // An address that the host has no longer is one of the world outside.
    const now = typeof targets === 'function' ? await targets() : targets;
    expect(await reached(from, now)).toEqual({ plain: words, raw: words });
    return true;
  });
}

const addressOf = async (name: string): Promise<string> => (await cloud.instance(name)).status?.privateIp ?? '';
const proxyOf = async (name: string): Promise<string> =>
  eventually(`${name} to have a container`, async () => {
    const { status } = (await cloud.find('loadbalancers', name)) ?? {};
    return status?.['containerId'] !== undefined && (status['privateIp'] as string);
  });
const gatewayOf = (address: string): string => address.replace(/\d+$/, '1');

/** Every address of the host: its loopback, its own interfaces, the bridges of all networks. */
const hostAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flat()
    .flatMap((i) => (i?.family === 'IPv4' ? i.address : []));

/** What listens on the host and is no tenant's: the daemon's API, PostgreSQL, the Engine's API where it has a port. */
const hostPorts = (): number[] => [
  Number(new URL(cloud.daemon.url).port),
  Number(new URL(cloud.database.url).port),
  2375,
  2376,
];

/** Each of them at every address of the host, by way of the VPC's gateway. */
const hostTargets = async (from: string): Promise<Target[]> => {
  const gateway = gatewayOf(await addressOf(from));
  return hostAddresses().flatMap((address) => hostPorts().map((port) => at(gateway, address, port)));
};

describe('from inside an instance that may open raw sockets', () => {
  it('its own VPC is reached, of another one neither an instance nor a load balancer, by whatever frame', async () => {
    const gateway = gatewayOf(await addressOf('attacker'));
    const [peer, victim, near, far] = [
      await addressOf('peer'),
      await addressOf('victim'),
      await proxyOf('near'),
      await proxyOf('far'),
    ];
    const [published] = (await cloud.instance('victim')).status?.ports ?? [];
    const hostPort = published?.hostPort ?? 0;
    const own = [at(peer, peer, 80), at(near, near, LISTENER)];
    const others = [
      at(gateway, victim, 80),
      at(gateway, far, LISTENER + 1),
      // A neighbour that would pass it on.
      at(near, victim, 80),
      // What is published on the host's loopback alone.
      ...hostAddresses().map((address) => at(gateway, address, hostPort)),
    ];
    await onlyReached('attacker', [...own, ...others], own);
  });

  it("neither are the daemon's API, PostgreSQL and the Engine, at any address of the host", async () => {
    await onlyReached('attacker', () => hostTargets('attacker'), []);
    const sockets = await cloud.exec('attacker', 'sh', '-c', 'find / -xdev -type s; tail -n +2 /proc/net/unix');
    expect(sockets).toMatchObject({ stdout: '', stderr: '' });
  });

  it('nor the admin interface of a load balancer, of its own VPC or of another, which has no rights to lend', async () => {
    const gateway = gatewayOf(await addressOf('attacker'));
    const [near, far] = [await proxyOf('near'), await proxyOf('far')];
    const targets = [
      ...[near, ...HAPROXY.addresses].map((address) => at(near, address, HAPROXY.admin)),
      ...[far, ...HAPROXY.addresses].map((address) => at(gateway, address, HAPROXY.admin)),
    ];
    await onlyReached('attacker', targets, []);
    const { HostConfig } = await cloud.container('near');
    expect(HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      CapAdd: null,
      PidsLimit: 4096,
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
    });
  });

  it("from a VPC without an internet gateway, nothing beyond it is reached: no metadata of a cloud's host", async () => {
    const gateway = gatewayOf(await addressOf('inmate'));
    const beyond = [METADATA, await addressOf('peer'), await addressOf('victim')].map((to) => at(gateway, to, 80));
    await onlyReached('inmate', async () => [...beyond, ...(await hostTargets('inmate'))], []);
  });
});
