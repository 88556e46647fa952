import { systemClock, type Clock } from '../../base/clock.ts';
import { definedOnly } from '../../base/defined.ts';
import { sha256 } from '../../base/hash.ts';
import type {
  Attachment,
  ContainerSpec,
  ContainerUpdate,
  EngineHost,
  FileChange,
  HostRange,
  MetadataAccess,
  ProbeResult,
  ProbeTarget,
} from '../compute.ts';
import { memorySwapOf } from '../container-settings.ts';
import { refuse } from './errors.ts';
import { SimulatedImages } from './images.ts';
import { limitsOf } from './limits.ts';
import { SimulatedNetworks } from './networks.ts';
import { isRunning, type SimulatedContainer, type SimulatedEvent } from './objects.ts';
import { SimulatedProcesses } from './processes.ts';
import { SimulatedProxyHost } from './proxy-host.ts';

/** What a driver hears from the Engine that it is connected to. */
export interface EngineListener {
  event(event: SimulatedEvent): void;
  /** Within reach, or no longer. */
  reach(reachable: boolean): void;
}

/**
 * An Engine in memory that outlives its drivers, as a real one outlives the daemon. Its methods are what the Engine
 * does, for a driver as for a person with a shell: a test tampers through the same ones. All of it follows from the
 * clock and the calls: ids are counted, nothing is random.
 */
export class SimulatedEngine {
  /** The same in every process: a database that has seen one simulated Engine knows the next. */
  readonly id = 'simulated';
  readonly host: EngineHost = {
    name: 'simulated',
    cpus: 2,
    memoryBytes: 4 * 2 ** 30,
    architecture: 'x86_64',
    operatingSystem: 'Simulated',
    osType: 'linux',
    kernelVersion: '0',
    runtime: 'simulated://0',
  };
  readonly clock: Clock;
  readonly containers = new Map<string, SimulatedContainer>();
  readonly networks: SimulatedNetworks;
  readonly images: SimulatedImages;
  readonly processes: SimulatedProcesses;
  readonly proxies: SimulatedProxyHost;
  /** What interfaces of its machine are on, beside its networks. */
  hostRanges: readonly HostRange[] = [];
  /** What its machine's firewall lets networks of ours do. */
  metadataAccess: MetadataAccess = 'open';
  /** While set, why its machine's firewall can be neither read nor changed. */
  firewallFailure: string | undefined;
  /** Labels by name. */
  readonly volumes = new Map<string, Readonly<Record<string, string>>>();
  /** Options of those that were made with some, by name. */
  readonly volumeOptions = new Map<string, Readonly<Record<string, string>>>();
  /** Milliseconds before every call takes effect. */
  latencyMs = 0;
  /** Whether its images have what renames and removes files. */
  hasShell = true;
  /** While true, events are lost, as a slow reader loses them. */
  dropsEvents = false;
  /** A test's say in what a probe finds; `undefined`: what the image's server would answer. */
  probe: (container: SimulatedContainer, target: ProbeTarget) => ProbeResult | undefined = () => undefined;
  readonly #names = new Map<string, string>();
  readonly #listeners = new Set<EngineListener>();
  #reachable = true;
  #made = 0;

