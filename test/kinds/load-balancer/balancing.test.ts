import { describe, expect, it, onTestFinished } from 'vitest';
import type { LoadBalancer } from '../../../src/kinds/load-balancer/types.ts';
import { findCondition, isReady } from '../../../src/api/metadata.ts';
import { CONFIG_PATH } from '../../../src/drivers/haproxy/configuration.ts';
import { LABEL } from '../../../src/drivers/labels.ts';
import type { SimulatedContainer } from '../../../src/drivers/simulated/objects.ts';
import { unrest } from '../../../src/proof/oracles.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { balancer, instance } from './support.ts';

async function start(): Promise<{ world: World; daemon: WorldDaemon }> {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  return { world, daemon };
}

const balancerOf = (daemon: WorldDaemon) => daemon.get('LoadBalancer', 'front') as LoadBalancer;
const statesOf = (daemon: WorldDaemon) =>
  Object.fromEntries((balancerOf(daemon).status?.targets ?? []).map((t) => [t.instance, t.state]));
const readyOf = (daemon: WorldDaemon) => findCondition(balancerOf(daemon), 'Ready');

function containerOf({ engine }: World, daemon: WorldDaemon, kind: string, name: string): SimulatedContainer {
  const status = daemon.get(kind, name)?.status as { containerName?: string } | undefined;
  const container = engine.named(status?.containerName ?? '');
  if (!container) throw new Error(`${kind} ${name} has no container`);
  return container;
}

async function two(): Promise<{ world: World; daemon: WorldDaemon }> {
  const { world, daemon } = await start();
  for (const document of [instance('a'), instance('b'), balancer()]) await daemon.apply(document);
  await daemon.settle(10_000);
  expect(statesOf(daemon)).toEqual({ a: 'Healthy', b: 'Healthy' });
  return { world, daemon };
}

/** The proxy's sessions on an instance: while there are any, it must not be let go of. */
function hold(world: World, daemon: WorldDaemon, name: string, sessions: number): void {
  const { id } = containerOf(world, daemon, 'LoadBalancer', 'front');
  const proxy = world.engine.proxies.of(id);
  const server = proxy.state('').servers.find((s) => s.server.startsWith(`${name}-`));
  if (!server) throw new Error(`the proxy has no server for ${name}`);
  proxy.open({ backend: server.backend, server: server.server }, sessions);
}

