import { randomBytes } from 'node:crypto';
import type Docker from 'dockerode';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { PassError } from '../../base/errors.ts';
import { installationDigest, LABEL } from '../labels.ts';
import type { EngineCalls } from './calls.ts';
import { statusOf } from './errors.ts';
import type { DockerImages } from './images.ts';
import { demultiplex } from './output.ts';
import { unlessGone } from './world.ts';

const HELPER = 'host-tools';
/** Where the image has the host's root folder. */
const ROOT = '/host';
const LINKS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'usr', 'nix', 'etc/alternatives'];
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin';
/** Milliseconds. A quarter of a second is usual; a busy host takes longer, and waits for the firewall's lock. */
const RUN_DEADLINE_MS = 60_000;

/**
 * Runs a short script on the Engine's host, wherever that is, in a container on the host's network. The programs are the
 * host's own: the Engine needs `iptables` there too, so it is there, and of the kind that the host's kernel wants.
 */
export class HostTools {
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #images: DockerImages;
  readonly #installation: string;
  readonly #image: string;

  constructor(docker: Docker, calls: EngineCalls, images: DockerImages, installation: string) {
    this.#docker = docker;
    this.#calls = calls;
    this.#images = images;
    this.#installation = installation;
    this.#image = `miniaws/host-tools:${installationDigest(installation)}`;
  }

  /** What it printed. Rejects with its words when it fails. `call` is what it is counted as. */
  async run(call: string, script: string, env: Readonly<Record<string, string>>): Promise<string> {
    await this.#removeLeft();
    try {
      return await this.#runOnce(call, script, env);
    } catch (error) {
      // Another daemon, whose term has just ended or begun, took the container for one that was left.
      if (statusOf(error) !== 404) throw error;
      return this.#runOnce(call, script, env);
    }
  }

  async #runOnce(call: string, script: string, env: Readonly<Record<string, string>>): Promise<string> {
    const id = await this.#create(script, env);
    const container = this.#docker.getContainer(id);
    try {
      await this.#calls.change(call, () => container.start());
      const wait = () => container.wait() as Promise<{ StatusCode: number }>;
      const { StatusCode: status } = await this.#calls.raw('waitContainer', wait, RUN_DEADLINE_MS);
      const { stdout, stderr } = await this.#output(container);
      if (status === 0) return stdout;
      throw new PassError('EngineError', stderr.trim().split('\n').at(-1) || `the script ended with status ${status}`);
    } finally {
      // One that is still there is removed by the next run.
      await this.#remove(id).catch(() => undefined);
    }
  }

  async #create(script: string, env: Readonly<Record<string, string>>): Promise<string> {
    try {
      return await this.#make(script, env);
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      await this.#images.import(await image(), this.#image, [`ENV PATH=${PATH}`]);
      return this.#make(script, env);
    }
  }

  async #make(script: string, env: Readonly<Record<string, string>>): Promise<string> {
    const options = {
      name: `${this.#image.replace(/[/:]/g, '-')}-${randomBytes(4).toString('hex')}`,
      Image: this.#image,
      Entrypoint: ['sh', '-ec', script],
      Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      Labels: { [LABEL.installation]: this.#installation, [LABEL.helper]: HELPER },
      HostConfig: {
        NetworkMode: 'host',
        UsernsMode: 'host',
        CapDrop: ['ALL'],
        // The last one is for a host that has not loaded the firewall's modules yet.
        CapAdd: ['NET_ADMIN', 'NET_RAW', 'SYS_MODULE'],
        SecurityOpt: ['label=disable'],
        LogConfig: { Type: 'json-file', Config: {} },
        Mounts: [
          { Type: 'bind' as const, Source: '/', Target: ROOT, ReadOnly: true },
          // The firewall's lock is in it.
          { Type: 'bind' as const, Source: '/run', Target: '/run', ReadOnly: false },
        ],
      },
    };
    return (await this.#calls.change('createHelper', () => this.#docker.createContainer(options))).id;
  }

  /** Those that a daemon which died has left. One that runs ends by itself. */
  async #removeLeft(): Promise<void> {
    const label = [`${LABEL.installation}=${this.#installation}`, `${LABEL.helper}=${HELPER}`];
    const filters = { label, status: ['created', 'exited', 'dead'] };
    const list = () => this.#docker.listContainers({ all: true, filters });
    for (const { Id } of await this.#calls.raw('listContainers', list)) await this.#remove(Id);
  }

  async #output(container: Docker.Container): Promise<{ stdout: string; stderr: string }> {
    const read = () => container.logs({ stdout: true, stderr: true, follow: false });
    const frames = await this.#calls.raw('logs', read);
    const said = { stdout: '', stderr: '' };
    for await (const { stream, data } of demultiplex(Readable.from([frames]))) said[stream] += data.toString();
    return said;
  }

  async #remove(id: string): Promise<void> {
    const remove = () => this.#docker.getContainer(id).remove({ force: true, v: true });
    await unlessGone(this.#calls.change('removeHelper', remove));
  }
}

/** Made in a moment and without a registry: it holds no program, only links to those of the host. */
async function image(): Promise<Buffer> {
  const archive = pack();
  const mtime = new Date(0);
  for (const name of ['etc', 'host', 'run']) archive.entry({ name, type: 'directory', mode: 0o755, mtime });
  for (const name of LINKS) archive.entry({ name, type: 'symlink', linkname: `${ROOT}/${name}`, mode: 0o777, mtime });
  archive.finalize();
  return buffer(archive);
}