  constructor(options: { clock?: Clock } = {}) {
    this.clock = options.clock ?? systemClock;
    const emit = (event: SimulatedEvent) => this.#emit(event);
    this.networks = new SimulatedNetworks(emit);
    this.images = new SimulatedImages(this.clock);
    this.processes = new SimulatedProcesses(this.clock, this.networks, emit);
    const probe = (container: SimulatedContainer, target: ProbeTarget) => this.probe(container, target);
    const { clock, containers, networks } = this;
    this.proxies = new SimulatedProxyHost({ clock, containers, networks, probe });
    this.processes.onStart = (container) => this.proxies.started(container);
    this.processes.onEnd = () => this.proxies.watch();
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  /** Begins or ends an outage. Containers live on, and what they do meanwhile is told to nobody. */
  set reachable(reachable: boolean) {
    this.#reachable = reachable;
    queueMicrotask(() => this.#listeners.forEach((listener) => listener.reach(reachable)));
  }

  listen(listener: EngineListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  named(name: string): SimulatedContainer | undefined {
    const id = this.#names.get(name);
    return id === undefined ? undefined : this.containers.get(id);
  }

  /** The caller has seen that the name is free. */
  create(spec: ContainerSpec, labels: Readonly<Record<string, string>>): SimulatedContainer {
    const imageId = this.images.idOf(spec.image);
    if (imageId === undefined) throw refuse.noSuchImage(spec.image);
    const { networkId, address, aliases } = spec.attachment;
    const networkName = this.networks.byId.get(networkId)?.name ?? networkId;
    for (const { source } of spec.mounts) {
      if ('volume' in source && !this.volumes.has(source.volume)) this.volumes.set(source.volume, labels);
    }
    const container: SimulatedContainer = {
      id: sha256(`container ${++this.#made}`),
      spec,
      labels,
      imageId,
      name: spec.name,
      state: 'created',
      oomKilled: false,
      restarts: 0,
      restart: spec.restart ?? 'no',
      attachments: new Map([[networkId, { address, aliases, networkName }]]),
      ports: [],
      files: new Map(),
      signals: [],
      process: { timers: new Set(), stoppedByHand: false, restartDelayMs: 0, failingStreak: 0, onEnd: new Set() },
      log: [],
      followers: new Set(),
      ...limitsOf(spec),
    };
    this.containers.set(container.id, container);
    this.#names.set(spec.name, container.id);
    this.#say(container, 'container appeared');
    return container;
  }

  start(id: string): void {
    this.processes.start(this.#get(id));
  }

  stop(id: string, graceMs: number): Promise<void> {
    const container = this.containers.get(id);
    if (!container) return Promise.resolve();
    return new Promise((resolve) => this.processes.stop(container, graceMs, resolve));
  }

  kill(id: string): void {
    this.processes.kill(this.#get(id));
  }

  /** Its process ends by itself: the restart policy applies. */
  crash(id: string, exitCode = 1): void {
    this.processes.end(this.#get(id), exitCode);
  }

  pause(id: string): void {
    const container = this.#get(id);
    if (container.state !== 'running') throw refuse.notRunning(container.name);
    container.state = 'paused';
    this.#say(container, 'container was paused');
  }

  unpause(id: string): void {
    const container = this.#get(id);
    if (container.state !== 'paused') return;
    container.state = 'running';
    this.#say(container, 'container was unpaused');
  }

  /** The caller has seen that the name is free. */
  rename(id: string, name: string): void {
    const container = this.#get(id);
    this.#names.delete(container.name);
    this.#names.set(name, id);
    container.name = name;
    this.#say(container, 'container was renamed');
  }

  update(id: string, change: ContainerUpdate): void {
    const container = this.#get(id);
    Object.assign(container, definedOnly({ ...change, memorySwapBytes: memorySwapOf(change) }));
    this.#say(container, 'container was updated');
  }

  connect(id: string, { networkId, address, aliases }: Attachment): void {
    const container = this.#get(id);
    const network = this.networks.byId.get(networkId);
    if (!network) throw refuse.noSuchNetwork(networkId);
    const before = container.attachments.get(networkId);
    if (before?.address === address) return;
    this.networks.leave(container, networkId);
    const joined = { address, aliases, networkName: network.name };
    if (isRunning(container)) this.networks.join({ ...container, attachments: new Map([[networkId, joined]]) });
    container.attachments.set(networkId, joined);
    this.proxies.watch();
    this.#say(container, `container was connected to network ${network.name}`);
  }

  disconnect(id: string, networkId: string): void {
    const container = this.#get(id);
    const attachment = container.attachments.get(networkId);
    if (!attachment) return;
    this.networks.leave(container, networkId);
    container.attachments.delete(networkId);
    this.proxies.watch();
    this.#say(container, `container was disconnected from network ${attachment.networkName}`);
  }

  writeFile(id: string, path: string, content: string): void {
    this.#get(id).files.set(path, content);
  }

  replaceFiles(id: string, { files, removed, signal }: FileChange): 'renamed' | 'written' {
    const container = this.#get(id);
    if (container.state !== 'running') throw refuse.notRunning(container.name);
    for (const { path, content } of files) container.files.set(path, content.toString());
    for (const path of removed) {
      if (this.hasShell) container.files.delete(path);
      else container.files.set(path, '');
    }
    if (signal !== undefined) container.signals.push(signal);
    return this.hasShell ? 'renamed' : 'written';
  }

  remove(id: string): void {
    const container = this.containers.get(id);
    if (!container) return;
    this.processes.destroy(container);
    this.containers.delete(id);
    this.proxies.removed(id);
    this.#names.delete(container.name);
    this.#emit({ type: 'container', id, words: 'container was removed', gone: true });
  }

  #get(id: string): SimulatedContainer {
    const container = this.containers.get(id);
    if (!container) throw refuse.noSuchContainer(id);
    return container;
  }

  #say(container: SimulatedContainer, words: string): void {
    this.#emit({ type: 'container', id: container.id, words });
  }

  /** Heard after the call that caused it has returned, as over a socket. */
  #emit(event: SimulatedEvent): void {
    if (this.dropsEvents || !this.#reachable) return;
    queueMicrotask(() => this.#listeners.forEach((listener) => listener.event(event)));
  }
}
