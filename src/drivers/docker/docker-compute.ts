import type { Duplex } from 'node:stream';
import { systemClock, type Clock } from '../../base/clock.ts';
import { absent, present, unobservable, type Observed } from '../../base/observed.ts';
import { PassError } from '../../base/errors.ts';
import type { HostPathRules } from '../../base/host-paths.ts';
import { silentLog, type Log } from '../../base/log.ts';
import type {
  Compute,
  Container,
  ContainerSpec,
  ExecOptions,
  ExecSession,
  ProbeResult,
  ProbeTarget,
  Session,
} from '../compute.ts';
import { attachTo } from './attach.ts';
import { EngineCalls, translated } from './calls.ts';
import { connect } from './connection.ts';
import { DockerContainers } from './containers.ts';
import { EventReader } from './event-reader.ts';
import { engineHost } from './engine-host.ts';
import { startExec } from './exec.ts';
import { DockerFiles } from './files.ts';
import { HostMounts } from './host-mounts.ts';
import { HostTools } from './host-tools.ts';
import { DockerImages } from './images.ts';
import { containerLogs } from './logs.ts';
import { HostMetadataAccess } from './metadata-access.ts';
import { DockerNetworks } from './networks.ts';
import { Observer } from './observer.ts';
import { dialAddress, probeAddress } from './probe.ts';
import type { DockerSession } from './session.ts';
import { DockerVolumes } from './volumes.ts';
import { World } from './world.ts';

export interface DockerComputeOptions {
  /** This installation's id: the mark of what is ours. */
  installation: string;
  /** A value of `DOCKER_HOST`: `unix:///path`, `tcp://host:port`, `https://…`, `ssh://user@host`. Default: the standard socket. */
  host?: string | undefined;
  log?: Log;
  clock?: Clock;
  /** What may be mounted of this machine, where the Engine runs on it; nothing is looked at when left out. */
  hostPaths?: HostPathRules;
}

