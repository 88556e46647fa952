import { buffer } from 'node:stream/consumers';
import { sleep } from '../../base/clock.ts';
import { definedOnly } from '../../base/defined.ts';
import { messageOf, PassError } from '../../base/errors.ts';
import { grouped } from '../../base/grouped.ts';
import { canonicalJson, sameJson, sha256 } from '../../base/hash.ts';
import { absent, present, unobservable, type Observed } from '../../base/observed.ts';
import { MAX_FILE_BYTES } from '../compute.ts';
import type {
  Compute,
  Container,
  ContainerSpec,
  EngineImage,
  ImageState,
  MetadataAccess,
  Network,
  NetworkSpec,
  Owner,
  ProbeResult,
  ProbeTarget,
  StopState,
  VolumeSpec,
} from '../compute.ts';
import { creationLabels, ownerLabels, ownerOf } from '../labels.ts';
import { LongCalls, pullOf, stopOf } from '../long-calls.ts';
import {
  fileTooLarge,
  leftAlone,
  nameTaken,
  networkInUse,
  otherVolume,
  overlapWords,
  sessionClosed,
} from '../refusals.ts';
import type { SimulatedEngine } from './simulated-engine.ts';
import { refuse } from './errors.ts';
import type { SimulatedContainer } from './objects.ts';
import { simulatedAttach, simulatedExec, simulatedLogs } from './output.ts';
import { dialSimulated, probeSimulated } from './probe.ts';
import { programOf } from './program.ts';
import { SimulatedView } from './view.ts';

