import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { messageOf } from '../../src/base/errors.ts';
import { installationDigest, LABEL } from '../../src/drivers/labels.ts';
import { eventually } from './wait.ts';

const run = promisify(execFile);

/** The Engine that the tests run on, by `DOCKER_HOST` or the default socket, for what a person would do to it. */
export const engine = new Docker();

/** An installation id of a test file's own: nothing of another file or of a person bears it. */
export const freshInstallation = (): string => `test-${randomBytes(6).toString('hex')}`;

/**
 * Removes every container, network, volume and image with this installation's mark, and nothing else. An Engine (20.10)
 * sometimes counts endpoints of a network that has none: no call removes that network before the Engine starts again,
 * and so it is told of and left.
 */
export async function cleanInstallation(installation: string): Promise<void> {
  const filters = { label: [`${LABEL.installation}=${installation}`] };
  // A daemon that was killed may have left the Engine in the middle of a removal, or of a start.
  await eventually(`the containers of ${installation} to be gone`, async () => {
    const containers = await engine.listContainers({ all: true, filters });
    await Promise.all(containers.map(({ Id }) => gone(engine.getContainer(Id).remove({ force: true, v: true }))));
    return containers.length === 0;
  });
  const networks = await engine.listNetworks({ filters });
  await Promise.all(networks.map(({ Id }) => removeNetwork(Id)));
  const { Volumes } = await engine.listVolumes({ filters });
  await Promise.all((Volumes ?? []).map(({ Name }) => gone(engine.getVolume(Name).remove())));
  await cleanFirewall(installation);
  const images = await engine.listImages({ filters: JSON.stringify(filters) });
  await Promise.all(images.map(({ Id }) => gone(engine.getImage(Id).remove({ force: true }))));
}

/** Of the rule that keeps this installation's networks from the metadata service. */
async function cleanFirewall(installation: string): Promise<void> {
  const raw = (...args: string[]) => run('iptables', ['-w', '10', '-t', 'raw', ...args]);
  const { stdout } = await raw('-S', 'PREROUTING');
  const rules = stdout.split('\n').filter((rule) => rule.includes(installationDigest(installation)));
  for (const rule of rules) await raw('-D', ...rule.split(' ').slice(1));
}

async function removeNetwork(id: string): Promise<void> {
  const removed = eventually(`network ${id} to be gone`, () => gone(engine.getNetwork(id).remove()).then(() => true));
  await removed.catch((error: Error) =>
    process.stderr.write(`left behind: ${error.message}: ${messageOf(error.cause)}\n`),
  );
}

/** What is gone, or being removed, is as good as removed. */
async function gone(removal: Promise<unknown>): Promise<void> {
  await removal.catch((error: { statusCode?: number }) => {
    if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
  });
}

/** The Engine's socket behind another that can be cut, as if the Engine had gone away. */
export interface EngineProxy {
  /** A value for `DOCKER_HOST`. */
  host: string;
  cut(): Promise<void>;
  restore(): Promise<void>;
  close(): Promise<void>;
}

export async function engineProxy(): Promise<EngineProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'engine-proxy-'));
  const path = join(folder, 'docker.sock');
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const restore = async () => {
    server = createServer({ allowHalfOpen: true }, (near) => relay(near, sockets)).listen(path);
    await once(server, 'listening');
  };
  const cut = async () => {
    const closed = server && once(server, 'close');
    server?.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    server = undefined;
  };
  const close = async () => {
    await cut();
    rmSync(folder, { recursive: true, force: true });
  };
  await restore();
  return { host: `unix://${path}`, cut, restore, close };
}

function relay(near: Socket, sockets: Set<Socket>): void {
  const far = connect({ ...engineAddress(), allowHalfOpen: true });
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    sockets.add(one);
    one.on('error', () => other.destroy()).on('close', () => (other.destroy(), sockets.delete(one)));
    one.pipe(other);
  }
}

/** Where the Engine of the tests listens, as `net.connect` takes it. */
export function engineAddress(): { path: string } | { host: string; port: number } {
  const host = process.env['DOCKER_HOST'] || 'unix:///var/run/docker.sock';
  if (host.startsWith('unix://')) return { path: host.slice('unix://'.length) };
  const url = new URL(host.replace(/^tcp:/, 'http:'));
  return { host: url.hostname, port: Number(url.port || 2375) };
}