/** Compute on one Docker Engine. Throws when `host` is no address that Docker knows. */
export function createDockerCompute(options: DockerComputeOptions): Compute {
  const { installation, host, log = silentLog, clock = systemClock, hostPaths } = options;
  const connection = connect(host);
  const { docker, local } = connection;
  const calls = new EngineCalls(clock, () => observer.suspect());
  const world = new World(installation, docker, calls, local);
  const observer = new Observer(connection, calls, world, new EventReader(world), { clock, log });
  const networks = new DockerNetworks(docker, calls, world);
  const containers = new DockerContainers(docker, calls, world, { clock, knock: () => connection.knock() });
  const files = new DockerFiles(docker, calls, world, clock);
  const volumes = new DockerVolumes(docker, calls, world);
  const images = new DockerImages(docker, calls, world, { clock, log });
  const tools = new HostTools(docker, calls, images, installation);
  const metadata = new HostMetadataAccess({ tools, clock, installation, bridges: () => networks.bridges() });
  world.cache.subscribe(() => {
    if (world.cache.outage !== undefined) metadata.forget();
  });
  // Where another machine's links lead cannot be seen from here.
  const mounts = local && hostPaths ? new HostMounts(hostPaths) : undefined;
  const sessions = new Set<Session>();

  return {
    engineId: () =>
      translated('ask the Engine for its id', async () => (await calls.raw('info', () => docker.info())).ID as string),

    host: () => engineHost(docker, calls, local),

    networks: (uid) => world.cache.networksOf(uid),
    containers: (uid) => world.cache.containersOf(uid),
    everything: () => world.cache.everything(),
    foreignRanges: () => world.foreignRanges(),
    hostRanges: () => world.hostRanges(),
    subscribe: (listener) => world.cache.subscribe(listener),

    createNetwork: (spec) => networks.create(spec),
    removeNetwork: (id) => networks.remove(id),

    metadataAccess: () => metadata.access,
    lookAtMetadataAccess: () => metadata.look(),
    closeMetadataAccess: () => metadata.set('closed'),
    openMetadataAccess: () => metadata.set('open'),

    createContainer: (spec) => createContainer(spec),
    startContainer: (id) => startContainer(id),
    stopContainer: (id, graceMs, waitMs) => containers.stop(id, graceMs, waitMs),
    unpauseContainer: (id) => containers.unpause(id),
    renameContainer: (id, name) => containers.rename(id, name),
    updateContainer: (id, change) => containers.update(id, change),
    connectContainer: (id, attachment) => containers.connect(id, attachment),
    disconnectContainer: (id, networkId) => containers.disconnect(id, networkId),
    removeContainer: (id) => containers.remove(id),

    writeFiles: (id, contents) => files.write(id, contents),
    replaceFiles: (id, change) => files.replace(id, change),
    readFile: (id, path) => files.read(id, path),

    image: (reference) => images.state(reference),
    pullImage: (reference, owner, waitMs) => images.pull(reference, owner, waitMs),
    importImage: (tar, reference, changes) => images.import(tar, reference, changes),
    ownImages: () => images.own(),
    onPulled: (listener) => images.onPulled(listener),
    images: () => images.list(),
    releaseImage: (id) => images.release(id),
    removeImage: (id) => images.remove(id),

    volumes: () => volumes.list(),
    ensureVolume: (spec) => volumes.ensure(spec),
    removeVolume: (name) => volumes.remove(name),

    logs: (id, logOptions, signal) => containerLogs(docker, calls, world, id, logOptions, signal),
    exec: (id, execOptions, signal) => openSession(id, execOptions, signal),
    attach: (id, attachOptions, signal) => attach(id, attachOptions, signal),
    dial: (id, port) => dial(id, port),
    probe: (target, timeoutMs) => probe(target, timeoutMs),

    open: () => observer.open(),
    close: async () => {
      for (const session of sessions) session.close();
      await observer.close();
    },
    outage: () => world.cache.outage,
    calls: () => calls.counts,
  };

  async function createContainer(spec: ContainerSpec): Promise<Container> {
    await volumes.checkSubPaths(spec.mounts);
    return containers.create(mounts ? await mounts.resolve(spec) : spec);
  }

  async function startContainer(id: string): Promise<void> {
    await mounts?.check(world.details(id)?.hostFolders ?? []);
    return containers.start(id);
  }

  async function openSession(id: string, execOptions: ExecOptions, signal?: AbortSignal): Promise<ExecSession> {
    return kept(await startExec(docker, calls, clock, id, execOptions, signal));
  }

  async function attach(id: string, attachOptions: { stdin: boolean }, signal?: AbortSignal): Promise<Session> {
    const { tty, stdin } = world.details(id) ?? { tty: false, stdin: false };
    return kept(await attachTo(docker, calls, id, { tty, stdin }, attachOptions, signal));
  }

  /** It ends with the driver. */
  function kept<S extends DockerSession>(session: S): S {
    sessions.add(session);
    void session.closed.then(() => sessions.delete(session));
    return session;
  }

  async function probe(target: ProbeTarget, timeoutMs: number): Promise<Observed<ProbeResult>> {
    if (!local) return unobservable(`containers of the Engine at ${connection.host} cannot be reached from here`);
    if (world.cache.outage !== undefined) return unobservable(world.cache.outage);
    const container = world.cache.containers.get(target.containerId);
    if (!container) return absent;
    const found = addressOf(container);
    if ('why' in found) return present({ healthy: false, detail: found.why });
    return present(await probeAddress(found.address, target, timeoutMs));
  }

  async function dial(id: string, port: number): Promise<Duplex> {
    if (!local)
      throw new PassError('Refused', `containers of the Engine at ${connection.host} cannot be reached from here`);
    const container = world.cache.containers.get(id);
    const found: Found = container ? addressOf(container) : { why: 'the container is gone' };
    if ('why' in found) throw new PassError('Refused', found.why);
    return dialAddress(found.address, port);
  }
}

type Found = { address: string } | { why: string };

/** By which this machine reaches it. */
function addressOf({ state, attachments }: Container): Found {
  if (state !== 'running') return { why: `the container is ${state}` };
  const address = attachments.find((attachment) => attachment.address)?.address;
  return address ? { address } : { why: 'the container is on no network' };
}