describe('drain first (I12)', () => {
  it.each<[string, (daemon: WorldDaemon) => Promise<unknown>]>([
    ['deleted', (daemon) => daemon.delete('Instance/default/a')],
    ['recreated', (daemon) => daemon.apply(instance('a', { image: 'app:2' }))],
    ['powered off', (daemon) => daemon.apply(instance('a', { powerState: 'Stopped' }))],
  ])('an instance that is %s stops when its last session has ended', async (_how, stop) => {
    const { world, daemon } = await two();
    const { id, state } = containerOf(world, daemon, 'Instance', 'a');
    hold(world, daemon, 'a', 1);
    await stop(daemon);
    await world.clock.advance(3_000);
    expect([state, statesOf(daemon)]).toEqual(['running', { a: 'Draining', b: 'Healthy' }]);
    expect(world.engine.containers.get(id)?.state).toBe('running');
    expect(findCondition(daemon.get('Instance', 'a') ?? {}, 'Ready')).toMatchObject({
      reason: 'Draining',
      message: 'it stops when LoadBalancer front has let go of it',
    });
    hold(world, daemon, 'a', -1);
    await daemon.settle(15_000);
    expect(world.engine.containers.get(id)?.state).not.toBe('running');
    expect(isReady(balancerOf(daemon))).toBe(true);
  });

  it('one that is restarted for its configuration is let go of first, and serves again', async () => {
    const { world, daemon } = await two();
    const settings = (colour: string) => ({ kind: 'ConfigMap', metadata: { name: 'settings' }, data: { colour } });
    await daemon.apply(settings('red'));
    const files = [{ path: '/colour', configMap: 'settings', key: 'colour', onChange: 'Restart' }];
    await daemon.apply(instance('a', { files }));
    await daemon.settle(30_000);
    const { id, startedAt } = containerOf(world, daemon, 'Instance', 'a');
    hold(world, daemon, 'a', 1);
    await daemon.apply(settings('blue'));
    await world.clock.advance(3_000);
    expect(statesOf(daemon)).toEqual({ a: 'Draining', b: 'Healthy' });
    expect(world.engine.containers.get(id)).toMatchObject({ state: 'running', startedAt });
    hold(world, daemon, 'a', -1);
    await daemon.settle(30_000);
    const restarted = world.engine.containers.get(id);
    expect([restarted?.state, restarted?.files.get('/colour')]).toEqual(['running', 'blue']);
    expect(restarted?.startedAt).not.toEqual(startedAt);
    expect(statesOf(daemon)).toEqual({ a: 'Healthy', b: 'Healthy' });
  });

  it('sessions that outlast the delay are ended', async () => {
    const { world, daemon } = await two();
    const { id } = containerOf(world, daemon, 'Instance', 'a');
    hold(world, daemon, 'a', 3);
    await daemon.delete('Instance/default/a');
    await world.clock.advance(9_000);
    expect(world.engine.containers.get(id)?.state).toBe('running');
    await world.clock.advance(10_000);
    expect(world.engine.containers.has(id)).toBe(false);
    expect(statesOf(daemon)).toEqual({ b: 'Healthy' });
  });

  it('a proxy that does not answer holds nobody for ever', async () => {
    const { world, daemon } = await two();
    world.engine.proxies.of(containerOf(world, daemon, 'LoadBalancer', 'front').id).answers = false;
    await daemon.delete('Instance/default/a');
    await world.clock.advance(60_000);
    expect(daemon.get('Instance', 'a')).toBeDefined();
    await world.clock.advance(30_000);
    expect(daemon.get('Instance', 'a')).toBeUndefined();
    expect(readyOf(daemon)).toMatchObject({ status: 'Unknown', reason: 'ProxyNotAnswering' });
  });

  it('one whose change is taken back before it was let go of serves again', async () => {
    const { world, daemon } = await two();
    const { id } = containerOf(world, daemon, 'Instance', 'a');
    hold(world, daemon, 'a', 1);
    await daemon.apply(instance('a', { image: 'app:2' }));
    await world.clock.advance(2_000);
    await daemon.apply(instance('a'));
    await daemon.settle(10_000);
    expect(world.engine.containers.get(id)?.state).toBe('running');
    expect(statesOf(daemon)).toEqual({ a: 'Healthy', b: 'Healthy' });
  });
});

