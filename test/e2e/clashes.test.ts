import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { volumeNameOf } from '../../src/drivers/labels.ts';
import { Cloud } from '../support/cloud.ts';
import { engine, freshInstallation } from '../support/engine.ts';
import { serves } from '../support/http.ts';
import { instance, vpc } from '../support/manifests.ts';
import { freePort } from '../../src/host/ports.ts';

let cloud: Cloud;
/** What a person made beside us: removed by hand, whatever happens. */
const undo: (() => Promise<unknown>)[] = [];
const foreign = freshInstallation();

beforeAll(async () => {
  cloud = await Cloud.start();
  await cloud.apply(vpc('net', { cidrBlock: '10.215.4.0/24' }));
  await cloud.ready('vpcs', 'net');
});
afterEach(async () => {
  for (const end of undo.splice(0).reverse()) await end().catch(() => undefined);
});
afterAll(() => cloud?.close());

const ip = (...args: string[]) => promisify(execFile)('ip', args);
const spec = (more: object = {}) => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '0s', ...more });

describe('what is not ours and in the way (F11, I5)', () => {
  it('a network that overlaps is named in a condition; when it goes the VPC comes by itself', async () => {
    const network = await engine.createNetwork({
      Name: `foreign-${foreign}`,
      IPAM: { Config: [{ Subnet: '10.215.5.0/25' }] },
    });
    undo.push(() => network.remove());
    await cloud.apply(vpc('late', { cidrBlock: '10.215.5.0/24' }));
    const said = await cloud.condition('vpcs', 'late', 'Ready', (c) => c.reason === 'CidrOverlap');
    expect(said.message).toContain(`foreign-${foreign}`);
    expect((await network.inspect()).Name).toBe(`foreign-${foreign}`);
    await network.remove();
    await cloud.ready('vpcs', 'late');
    await cloud.remove('vpcs', 'late');
    await cloud.gone('vpcs', 'late');
  });

  it('an interface of the host is named; when it goes the VPC comes by itself, and one that comes later takes nothing', async () => {
    const link = `clash${foreign.slice(-8)}`;
    const bridge = async () => {
      await ip('link', 'add', link, 'type', 'bridge');
      undo.push(() => ip('link', 'delete', link));
      await ip('addr', 'add', '10.215.7.1/25', 'dev', link);
      await ip('link', 'set', link, 'up');
    };
    await bridge();
    await cloud.apply(vpc('on-host', { cidrBlock: '10.215.7.0/24' }));
    const said = await cloud.condition('vpcs', 'on-host', 'Ready', (c) => c.reason === 'CidrOverlap');
    expect(said.message).toContain(`10.215.7.0/25 of the host's interface ${link}`);
    expect((await cloud.networks()).map((n) => n.Labels?.['miniaws.dev/name'])).not.toContain('on-host');
    await ip('link', 'delete', link);
    await cloud.ready('vpcs', 'on-host');
    const [made] = (await cloud.networks()).filter((n) => n.Labels?.['miniaws.dev/name'] === 'on-host');
    undo.length = 0;
    await bridge();
    await cloud.expectQuiet();
    await cloud.ready('vpcs', 'on-host');
    expect((await cloud.networks()).map((n) => n.Id)).toContain(made?.Id);
    await cloud.remove('vpcs', 'on-host');
    await cloud.gone('vpcs', 'on-host');
  });

  it('a container that somebody put on the network of a VPC that goes is named; when it goes the VPC goes', async () => {
    await cloud.apply(vpc('visited', { cidrBlock: '10.215.8.0/24' }));
    await cloud.ready('vpcs', 'visited');
    const network = (await cloud.networks()).find((n) => n.Labels?.['miniaws.dev/name'] === 'visited')!;
    const guest = await engine.createContainer({
      name: `guest-${foreign}`,
      Image: cloud.image,
      HostConfig: { NetworkMode: network.Id },
    });
    undo.push(() => guest.remove({ force: true }));
    await guest.start();
    await cloud.remove('vpcs', 'visited');
    const said = await cloud.condition('vpcs', 'visited', 'Ready', (c) => c.reason === 'InUse');
    expect(said.message).toContain(`container guest-${foreign} is on it`);
    expect(said.message).toContain('docker network disconnect');
    expect((await guest.inspect()).State.Running).toBe(true);
    await guest.remove({ force: true });
    await cloud.gone('vpcs', 'visited');
    expect((await cloud.networks()).map((n) => n.Id)).not.toContain(network.Id);
  });

  it('a container on the fixed host port is told of; when it goes the instance starts by itself', async () => {
    const port = await freePort();
    const network = await engine.createNetwork({
      Name: `foreign-${foreign}`,
      IPAM: { Config: [{ Subnet: '10.215.6.0/28' }] },
    });
    undo.push(() => network.remove());
    const holder = await engine.createContainer({
      name: `foreign-${foreign}`,
      Image: cloud.image,
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { NetworkMode: network.id, PortBindings: { '80/tcp': [{ HostPort: String(port) }] } },
    });
    undo.push(() => holder.remove({ force: true }));
    await holder.start();
    await cloud.apply(instance('wants', spec({ ports: [`${port}:80`] })));
    const said = await cloud.condition('instances', 'wants', 'Ready', (c) => c.reason === 'PortInUse');
    expect(said.message).toContain(String(port));
    expect((await holder.inspect()).State.Running).toBe(true);
    await holder.remove({ force: true });
    await cloud.ready('instances', 'wants');
    await serves(port, 'Hello from wants');
  });

  it('a process on the fixed host port likewise', async () => {
    const server = createServer().listen(0);
    const { port } = server.address() as { port: number };
    undo.push(async () => server.close());
    await cloud.apply(instance('behind', spec({ ports: [`${port}:80`] })));
    await cloud.condition('instances', 'behind', 'Ready', (c) => c.reason === 'PortInUse');
    server.close();
    await cloud.ready('instances', 'behind');
  });

  it('a volume of the name that ours would have is NameTaken, and untouched; when it goes ours is made', async () => {
    const name = volumeNameOf(cloud.installation, 'default', 'shared');
    await engine.createVolume({ Name: name, Labels: { theirs: foreign } });
    undo.push(() => engine.getVolume(name).remove());
    await cloud.apply(instance('stores', spec({ volumes: [{ name: 'shared', mountPath: '/data' }] })));
    const said = await cloud.condition('instances', 'stores', 'Ready', (c) => c.reason === 'NameTaken');
    expect(said.message).toContain(name);
    expect((await engine.getVolume(name).inspect()).Labels).toEqual({ theirs: foreign });
    expect((await cloud.containers()).some((c) => c.Labels['miniaws.dev/name'] === 'stores')).toBe(false);
    await engine.getVolume(name).remove();
    await cloud.ready('instances', 'stores');
    undo.length = 0;
    expect((await engine.getVolume(name).inspect()).Labels).toMatchObject({
      'miniaws.dev/installation': cloud.installation,
    });
  });

  it('a container that took our container’s name is NameTaken, and untouched; when it goes ours comes back', async () => {
    await cloud.apply(instance('robbed', spec()));
    await cloud.ready('instances', 'robbed');
    const ours = await cloud.container('robbed');
    // The paused document lets a person do it without a race.
    await cloud.patch('instances', 'robbed', { metadata: { annotations: { 'miniaws.dev/paused': 'true' } } });
    await cloud.handle(ours).remove({ force: true });
    const thief = await engine.createContainer({
      name: ours.Name.slice(1),
      Image: cloud.image,
      Labels: { theirs: foreign },
    });
    undo.push(() => thief.remove({ force: true }));
    await cloud.patch('instances', 'robbed', { metadata: { annotations: { 'miniaws.dev/paused': null } } });
    const said = await cloud.condition('instances', 'robbed', 'Ready', (c) => c.reason === 'NameTaken');
    expect(said.message).toContain(ours.Name.slice(1));
    expect((await thief.inspect()).Config.Labels).toMatchObject({ theirs: foreign });
    await thief.remove({ force: true });
    await cloud.ready('instances', 'robbed');
    expect((await cloud.container('robbed')).Name).toBe(ours.Name);
  });

  it('a container with another installation’s labels and our names is nothing to us', async () => {
    const { metadata } = await cloud.instance('robbed');
    const other = await engine.createContainer({
      name: `other-${foreign}`,
      Image: cloud.image,
      Labels: {
        'miniaws.dev/installation': foreign,
        'miniaws.dev/uid': metadata.uid,
        'miniaws.dev/kind': 'Instance',
        'miniaws.dev/namespace': 'default',
        'miniaws.dev/name': 'robbed',
      },
    });
    undo.push(() => other.remove({ force: true }));
    await cloud.expectQuiet();
    await cloud.remove('instances', 'robbed');
    await cloud.gone('instances', 'robbed');
    expect((await other.inspect()).State.Status).toBe('created');
  });
});
