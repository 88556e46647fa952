import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
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

/** dockerd, and with it its containerd: one that outlives its killed dockerd for a moment spoils the next start. */
async function endEngine(signal: NodeJS.Signals): Promise<void> {
  for (const file of ['pid', 'exec/containerd/containerd.pid']) {
    const path = join(folder, file);
    const pid = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
    if (!pid || !identifyProcess(pid)) continue;
    process.kill(pid, signal);
    await eventually(`${file} to end`, () => identifyProcess(pid) === undefined);
  }
}

/** What is left of containers whose Engine could not be started again: their shims, which hold the mounts. */
function endShims(): void {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' });
  for (const line of stdout.split('\n').filter((text) => text.includes('containerd-shim') && text.includes(folder))) {
    const shim = Number.parseInt(line, 10);
    const children = spawnSync('ps', ['-o', 'pid=', '--ppid', String(shim)], { encoding: 'utf8' }).stdout.split('\n');
    for (const pid of [shim, ...children.filter(Boolean).map(Number)]) process.kill(pid, 'SIGKILL');
  }
}

/** An Engine that was killed leaves its mounts. */
function unmount(): void {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).toReversed())
    spawnSync('/bin/umount', ['-l', mount]);
}

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
    try {
      await cloud?.close();
    } finally {
      await endEngine('SIGTERM');
      endShims();
      unmount();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  // In order only: a dockerd that was killed may need several starts until its containerd is up, whoever starts it.
  it('is restarted: the same instances run at the same addresses (I3, I4)', async () => {
    const names = async () => (await cloud.containers()).map((c) => c.Names[0]).sort();
    const [before, address] = [await names(), (await cloud.instance('a')).status?.privateIp];
    await endEngine('SIGTERM');
    await cloud.condition('instances', 'a', 'Ready', (c) => c.reason === 'EngineUnavailable');
    await startEngine();
    expect(await new Docker({ socketPath: join(folder, 'e.sock') }).ping()).toBeDefined();
    await cloud.judge(['net'], ['a', 'b']);
    expect(await names()).toEqual(before);
    expect((await cloud.instance('a')).status?.privateIp).toBe(address);
    expect(Object.values((await cloud.container('a')).NetworkSettings.Networks)[0]?.IPAddress).toBe(address);
  });
});