describe('a load balancer', () => {
  it('joins instances when they are Ready, and tells what it waits for before', async () => {
    const { daemon } = await start();
    await daemon.apply(balancer());
    await daemon.settle(5_000);
    expect(readyOf(daemon)).toMatchObject({ reason: 'NoTargets' });
    await daemon.apply(instance('a'));
    await daemon.settle(5_000);
    expect(readyOf(daemon)?.message).toBe('1 of 1 targets are healthy; 0 requests failed during the last change');
  });

  const checks = { interval: '2s', timeout: '1s', healthyThreshold: 3, unhealthyThreshold: 2 };

  it('counts one that joins as Initial until enough of its checks have succeeded', async () => {
    const { world, daemon } = await start();
    for (const document of [instance('a'), balancer({ healthCheck: checks })]) await daemon.apply(document);
    await daemon.settle(10_000);
    const before = balancerOf(daemon).status?.lastChange;
    await daemon.apply(instance('b'));
    await world.clock.advance(5_000);
    expect(statesOf(daemon)).toEqual({ a: 'Healthy', b: 'Initial' });
    expect(findCondition(balancerOf(daemon), 'Progressing')).toMatchObject({ reason: 'Waiting' });
    expect(findCondition(balancerOf(daemon), 'Degraded')).toMatchObject({ status: 'False' });
    expect([readyOf(daemon)?.message, balancerOf(daemon).status?.lastChange]).toEqual([
      '1 of 2 targets are healthy',
      before,
    ]);
    await world.clock.advance(3_000);
    expect(statesOf(daemon)).toEqual({ a: 'Healthy', b: 'Healthy' });
    expect(readyOf(daemon)?.message).toBe('2 of 2 targets are healthy; 0 requests failed during the last change');
  });

  it('counts one that joins and fails its checks as Unhealthy when one that serves would be, until it is up', async () => {
    const { world, daemon } = await start();
    for (const document of [instance('a'), balancer({ healthCheck: checks })]) await daemon.apply(document);
    await daemon.settle(10_000);
    world.engine.probe = ({ name }) =>
      /-b-/.test(name) ? { healthy: false, detail: 'connection refused' } : undefined;
    await daemon.apply(instance('b'));
    const b = () => balancerOf(daemon).status?.targets?.find((t) => t.instance === 'b');
    const refused = { lastCheck: 'L4CON: connection refused' };
    await world.clock.advance(4_000);
    expect(b()).toMatchObject({ state: 'Initial', ...refused });
    await world.clock.advance(4_000);
    expect(b()).toMatchObject({ state: 'Unhealthy', ...refused });
    world.engine.probe = () => undefined;
    world.engine.proxies.watch();
    await world.clock.advance(5_000);
    expect(b()).toMatchObject({ state: 'Unhealthy', ...refused });
    await world.clock.advance(3_000);
    expect(b()).toMatchObject({ state: 'Healthy' });
    expect(b()).not.toHaveProperty('lastCheck');
  });

  it('checks the targets of a group in the way of the group, where it has one', async () => {
    const { world, daemon } = await start();
    const own = { path: '/own', timeout: '1s', healthyThreshold: 1 };
    const targetGroups = [
      { name: 'own', instances: ['a'], targetPort: 80, healthCheck: own },
      { name: 'web', instances: ['b'], targetPort: 80 },
    ];
    const probed = new Map<string, unknown>();
    world.engine.probe = ({ name }, { http }) => void probed.set(/-(a|b)-/.exec(name)?.[1] ?? '', http?.path);
    const spec = { targetGroups, healthCheck: { path: '/all', interval: '7s' } };
    for (const document of [instance('a'), instance('b'), balancer(spec)]) await daemon.apply(document);
    await daemon.settle(20_000);
    expect(statesOf(daemon)).toEqual({ a: 'Healthy', b: 'Healthy' });
    expect(Object.fromEntries(probed)).toEqual({ a: '/own', b: '/all' });
    const { backends } = world.engine.proxies.stored(containerOf(world, daemon, 'LoadBalancer', 'front').id) ?? {};
    expect(backends?.map(({ check }) => [check.intervalMs, check.timeoutMs, check.healthyThreshold])).toEqual([
      [2_000, 1_000, 1],
      [7_000, 2_000, 2],
    ]);
  });

  it('says what the last check of an unhealthy target found', async () => {
    const { world, daemon } = await two();
    world.engine.probe = () => ({ healthy: false, detail: 'connection refused' });
    world.engine.proxies.watch();
    await daemon.settle(10_000);
    expect(readyOf(daemon)).toMatchObject({
      reason: 'NoHealthyTargets',
      message: 'none of the 2 targets of web is healthy: L4CON: connection refused',
    });
  });

  it('repairs what a person does to its container, its file and its servers', async () => {
    const { world, daemon } = await two();
    const before = containerOf(world, daemon, 'LoadBalancer', 'front');
    const proxy = world.engine.proxies.of(before.id);
    const [server] = proxy.state('').servers;
    proxy.set({ backend: 'web', server: server?.server ?? '' }, 'maint');
    proxy.add({ backend: 'web', server: 'by-hand' }, { address: '10.64.0.99', port: 80 });
    await daemon.settle(15_000);
    expect(proxy.state('').servers.map((s) => s.mode)).toEqual(['ready', 'ready']);
    world.engine.writeFile(before.id, CONFIG_PATH, 'nonsense');
    await daemon.settle(10_000);
    expect(world.engine.proxies.stored(before.id)?.backends[0]?.servers).toHaveLength(2);
    world.engine.remove(before.id);
    await daemon.settle(10_000);
    expect(statesOf(daemon)).toEqual({ a: 'Healthy', b: 'Healthy' });
    expect(containerOf(world, daemon, 'LoadBalancer', 'front').id).not.toBe(before.id);
  });

  it('keeps what runs when HAProxy refuses a change, and says so', async () => {
    const { world, daemon } = await two();
    const proxy = world.engine.proxies.of(containerOf(world, daemon, 'LoadBalancer', 'front').id);
    const { structure } = proxy.state('');
    proxy.complaint = 'line 7: unknown keyword';
    await daemon.apply(balancer({ algorithm: 'leastConn' }));
    await daemon.settle(5_000);
    expect(readyOf(daemon)).toMatchObject({
      reason: 'Refused',
      message: 'HAProxy refuses the configuration, and the one before goes on: line 7: unknown keyword',
    });
    expect(proxy.state('').structure).toBe(structure);
    proxy.complaint = undefined;
    await daemon.settle(45_000);
    expect(isReady(balancerOf(daemon))).toBe(true);
    expect(proxy.state('').structure).not.toBe(structure);
  });

  it('replaces its container for other ports, and for nothing else', async () => {
    const { world, daemon } = await two();
    const { id } = containerOf(world, daemon, 'LoadBalancer', 'front');
    await daemon.apply(balancer({ idleTimeout: '5s', rules: [{ pathPrefix: '/a', targetGroup: 'web' }] }));
    await daemon.settle(5_000);
    expect(containerOf(world, daemon, 'LoadBalancer', 'front').id).toBe(id);
    await daemon.apply(balancer({ listeners: [{ port: 8080 }, { port: 8081 }] }));
    await daemon.settle(5_000);
    expect(containerOf(world, daemon, 'LoadBalancer', 'front').id).not.toBe(id);
    const { items } = await daemon.store.log({ kind: 'LoadBalancer', limit: 50 });
    expect(JSON.stringify(items.map((i) => i.record.difference))).toContain('clients are interrupted while');
  });

  it.each<[string, object, string]>([
    ['a port twice', { listeners: [{ port: 80 }, { port: 80 }] }, 'port 80 is listened on already'],
    ['a rule to nowhere', { rules: [{ targetGroup: 'x' }] }, 'there is no target group "x"; there are web'],
    ['a rule of no listener', { rules: [{ port: 81, targetGroup: 'web' }] }, 'there is no listener on port 81'],
    ['a path over TCP', { type: 'TCP', rules: [{ pathPrefix: '/', targetGroup: 'web' }] }, 'need type HTTP'],
    ['a path of no text', { rules: [{ pathPrefix: '/%zz', targetGroup: 'web' }] }, 'percent-encoded UTF-8'],
    ['a cookie over TCP', { type: 'TCP', stickiness: {} }, 'a cookie needs HTTP'],
    ['a listener of another protocol', { listeners: [{ port: 80, protocol: 'TCP' }] }, 'make another one of type TCP'],
    ['a target group of nothing', { targetGroups: [{ name: 'web', targetPort: 80 }] }, 'give exactly one of'],
    [
      'a check of a day of a target group',
      { targetGroups: [{ name: 'web', targetPort: 80, instances: ['a'], healthCheck: { interval: '1d' } }] },
      'targetGroups[0].healthCheck.interval',
    ],
    ['a trusted proxy of no range', { trustedProxies: ['10.0.0.1'] }, 'must be an IPv4 range such as 10.1.0.0/16'],
    ['a trusted proxy over TCP', { type: 'TCP', trustedProxies: ['10.0.0.0/8'] }, 'need type HTTP'],
    ['a delay of a day', { deregistrationDelay: '1d' }, 'must be at most 1h'],
  ])('%s is refused', async (_what, spec, words) => {
    const { daemon } = await start();
    await expect(daemon.apply(balancer(spec))).rejects.toThrow(words);
  });

  it('a port of the host is had by one document only, of whatever kind', async () => {
    const { daemon } = await start();
    await daemon.apply(balancer());
    await expect(daemon.apply(instance('a', { ports: ['8080:80'] }))).rejects.toThrow(
      'host port 8080 is taken by LoadBalancer default/front',
    );
    await daemon.apply(instance('b', { ports: ['8081:80'] }));
    await expect(daemon.apply(balancer({ listeners: [{ port: 8081 }] }))).rejects.toThrow(
      'host port 8081 is taken by Instance default/b',
    );
  });
});

