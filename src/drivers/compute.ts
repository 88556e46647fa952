import type { Duplex, Readable } from 'node:stream';
import type { Observed } from '../base/observed.ts';
import type { ContainerSettings, Limits } from './container-settings.ts';

/**
 * The seam between what people want and whatever runs it. Implementations: `docker/` (one Docker Engine) and
 * `simulated/` (in memory, with the same answers and events). Nothing above this file may assume that a container
 * is on this host.
 *
 * Promises of every implementation:
 * - Observations come from a cache that is filled by one list and kept by events; before it is filled, and while
 *   the Engine cannot be reached, they are `unobservable`, never `absent` (I4).
 * - A call that changed something is seen by the next observation of the same process (read your own writes).
 * - Every call is repeatable: creation is find-or-create by deterministic name, removal of what is gone succeeds (I3).
 * - Only what bears this installation's mark is changed; a foreign holder of a name is `NameTaken` (I5).
 * - Failures are `PassError`s with a reason from `PASS_REASONS`; every call ends within its deadline.
 */
export interface Compute {
  /** What tells this Engine from any other, stable over its restarts. Rejects while it cannot be reached. */
  engineId(): Promise<string>;
  /** The machine that it runs on. Rejects while it cannot be reached. */
  host(): Promise<EngineHost>;

  /**
   * Networks and containers marked with this uid: `absent`, or present with normally one; more after a person's
   * tampering, never an empty list.
   */
  networks(uid: string): Observed<readonly Network[]>;
  containers(uid: string): Observed<readonly Container[]>;
  /** Everything with this installation's mark, for finding what no live document owns. */
  everything(): Observed<readonly Owned[]>;
  /** Ranges of networks that are not ours, as last seen. Empty while unknown: a hint. */
  foreignRanges(): readonly string[];
  /**
   * Ranges that the Engine's host is on by interfaces that are not the Engine's own, as they are now. Empty where that
   * cannot be seen from here. The Engine lays a network over one without a word.
   */
  hostRanges(): readonly HostRange[];
  /** Calls back after the cache changed, with the owner it changed for; for `undefined`, anything may have changed. */
  subscribe(listener: (change: Change) => void): () => void;

  createNetwork(spec: NetworkSpec): Promise<Network>;
  removeNetwork(id: string): Promise<void>;

  /**
   * Whether networks of ours, those to come too, reach the metadata service of the cloud that the Engine's host is in
   * (169.254.169.254), as of the last look; `unobservable` before one, and while the host does not let itself be looked at.
   */
  metadataAccess(): Observed<MetadataAccess>;
  /** Looks, unless that was done lately: it takes a container. What came of it `metadataAccess` tells. */
  lookAtMetadataAccess(): Promise<void>;
  /** Where the host does not let its firewall be changed, this resolves, and `metadataAccess` tells why. */
  closeMetadataAccess(): Promise<void>;
  /** Nothing of ours is left in the host's firewall then. */
  openMetadataAccess(): Promise<void>;

  createContainer(spec: ContainerSpec): Promise<Container>;
  startContainer(id: string): Promise<void>;
  /**
   * SIGTERM, then SIGKILL after `graceMs`. Succeeds when it was not running. One that outlasts `waitMs` resolves to
   * `stopping`, goes on by itself, and its end is a `Change` for the container's owner; asked again, it is joined.
   */
  stopContainer(id: string, graceMs: number, waitMs: number): Promise<StopState>;
  unpauseContainer(id: string): Promise<void>;
  renameContainer(id: string, name: string): Promise<void>;
  /** What can change on a living container; what is left out stays. But for `pidsLimit`, a limit can be moved, not taken away. */
  updateContainer(id: string, change: ContainerUpdate): Promise<void>;
  connectContainer(id: string, attachment: Attachment): Promise<void>;
  disconnectContainer(id: string, networkId: string): Promise<void>;
  /** Removes it, running or not, and its anonymous volumes. */
  removeContainer(id: string): Promise<void>;

  /**
   * Puts files into a container, running or not, before its first start too. Folders on the way that are missing are
   * made, of root's; what was at a path is replaced. It reaches no tmpfs.
   */
  writeFiles(id: string, files: readonly FileContent[]): Promise<void>;
  /**
   * Puts files into a running container so that no reader ever finds one missing or half written, removes others, then
   * signals its process. An image without a shell has nothing that renames: there they are `written` in place, and what
   * is to be removed is emptied.
   */
  replaceFiles(id: string, change: FileChange): Promise<'renamed' | 'written'>;
  /** `undefined`: no such file, or no such container. One larger than `MAX_FILE_BYTES` is `Refused`. */
  readFile(id: string, path: string): Promise<string | undefined>;

