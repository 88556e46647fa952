import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startDockerDaemon } from '../../src/host/docker-daemon.ts';
import { dockerHost, pingEngine } from '../../src/host/docker-engine.ts';
import { ensureEngine } from '../../src/host/ensure-engine.ts';
import { ensureStaticBusybox, isDebianLike, isStatic, rootAccess } from '../../src/host/packages.ts';
import { identifyProcess } from '../../src/host/process-identity.ts';
import { eventually } from '../support/wait.ts';

// Real servers and processes, on whatever machine this is.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** Root, and the kernel lets it make a network namespace. */
const mayUnshare = process.getuid?.() === 0 && spawnSync('unshare', ['--net', 'true']).status === 0;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mini-engine-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the Engine', () => {
  it('is the one that DOCKER_HOST names, else the default socket’s', () => {
    expect(dockerHost({})).toBe('unix:///var/run/docker.sock');
    expect(dockerHost({ DOCKER_HOST: 'tcp://10.0.0.1:2375' })).toBe('tcp://10.0.0.1:2375');
  });

  it('that answers is taken as it is', async () => {
    const said: string[] = [];
    expect(await ensureEngine((text) => said.push(text))).toEqual({
      host: dockerHost(),
      apiVersion: expect.stringMatching(/^1\.\d+$/),
    });
    expect(said).toEqual([]);
  });

  it('that is away, mute or something else is told apart, in the time given', async () => {
    expect(await pingEngine(`unix://${folder}/none.sock`)).toMatchObject({ ok: false, code: 'ENOENT' });
    expect(await pingEngine('carrier-pigeon://x')).toMatchObject({
      ok: false,
      message: expect.stringContaining('is not unix://'),
    });
    const mute = createServer(() => undefined).listen(join(folder, 'mute.sock'));
    const page = http.createServer((_, response) => response.end('hello')).listen(join(folder, 'page.sock'));
    const began = performance.now();
    expect(await pingEngine(`unix://${folder}/mute.sock`, 100)).toMatchObject({ ok: false, code: 'ETIMEDOUT' });
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(await pingEngine(`unix://${folder}/page.sock`)).toMatchObject({ ok: false, code: 'HTTP' });
    mute.close();
    page.close();
  });

  it('elsewhere that does not answer is not replaced: one line says so', async () => {
    const script = fileURLToPath(new URL('../../.ci/engine', import.meta.url));
    const env = { ...process.env, DOCKER_HOST: `unix://${folder}/none.sock` };
    const failure = await promisify(execFile)('bash', [script], { env }).catch(
      (error: { stderr: string }) => error.stderr,
    );
    expect(failure).toMatch(/^no Docker Engine answers at DOCKER_HOST=unix:\/\/.*: start it, or unset DOCKER_HOST\n$/);
  });

  it.runIf(mayUnshare)('without systemd is started in the background, over a stale pid file', async () => {
    const bridge = '/sys/class/net/docker0/ifindex';
    const indexOfBridge = () => (existsSync(bridge) ? readFileSync(bridge, 'utf8') : undefined);
    const before = indexOfBridge();
    const script = fileURLToPath(new URL('support/start-dockerd.ts', import.meta.url));
    const command = [process.execPath, '--import', 'tsx', script, folder, readlinkSync('/proc/self/ns/net')];
    const start = () => promisify(execFile)('unshare', ['--net', ...command]);
    const pidFile = join(folder, 'pid');
    // A living process that is no dockerd, as after a reboot: dockerd by itself would refuse to start.
    writeFileSync(pidFile, String(process.pid));
    await start();
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(pid).not.toBe(process.pid);
    try {
      expect(await pingEngine(`unix://${folder}/e.sock`)).toMatchObject({ ok: true });
      await start();
      expect(Number(readFileSync(pidFile, 'utf8'))).toBe(pid);
    } finally {
      process.kill(pid, 'SIGTERM');
      await eventually('its process to be gone', () => identifyProcess(pid) === undefined);
    }
    // I5: the machine's own Engine keeps its bridge.
    expect(indexOfBridge()).toBe(before);
  });

  it.runIf(process.getuid?.() === 0)('that does not start is an error with its own last words', async () => {
    const paths = { host: `unix://${folder}/e.sock`, pidFile: join(folder, 'pid'), log: join(folder, 'log') };
    const start = startDockerDaemon((await rootAccess())!, { ...paths, args: ['--no-such-flag'] });
    await expect(start).rejects.toThrow(/dockerd was started and does not answer .*unknown flag: --no-such-flag/);
  });
});

describe('packages', () => {
  it('are known for Debian and its descendants', () => {
    expect(isDebianLike('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe(true);
    expect(isDebianLike('ID=fedora\nVERSION="debian"\n')).toBe(false);
  });

  it('have a static busybox, told apart from programs with libraries', async () => {
    expect(isStatic(await ensureStaticBusybox())).toBe(true);
    expect(isStatic(process.execPath)).toBe(false);
    writeFileSync(join(folder, 'script'), '#!/bin/sh\n');
    expect(isStatic(join(folder, 'script'))).toBe(false);
  });
});