/** Compute on an Engine in memory: the docker driver's answers, refusals and events, without a container. */
export function createSimulatedCompute(options: { engine: SimulatedEngine; installation: string }): Compute {
  const { engine, installation } = options;
  const view = new SimulatedView(engine, installation);
  const { cache } = view;
  const longCalls = new LongCalls(engine.clock, (change) => cache.notify(change));
  const counts = new Map<string, number>();

  /** Every call: counted, after the Engine's latency, and refused while it is out. */
  async function call<T>(name: string, act: () => T | Promise<T>): Promise<T> {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (engine.latencyMs > 0) await sleep(engine.clock, engine.latencyMs);
    if (!engine.reachable) throw refuse.unreachable();
    return act();
  }

  async function setMetadataAccess(access: MetadataAccess): Promise<void> {
    if (engine.metadataAccess === access) return;
    await call('setMetadataAccess', () => {
      if (engine.firewallFailure === undefined) engine.metadataAccess = access;
    });
  }

  /** Somebody else's is neither changed nor read (I5). */
  function ourContainer(id: string): SimulatedContainer | undefined {
    const container = engine.containers.get(id);
    if (container && !ownerOf(installation, container.labels)) {
      throw new PassError('NameTaken', leftAlone('container', container.name));
    }
    return container;
  }

  /** A change of a container of ours, seen by the next observation. */
  function change<T>(name: string, id: string, act: () => T | Promise<T>): Promise<T> {
    return call(name, async () => {
      ourContainer(id);
      const hold = cache.hold(id);
      try {
        return await act();
      } catch (error) {
        view.lookAfterRefusal(messageOf(error));
        throw error;
      } finally {
        view.lookAtContainer(id);
        hold.release();
      }
    });
  }

  function createNetwork(spec: NetworkSpec): Network {
    const { name, cidrBlock, gateway, internal } = spec;
    const held = engine.networks.named(name);
    if (held) return ours(view.lookAtNetwork(held.id).value, 'network', held, spec.owner);
    const holder = engine.networks.holder(cidrBlock);
    if (holder) {
      cache.waitFor(holder.id, spec.owner);
      throw new PassError('CidrOverlap', overlapWords(cidrBlock, holder.name, holder.cidrBlock));
    }
    const labels = ownerLabels(installation, spec.owner, sha256(canonicalJson({ cidrBlock, gateway, internal })));
    const made = engine.networks.create({ name, cidrBlock, gateway, internal, labels });
    return ours(view.lookAtNetwork(made.id).value, 'network', made, spec.owner);
  }

  function createContainer(spec: ContainerSpec): Container {
    const labels = {
      ...spec.labels,
      ...ownerLabels(installation, spec.owner, spec.specHash),
      ...creationLabels(spec),
    };
    const held = engine.named(spec.name) ?? engine.create(spec, labels);
    return ours(view.lookAtContainer(held.id).value, 'container', held, spec.owner);
  }

  /** What bears the name, when it is what the owner wants there. */
  function ours<T extends Container | Network>(
    value: T | undefined,
    type: string,
    held: { id: string; name: string; labels: Readonly<Record<string, string>> },
    owner: Owner,
  ): T {
    if (value?.owner.uid === owner.uid) return value;
    cache.waitFor(held.id, owner);
    throw new PassError('NameTaken', nameTaken(type, held.name, held.id, ownerOf(installation, held.labels)));
  }

  function removeNetwork(id: string): void {
    const network = engine.networks.byId.get(id);
    if (network && !ownerOf(installation, network.labels)) {
      throw new PassError('NameTaken', leftAlone('network', network.name));
    }
    const holders = [...(network?.endpoints.values() ?? [])].flatMap((holder) => engine.containers.get(holder) ?? []);
    if (network && holders.length > 0) {
      const owner = ownerOf(installation, network.labels);
      for (const holder of holders) if (owner) cache.waitFor(holder.id, owner);
      throw new PassError('InUse', networkInUse(network.name, holders.map((holder) => holder.name).sort()));
    }
    engine.networks.remove(id);
    view.lookAtNetwork(id);
  }

  function rename(id: string, name: string): void {
    const held = engine.named(name);
    if (held?.id === id) return;
    if (held)
      throw new PassError('NameTaken', nameTaken('container', name, held.id, ownerOf(installation, held.labels)));
    engine.rename(id, name);
  }

  /** Ours under this name, if any; somebody else's is not touched. */
  function ourVolume(name: string): boolean {
    const labels = engine.volumes.get(name);
    if (!labels) return false;
    if (ownerOf(installation, labels)) return true;
    throw new PassError('NameTaken', leftAlone('volume', name));
  }

  function ensureVolume({ name, owner, options }: VolumeSpec): void {
    if (!ourVolume(name)) {
      engine.volumes.set(name, ownerLabels(installation, owner, sha256(canonicalJson({}))));
      if (options) engine.volumeOptions.set(name, options);
    }
    cache.volumes.set(name, { name, owner });
    const has = engine.volumeOptions.get(name) ?? {};
    if (options && !sameJson(options, has)) throw new PassError('Refused', otherVolume(name, has));
  }

  function removeVolume(name: string): void {
    if (!ourVolume(name)) return;
    engine.volumes.delete(name);
    engine.volumeOptions.delete(name);
    cache.volumes.delete(name);
  }

  function imageState(reference: string): ImageState {
    const progress = longCalls.progress(pullOf(reference));
    if (progress !== undefined) return { state: 'pulling', progress };
    const id = engine.images.idOf(reference);
    return id === undefined ? { state: 'absent' } : { state: 'present', id };
  }

  async function pullImage(reference: string, owner: Owner, waitMs: number): Promise<ImageState> {
    const start = (tell: (text: string) => void) => engine.images.pull(reference, tell);
    await longCalls.join(pullOf(reference), owner, waitMs, start);
    return imageState(reference);
  }

  async function stopContainer(id: string, graceMs: number, waitMs: number): Promise<StopState> {
    const owner = ownerOf(installation, ourContainer(id)?.labels ?? {});
    if (!owner) return 'stopped';
    const stop = () => change('stopContainer', id, () => engine.stop(id, graceMs));
    return (await longCalls.join(stopOf(id, graceMs), owner, waitMs, stop)) ? 'stopped' : 'stopping';
  }

  function images(): EngineImage[] {
    const containers = grouped(engine.containers.values(), ({ imageId }) => imageId);
    return engine.images.list().map(({ id, references, ...image }) => ({
      id,
      references,
      digests: [],
      sizeBytes: 0,
      isBuilt: image.installation === installation,
      containers: (containers.get(id) ?? []).map(({ name, labels }) => ({
        name,
        ...definedOnly({ owner: ownerOf(installation, labels) }),
      })),
    }));
  }

  function releaseImage(id: string): void {
    const user = [...engine.containers.values()].find(({ imageId }) => imageId === id);
    if (user) throw new PassError('Refused', `container ${user.name} is made of image ${id}`);
    engine.images.remove(id);
  }

  function removeImage(id: string): void {
    const image = engine.images.imported(id);
    if (image && image.installation === installation) return engine.images.remove(id);
    const foreign = image !== undefined || [...engine.containers.values()].some((c) => c.imageId === id);
    if (foreign) throw new PassError('NameTaken', leftAlone('image', id));
  }

  function readFile(id: string, path: string): string | undefined {
    const content = ourContainer(id)?.files.get(path);
    const bytes = Buffer.byteLength(content ?? '');
    if (bytes > MAX_FILE_BYTES) throw new PassError('Refused', fileTooLarge(path, bytes, MAX_FILE_BYTES));
    return content;
  }

  function running(id: string): SimulatedContainer {
    const container = engine.containers.get(id);
    if (!container) throw refuse.noSuchContainer(id);
    if (container.state !== 'running') throw refuse.notRunning(container.name);
    return container;
  }

  function probe(target: ProbeTarget): Observed<ProbeResult> {
    if (cache.outage !== undefined) return unobservable(cache.outage);
    const container = engine.containers.get(target.containerId);
    if (!container) return absent;
    return present(engine.probe(container, target) ?? probeSimulated(container, target));
  }

  return {
    engineId: () => call('info', () => engine.id),

    host: () => call('info', () => engine.host),

    networks: (uid) => cache.networksOf(uid),
    containers: (uid) => cache.containersOf(uid),
    everything: () => cache.everything(),
    foreignRanges: () => view.foreignRanges(),
    hostRanges: () => engine.hostRanges,
    subscribe: (listener) => cache.subscribe(listener),

    createNetwork: (spec) => call('createNetwork', () => createNetwork(spec)),
    removeNetwork: (id) => call('removeNetwork', () => removeNetwork(id)),

    metadataAccess: () => {
      const why = cache.outage ?? engine.firewallFailure;
      return why === undefined ? present(engine.metadataAccess) : unobservable(why);
    },
    lookAtMetadataAccess: () => Promise.resolve(),
    closeMetadataAccess: () => setMetadataAccess('closed'),
    openMetadataAccess: () => setMetadataAccess('open'),

    createContainer: (spec) => call('createContainer', () => createContainer(spec)),
    startContainer: (id) => change('startContainer', id, () => engine.start(id)),
    stopContainer,
    unpauseContainer: (id) => change('unpauseContainer', id, () => engine.unpause(id)),
    renameContainer: (id, name) => change('renameContainer', id, () => rename(id, name)),
    updateContainer: (id, update) => change('updateContainer', id, () => engine.update(id, update)),
    connectContainer: (id, attachment) => change('connectContainer', id, () => engine.connect(id, attachment)),
    disconnectContainer: (id, networkId) => change('disconnectContainer', id, () => engine.disconnect(id, networkId)),
    removeContainer: (id) => change('removeContainer', id, () => engine.remove(id)),

    writeFiles: (id, files) =>
      change('writeFiles', id, () => {
        for (const { path, content } of files) engine.writeFile(id, path, content.toString());
      }),
    replaceFiles: (id, files) => change('replaceFiles', id, () => engine.replaceFiles(id, files)),
    readFile: (id, path) => call('readFile', () => readFile(id, path)),

    image: (reference) => call('inspectImage', () => imageState(reference)),
    pullImage: (reference, owner, waitMs) => call('pullImage', () => pullImage(reference, owner, waitMs)),
    importImage: async (tar, reference, changes) => {
      const content = Buffer.isBuffer(tar) ? tar : await buffer(tar);
      return call('importImage', () => engine.images.import(content, reference, changes, installation));
    },
    ownImages: () => call('listImages', () => engine.images.own(installation)),
    onPulled: (listener) => {
      engine.images.listeners.add(listener);
      return () => engine.images.listeners.delete(listener);
    },
    images: () => call('listImages', images),
    releaseImage: (id) => call('removeImage', () => releaseImage(id)),
    removeImage: (id) => call('removeImage', () => removeImage(id)),

    volumes: () => call('listVolumes', () => [...cache.volumes.values()]),
    ensureVolume: (spec) => call('createVolume', () => ensureVolume(spec)),
    removeVolume: (name) => call('removeVolume', () => removeVolume(name)),

    logs: async function* (id, logOptions, signal) {
      const container = await call('logs', () => engine.containers.get(id));
      if (!container) throw refuse.noSuchContainer(id);
      yield* simulatedLogs(container, logOptions, signal);
    },
    exec: (id, execOptions, signal) =>
      call('startExec', () => {
        running(id);
        const program = programOf(execOptions.command);
        if (!program) throw refuse.noExecutable(execOptions.command[0] ?? '');
        if (signal?.aborted) throw sessionClosed();
        return simulatedExec(program, execOptions, signal);
      }),
    attach: (id, { stdin }, signal) =>
      call('attach', () => {
        const container = running(id);
        const feeds = stdin && container.spec.stdin === true;
        return simulatedAttach(container, feeds ? (data) => engine.processes.feed(container, data) : undefined, signal);
      }),
    dial: (id, port) => call('dial', () => dialSimulated(running(id), port)),
    probe: (target) => Promise.resolve(probe(target)),

    open: () => Promise.resolve(view.open()),
    close: () => Promise.resolve(view.close()),
    outage: () => cache.outage,
    calls: () => counts,
  };
}