  /** The image as it is on the Engine now; `pulling` while one of our pulls is under way. */
  image(reference: string): Promise<ImageState>;
  /**
   * Pulls it. Resolves when it is there. Two callers of one reference share one pull; one that outlasts `waitMs`
   * resolves to `pulling`, goes on by itself, and its end is a `Change` for every owner that asked.
   */
  pullImage(reference: string, owner: Owner, waitMs: number): Promise<ImageState>;
  /**
   * Makes an image of a tar of its root file system, with this installation's mark, and resolves to its id. `changes`
   * are Dockerfile lines: `CMD ["httpd"]`. The same content again gives another image, which takes the reference.
   */
  importImage(tar: Readable | Buffer, reference: string, changes: readonly string[]): Promise<string>;
  /** Images with our mark: those we imported, never those we pulled. */
  ownImages(): Promise<readonly OwnImage[]>;
  /** Calls back when a pull of ours has given the Engine an image, or one that was there a reference. */
  onPulled(listener: (brought: BroughtImage) => void): () => void;
  /** All of the Engine's, whosever they are, with the containers that are made of them. */
  images(): Promise<readonly EngineImage[]>;
  /** Removes an image that no container is made of, under all its references, and none beside it; else it is `Refused`. */
  releaseImage(id: string): Promise<void>;
  /** Removes an image of ours under all its references; one that is not ours is `NameTaken`. */
  removeImage(id: string): Promise<void>;

  /** Named volumes with our mark. */
  volumes(): Promise<readonly Volume[]>;
  /** One of ours that was made with other options is `Refused`: it is not changed. */
  ensureVolume(spec: VolumeSpec): Promise<void>;
  removeVolume(name: string): Promise<void>;

  /** The last lines of output; with `follow`, what comes. Chunks tell stdout from stderr. */
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<OutputChunk>;
  /** Nothing is started once `signal` has aborted, and its abort closes the session, however far that has come. */
  exec(id: string, options: ExecOptions, signal?: AbortSignal): Promise<ExecSession>;
  /**
   * The container's own process: what it writes from now on, and its input where the container was made with `stdin`. Its
   * end is the output's end; a session that is closed leaves the process alone.
   */
  attach(id: string, options: { stdin: boolean }, signal?: AbortSignal): Promise<Session>;
  /** A connection to a port of a running container, published or not. `Refused` where nobody listens, or nothing leads there. */
  dial(id: string, port: number): Promise<Duplex>;
  /** One health probe of a port inside a container. `unobservable` when this daemon has no way there. */
  probe(target: ProbeTarget, timeoutMs: number): Promise<Observed<ProbeResult>>;

  /** Starts to observe. Resolves at the first attempt's end, reached or not; goes on in the background. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** For /readyz and conditions: why the Engine is out of reach, or `undefined`. */
  outage(): string | undefined;
  /** Calls made since the start, by name: for metrics and for the tests of I2. */
  calls(): ReadonlyMap<string, number>;
}

/** Of a file that is read out of a container. */
export const MAX_FILE_BYTES = 2 ** 20;

export interface FileContent {
  /** Absolute. */
  path: string;
  content: string | Buffer;
  /** 0o644. */
  mode: number;
  /** Root's when left out. */
  uid?: number;
  gid?: number;
}

export interface FileChange {
  files: readonly FileContent[];
  /** Paths. */
  removed: readonly string[];
  /** `HUP`. */
  signal?: string;
}

/** The mark that every object of ours carries, as labels. */
export interface Owner {
  uid: string;
  kind: string;
  namespace: string;
  name: string;
  /** The document's generation when the thing was created; never compared. */
  generation: number;
}

export interface Owned {
  type: 'container' | 'network' | 'volume';
  id: string;
  name: string;
  owner: Owner;
}

export interface Change {
  owner?: Pick<Owner, 'kind' | 'namespace' | 'name' | 'uid'>;
  /** In the reconcile log's words: `container died (exit 137)`. */
  what: string;
}

export interface NetworkSpec {
  owner: Owner;
  name: string;
  cidrBlock: string;
  gateway: string;
  internal: boolean;
}

export interface Network {
  id: string;
  name: string;
  owner: Owner;
  cidrBlock: string;
  gateway: string;
  internal: boolean;
}

export type MetadataAccess = 'open' | 'closed';

/** The Engine's machine, as the Engine tells of it. */
export interface EngineHost {
  name: string;
  /** Processors, and bytes of memory. */
  cpus: number;
  memoryBytes: number;
  /** As the kernel names it: `x86_64`. */
  architecture: string;
  operatingSystem: string;
  osType: string;
  kernelVersion: string;
  /** `docker://20.10.24` */
  runtime: string;
  /** By which others reach it; left out where it is not to be seen from here. */
  address?: string;
}

/** A range that an interface of the host is on. */
export interface HostRange {
  interface: string;
  cidrBlock: string;
}

export interface Attachment {
  networkId: string;
  address: string;
  /** Names under which the others of the network find it. */
  aliases: readonly string[];
}

export type RestartMode = 'unless-stopped' | 'on-failure' | 'no';

export interface ContainerUpdate extends Limits {
  restart?: RestartMode;
}

export interface PublishedPort {
  hostAddress: string;
  hostPort: number;
  containerPort: number;
  protocol: 'tcp' | 'udp';
}

