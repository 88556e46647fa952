import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findCondition } from '../../src/api/metadata.ts';
import type { Compute } from '../../src/drivers/compute.ts';
import { bridgePrefix } from '../../src/drivers/docker/bridges.ts';
import { createDockerCompute } from '../../src/drivers/docker/docker-compute.ts';
import { installationDigest, LABEL } from '../../src/drivers/labels.ts';
import { attacker, ATTACKER_ENV, knockRaw } from '../support/attacker.ts';
import { Cloud } from '../support/cloud.ts';
import { cleanInstallation, engine } from '../support/engine.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

const METADATA = '169.254.169.254';
/** The host's end of the wire to it. */
const NEAR = '169.254.169.253';
const [WIRE, FAR] = ['mini-md0', 'mini-md1'];
const run = promisify(execFile);

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start({ env: ATTACKER_ENV });
  // A container that serves at the address, at the far end of a wire from the host: where a cloud has it.
  const made = await engine.createContainer({
    Image: cloud.image,
    Labels: { 'miniaws.dev/installation': cloud.installation },
    HostConfig: { NetworkMode: 'none' },
  });
  await made.start();
  const { State } = await made.inspect();
  await run('ip', ['link', 'add', WIRE, 'type', 'veth', 'peer', 'name', FAR]);
  await run('ip', ['link', 'set', FAR, 'netns', String(State.Pid)]);
  const far = (...args: string[]) => run('nsenter', ['-t', String(State.Pid), '-n', 'ip', ...args]);
  await far('address', 'add', `${METADATA}/30`, 'dev', FAR);
  await far('link', 'set', FAR, 'up');
  await run('ip', ['address', 'add', `${NEAR}/30`, 'dev', WIRE]);
  await run('ip', ['link', 'set', WIRE, 'up']);
  await cloud.apply(vpc('main', { cidrBlock: '10.214.70.0/24' }));
  await cloud.apply(instance('web', await attacker(cloud, 'main')));
  await cloud.ready('instances', 'web');
});
afterAll(async () => {
  await cloud?.close();
  await run('ip', ['link', 'delete', WIRE]).catch(() => undefined);
});

/** By a connection that the kernel makes, and by a frame of the attacker's own making. */
async function reaches(): Promise<{ plain: boolean; raw: boolean }> {
  const { exitCode } = await cloud.exec('web', 'timeout', '2', 'wget', '-q', '-O', '-', `http://${METADATA}/`);
  const raw = await knockRaw(cloud, 'web', [{ neighbour: '10.214.70.1', address: METADATA, port: 80 }]);
  return { plain: exitCode === 0, raw: raw.includes(' open') };
}
const NEITHER = { plain: false, raw: false };
const BOTH = { plain: true, raw: true };

const rules = async (installation = cloud.installation): Promise<string[]> => {
  const { stdout } = await run('iptables', ['-w', '10', '-t', 'raw', '-S', 'PREROUTING']);
  return stdout.split('\n').filter((line) => line.includes(installationDigest(installation)));
};

it('an instance does not reach the metadata service of the cloud that its host is in', async () => {
  // The host itself does.
  await eventually('the service to answer', () =>
    fetch(`http://${METADATA}/`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  expect(await rules()).toHaveLength(1);
  expect(await reaches()).toEqual(NEITHER);
  const main = await cloud.find('vpcs', 'main');
  expect(main && findCondition(main, 'Degraded')).toMatchObject({ status: 'False' });
  await cloud.expectQuiet();
});

it('a rule that somebody has taken away comes back; nobody else’s is touched', async () => {
  const [rule = ''] = await rules();
  const spec = rule.split(' ').slice(1);
  const theirs = ['PREROUTING', '-d', '198.51.100.77/32', '-m', 'comment', '--comment', cloud.installation];
  await run('iptables', ['-w', '10', '-t', 'raw', '-A', ...theirs, '-j', 'DROP']);
  try {
    await run('iptables', ['-w', '10', '-t', 'raw', '-D', ...spec]);
    expect(await reaches()).toEqual(BOTH);
    await cloud.crash();
    await eventually('the rule to be back', async () => (await rules()).length === 1);
    expect(await reaches()).toEqual(NEITHER);
  } finally {
    // It is there, or this throws.
    await run('iptables', ['-w', '10', '-t', 'raw', '-D', ...theirs, '-j', 'DROP']);
  }
});

it('the network of an earlier version has a rule of its own, which goes with it', async () => {
  const installation = randomUUID();
  const withCompute = async (act: (compute: Compute) => Promise<void>) => {
    const compute = createDockerCompute({ installation });
    await compute.open();
    try {
      await act(compute);
    } finally {
      await compute.close();
    }
  };
  const bridges = async () => (await rules(installation)).map((rule) => / -i (\S+) /.exec(rule)?.[1]).sort();
  const network = await engine.createNetwork({
    Name: `from-before-${installation}`,
    Labels: { [LABEL.installation]: installation },
    IPAM: { Config: [{ Subnet: '10.214.71.0/24' }] },
  });
  try {
    await withCompute((compute) => compute.closeMetadataAccess());
    expect(await bridges()).toEqual([`br-${network.id.slice(0, 12)}`, `${bridgePrefix(installation)}+`]);
    await network.remove();
    await withCompute((compute) => compute.lookAtMetadataAccess());
    expect(await bridges()).toEqual([`${bridgePrefix(installation)}+`]);
    await withCompute((compute) => compute.openMetadataAccess());
    expect(await bridges()).toEqual([]);
  } finally {
    await cleanInstallation(installation);
  }
});

it('with --allow-metadata it is reached, and the rule is gone', async () => {
  await cloud.crash({ env: { MINIAWS_ALLOW_METADATA: 'yes' } });
  await eventually('the rule to be gone', async () => (await rules()).length === 0);
  expect(await reaches()).toEqual(BOTH);
});
