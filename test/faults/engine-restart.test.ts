import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../src/host/process-identity.ts';
import type { Cloud } from '../support/cloud.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

/** Root, and the kernel lets it make a network namespace. */
const mayUnshare = process.getuid?.() === 0 && spawnSync('unshare', ['--net', 'true']).status === 0;

/**
 * An Engine of the test's own, in a network namespace of its own (see start-dockerd.ts), so that it can die. Restarted,
 * it is in another namespace: to it, the machine was rebooted.
 */
const folder = mkdtempSync(join(tmpdir(), 'miniaws-engine-'));
const host = `unix://${join(folder, 'e.sock')}`;
const script = fileURLToPath(new URL('../host/support/start-dockerd.ts', import.meta.url));
const pidOf = () => Number(readFileSync(join(folder, 'pid'), 'utf8'));
const startEngine = () =>
  promisify(execFile)('unshare', [
    '--net',
    process.execPath,
    '--import',
    'tsx',
    script,
    folder,
    readlinkSync('/proc/self/ns/net'),
  ]);
const endEngine = async (signal: NodeJS.Signals) => {
  const pid = pidOf();
  process.kill(pid, signal);
  await eventually('dockerd to end', () => identifyProcess(pid) === undefined);
};

describe.runIf(mayUnshare)('the Engine itself (F6)', () => {
  let cloud: Cloud;
  beforeAll(async () => {
    await startEngine();
    // Everything of the test's support speaks to this Engine.
    process.env['DOCKER_HOST'] = host;
    const { Cloud: OnThatEngine } = await import('../support/cloud.ts');
    cloud = await OnThatEngine.start();
    const spec = { image: cloud.image, vpc: 'net', stopGracePeriod: '0s' };
    await cloud.apply(vpc('net', { cidrBlock: '10.215.14.0/24' }), instance('a', spec), instance('b', spec));
    await cloud.ready('instances', 'a', 'b');
  });
  afterAll(async () => {
    await cloud?.close();
    await endEngine('SIGTERM');
    // One that was killed leaves its mounts.
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '');
    for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).toReversed())
      spawnSync('/bin/umount', ['-l', mount]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.each<[string, NodeJS.Signals]>([
    ['is restarted in order', 'SIGTERM'],
    ['is killed with -9 and started again', 'SIGKILL'],
  ])('%s: the same containers run at the same addresses (I3, I4)', async (_, signal) => {
    const ids = async () => (await cloud.containers()).map((c) => c.Id).sort();
    const [before, address] = [await ids(), (await cloud.instance('a')).status?.privateIp];
    await endEngine(signal);
    await cloud.condition('instances', 'a', 'Ready', (c) => c.reason === 'EngineUnavailable');
    await startEngine();
    expect(await new Docker({ socketPath: join(folder, 'e.sock') }).ping()).toBeDefined();
    await cloud.judge(['net'], ['a', 'b']);
    expect(await ids()).toEqual(before);
    expect((await cloud.instance('a')).status?.privateIp).toBe(address);
    expect(Object.values((await cloud.container('a')).NetworkSettings.Networks)[0]?.IPAddress).toBe(address);
  });
});