export interface Mount {
  /** A named volume (its name on the Engine), or a folder in it, or a folder of the Engine's host. */
  source: { volume: string; subPath?: string; options?: Record<string, string> } | { hostPath: string };
  target: string;
  readOnly: boolean;
}

/** Digests of contents, which tell nothing of them, by a name of what they are. */
export type ConfigDigests = Readonly<Record<string, string>>;

export interface ContainerSpec extends ContainerUpdate, ContainerSettings {
  owner: Owner;
  specHash: string;
  name: string;
  hostname: string;
  image: string;
  entrypoint?: readonly string[];
  command?: readonly string[];
  env: Record<string, string>;
  /** What it is given from elsewhere as it is made, by name: kept with it, to be compared later. Empty: nothing. */
  configDigests?: ConfigDigests;
  /** The name of the defaults that it is made with: kept with it, to be told later. */
  defaults?: string;
  labels: Record<string, string>;
  ports: readonly PublishedPort[];
  mounts: readonly Mount[];
  attachment: Attachment;
  user?: string;
  workingDir?: string;
  stopGraceMs: number;
  /** `json-file` when no driver is said. */
  logs: { maxBytes: number; maxFiles: number; driver?: string; options?: Record<string, string> };
  /** The image's own check is turned off. */
  noHealthCheck?: boolean;
  healthCommand?: {
    command: readonly string[];
    intervalMs: number;
    timeoutMs: number;
    retries: number;
    startPeriodMs: number;
  };
}

export type StopState = 'stopped' | 'stopping';

export type ContainerState = 'created' | 'running' | 'restarting' | 'paused' | 'exited' | 'dead' | 'removing';

export interface Container extends Limits {
  id: string;
  name: string;
  owner: Owner;
  specHash: string;
  /** As it was made with them. */
  configDigests?: ConfigDigests;
  defaults?: string;
  state: ContainerState;
  startedAt?: Date;
  finishedAt?: Date;
  /** Of the last end of its process; `undefined` while it never ended. */
  exitCode?: number;
  /** The Engine's reason for a start that failed. */
  error?: string;
  oomKilled: boolean;
  /** Restarts by the Engine's restart policy. */
  restarts: number;
  health?: 'starting' | 'healthy' | 'unhealthy';
  /** While it is unhealthy: what the Engine's check said last. It moves by itself, and is no change of the container. */
  healthOutput?: string;
  imageId: string;
  restart: RestartMode;
  /** The network that it was made on comes first. */
  attachments: readonly Attachment[];
  /** As they are bound now; empty while it is not running. */
  ports: readonly PublishedPort[];
}

export type ImageState =
  | { state: 'present'; id: string }
  | { state: 'absent' }
  | { state: 'pulling'; progress: string };

export interface OwnImage {
  id: string;
  references: readonly string[];
}

export interface BroughtImage {
  id: string;
  reference: string;
  /** It was not on the Engine before, under whatever reference. */
  isNew: boolean;
}

export interface EngineImage extends OwnImage {
  /** `name@sha256:…`, as a registry knows it. */
  digests: readonly string[];
  sizeBytes: number;
  /** It bears our mark: we imported it. */
  isBuilt: boolean;
  /** Running or not; those of others have no owner. */
  containers: readonly { name: string; owner?: Owner }[];
}

export interface VolumeSpec {
  name: string;
  owner: Owner;
  /** Of the Engine's local driver: `type`, `device` and `o`; left out, whatever is there is right. */
  options?: Record<string, string>;
}

export interface Volume {
  name: string;
  owner: Owner;
}

export interface LogOptions {
  follow: boolean;
  /** Lines from the end; everything that is kept when left out. */
  tail?: number;
  /** Only what was written at or after this time. */
  since?: Date;
  /** Only what was written before this time. */
  until?: Date;
  timestamps: boolean;
}

export interface OutputChunk {
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

export interface ExecOptions {
  command: readonly string[];
  tty: boolean;
  stdin: boolean;
  /** The container's own when left out. */
  user?: string;
}

/** The streams of a process. */
export interface Session {
  output: AsyncIterable<OutputChunk>;
  /** A promise: the process has not read what it has, and more is to wait until it resolves. It never rejects. */
  write(data: Buffer): Promise<void> | undefined;
  /** Ends standard input. */
  closeInput(): void;
  /** The size of its terminal. Nothing happens when the process has ended. */
  resize(columns: number, rows: number): Promise<void>;
  /** Lets go of the connection. */
  close(): void;
}

/** Those of a command. */
export interface ExecSession extends Session {
  /** Resolves after the output's end; rejects when the session was closed before. */
  exitCode(): Promise<number>;
  /**
   * Lets go of the connection, and ends the process where that can be: the Engine has no call for it, so one on another
   * machine goes on by itself.
   */
  close(): void;
}

export interface ProbeTarget {
  containerId: string;
  port: number;
  /** A GET of this path; without it, a TCP connection. */
  http?: { path: string; expectedStatus: number };
}

export interface ProbeResult {
  healthy: boolean;
  /** For a person: `connection refused`, `answered 503, expected 200`. */
  detail: string;
}