describe('a load balancer of an internal VPC', () => {
  const internal = { kind: 'VPC', metadata: { name: 'main' }, spec: { internetGateway: false } };
  const web = instance('a', { vpc: 'main' });
  const networksOf = ({ engine }: World) => [...engine.networks.byId.values()].map((n) => n.cidrBlock).toSorted();

  it('is on an ingress network of its own as well, which no instance is on, and which goes with it', async () => {
    const { world, daemon } = await start();
    const vpc = await daemon.apply(internal);
    for (const document of [web, balancer({ vpc: 'main' })]) await daemon.apply(document);
    await daemon.settle(10_000);
    expect(isReady(balancerOf(daemon))).toBe(true);
    const { cidrBlock } = vpc.spec as { cidrBlock: string };
    expect(networksOf(world)).toEqual([cidrBlock, '10.79.255.240/28'].toSorted());
    expect(containerOf(world, daemon, 'LoadBalancer', 'front').attachments.size).toBe(2);
    expect(containerOf(world, daemon, 'Instance', 'a').attachments.size).toBe(1);
    await daemon.delete({ kind: 'LoadBalancer', namespace: 'default', name: 'front' });
    await daemon.settle(10_000);
    expect([daemon.get('LoadBalancer', 'front'), networksOf(world)]).toEqual([undefined, [cidrBlock]]);
  });

  it('takes another range than other load balancers and networks that are not ours', async () => {
    const { world, daemon } = await start();
    world.engine.networks.create({
      name: 'theirs',
      cidrBlock: '10.79.255.0/24',
      gateway: '10.79.255.1',
      internal: false,
      labels: {},
    });
    await daemon.apply(internal);
    await daemon.apply(web);
    await daemon.apply(balancer({ vpc: 'main' }));
    await daemon.apply({ ...balancer({ vpc: 'main', listeners: [{ port: 8081 }] }), metadata: { name: 'second' } });
    await daemon.settle(10_000);
    const rangeOf = (name: string) => (daemon.get('LoadBalancer', name) as LoadBalancer).status?.ingressCidrBlock;
    expect([rangeOf('front'), rangeOf('second')].toSorted()).toEqual(['10.79.254.224/28', '10.79.254.240/28']);
  });

  it('is connected again when somebody disconnects it', async () => {
    const { world, daemon } = await start();
    for (const document of [internal, web, balancer({ vpc: 'main' })]) await daemon.apply(document);
    await daemon.settle(10_000);
    const container = containerOf(world, daemon, 'LoadBalancer', 'front');
    const ingress = daemon.compute.networks(balancerOf(daemon).metadata.uid);
    const id = ingress.state === 'present' ? (ingress.value[0]?.id ?? '') : '';
    world.engine.disconnect(container.id, id);
    await daemon.settle(40_000);
    expect(containerOf(world, daemon, 'LoadBalancer', 'front').attachments.size).toBe(2);
  });
});

it('a container of an earlier release serves on, and status tells what a recreate would change', async () => {
  const { world, daemon } = await two();
  const container = containerOf(world, daemon, 'LoadBalancer', 'front');
  delete (container.labels as Record<string, string>)[LABEL.defaults];
  // Until the next look at everything.
  await daemon.settle(40_000);
  expect(balancerOf(daemon).status).toMatchObject({
    containerId: container.id,
    recreateWouldChange: ['its proxy would have no capability at all', 'it would have at most 4096 processes'],
  });
  expect(container.state).toBe('running');
  expect(await unrest(world, daemon)).toEqual([]);
});
