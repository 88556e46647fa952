import type { PortMapping } from '../shared/port-mapping.ts';
import { GROUP } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import { parsePorts } from '../shared/port-mapping.ts';

/** Annotation of an instance that belongs to a controller: `REFERENCE@ID`, the image that the reference meant at first. */
export const IMAGE_ID = `${GROUP}/image-id`;

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

interface HealthTiming {
  interval: string;
  timeout: string;
  retries: number;
  startPeriod: string;
}

/** Exactly one of `http`, `tcp`, `command` and `disable: true` is there: admission sees to it. */
export interface HealthCheck extends HealthTiming {
  http?: { port: number; path: string; expectedStatus: number };
  tcp?: { port: number };
  command?: readonly string[];
  /** The image's own check is turned off. */
  disable?: boolean;
  restartOnUnhealthy?: boolean;
}

/** Whether this daemon does the checking. */
export const isProbed = ({ http, tcp }: HealthCheck): boolean => http !== undefined || tcp !== undefined;

/** A named volume, or a folder of the host; exactly one of `name` and `hostPath` is there. */
export interface VolumeMount {
  name?: string;
  hostPath?: string;
  mountPath: string;
  /** In a named volume. */
  subPath?: string;
  readOnly: boolean;
  /** Of a named volume. */
  driverOptions?: { type: 'tmpfs' | 'nfs' | 'nfs4'; device?: string; o?: string };
}

export type LogDriver = 'json-file' | 'local' | 'journald' | 'syslog' | 'none';

interface Logs {
  maxSize: string;
  maxFiles: number;
  /** `json-file` when absent. */
  driver?: LogDriver;
  options?: Record<string, string>;
}

export interface Tmpfs {
  mountPath: string;
  size?: string;
  mode?: string;
}

/** How the container's process is run: see `container-schema.ts`. */
interface ContainerFields {
  /** Absent means false: admission fills it for those that are made from now on. */
  init?: boolean;
  tty?: boolean;
  stdin?: boolean;
  stopSignal?: string;
  hostname?: string;
  aliases?: readonly string[];
  extraHosts?: Record<string, string>;
  dns?: { servers?: readonly string[]; search?: readonly string[]; options?: readonly string[] };
  groups?: readonly string[];
  /** Absent means false. */
  allowPrivilegeEscalation?: boolean;
  capabilities?: { add?: readonly string[]; drop?: readonly string[] };
  readOnlyRootFilesystem?: boolean;
  tmpfs?: readonly Tmpfs[];
  shmSize?: string;
  sysctls?: Record<string, string>;
  ulimits?: Record<string, { soft: number; hard?: number }>;
  devices?: readonly { hostPath: string; path?: string; permissions?: string }[];
  /** Exactly one of `count` and `ids` is there. */
  gpus?: { count?: number; ids?: readonly string[]; capabilities?: readonly string[] };
  oomScoreAdjust?: number;
  pidsLimit?: number;
  cpuSet?: string;
  memoryReservation?: string;
  memorySwap?: string;
}

/** A VPC that it is in beside the primary one. */
export interface SecondaryNetwork {
  vpc: string;
  privateIp?: string;
  aliases?: readonly string[];
}

/** Its address there: given out by us before it is first used, and kept until it has left the VPC. */
export interface SecondaryAddress {
  vpc: string;
  vpcUid?: string;
  privateIp: string;
}

/** Where a value comes from: exactly one of `configMap` and `secret` is there. */
export interface ConfigSource {
  configMap?: string;
  secret?: string;
  /** One that is not there is left out. */
  optional?: boolean;
}

/** What a running instance does when its content changes; a process has its environment from when it was made. */
export type OnChange = 'Recreate' | 'Restart' | 'Update' | 'Ignore' | { signal: string };
type EnvOnChange = Extract<OnChange, 'Recreate' | 'Ignore'>;

export interface EnvReference {
  valueFrom: ConfigSource & { key: string; onChange?: EnvOnChange };
}

interface EnvFrom extends ConfigSource {
  prefix?: string;
  onChange?: EnvOnChange;
}

/** A file, or, of a source without `key`, a folder with a file for each key. In place of a source it may have `content`. */
export interface ConfigFile extends ConfigSource {
  path: string;
  key?: string;
  content?: string;
  mode?: string;
  uid?: number;
  gid?: number;
  template?: boolean;
  onChange?: OnChange;
}

/** What a container has of what it is given. */
export interface ConfigStatus {
  containerId: string;
  /** By item; empty: it is being replaced. */
  digests: Readonly<Record<string, string>>;
  /** The process that was started at `of` is to be started again, because of what `why` says. */
  restart?: { of: string; why: string };
}

export interface InstanceSpec extends ContainerFields {
  image: string;
  imagePullPolicy: 'IfNotPresent' | 'Always' | 'Never';
  command?: readonly string[];
  args?: readonly string[];
  env?: Record<string, string | EnvReference>;
  /** All keys of a source as variables; of two with one name the later counts, and `env` before both. */
  envFrom?: readonly EnvFrom[];
  files?: readonly ConfigFile[];
  ports: readonly string[];
  vpc: string;
  privateIp?: string;
  networks?: readonly SecondaryNetwork[];
  powerState: 'Running' | 'Stopped';
  logs: Logs;
  resources: { cpus?: number; memory?: string };
  restartPolicy: RestartPolicy;
  healthCheck?: HealthCheck;
  volumes: readonly VolumeMount[];
  user?: string;
  workingDir?: string;
  stopGracePeriod: string;
  labels?: Record<string, string>;
}

export type InstancePhase =
  | 'Pending'
  | 'Starting'
  | 'Running'
  | 'Stopped'
  | 'Succeeded'
  | 'Failed'
  | 'CrashLoopBackOff'
  | 'Terminating';

/** A request to restart, written down before it is carried out. */
export interface HealthRestarts {
  count: number;
  at: string;
  /** When the process was started that is to be ended, by the Engine's clock. */
  of: string;
}

type Health = 'Starting' | 'Healthy' | 'Unhealthy';

/** What its check says. */
export interface HealthObserved {
  health?: Health;
  /** What the check answered, while it is Unhealthy. */
  healthOutput?: string;
}

export interface InstanceStatus {
  phase?: InstancePhase;
  containerId?: string;
  containerName?: string;
  /** Given out by us before it is first used, and kept for the instance's life. */
  privateIp?: string;
  /** The uid of the VPC that `privateIp` belongs to: an address never outlives its VPC. */
  vpcUid?: string;
  networks?: readonly SecondaryAddress[];
  ports?: readonly PortMapping[];
  imageId?: string;
  startedAt?: string;
  restarts?: number;
  lastExitCode?: number;
  /** The last lines that a crashing process wrote. */
  lastLog?: readonly string[];
  health?: Health;
  /** What the check answered, and when that was first seen; while it is Unhealthy. */
  healthFailure?: { at: string; output: string };
  /** The last restart for a failing check, and how many there were in a row. */
  healthRestarts?: HealthRestarts;
  /** Once a file was replaced in the container; until then it has what it was made with. */
  config?: ConfigStatus;
  /** The restart request (annotation) that was last carried out. */
  restartedAt?: string;
  /** What another container would be made with and this one, of an earlier release, was not. */
  recreateWouldChange?: readonly string[];
  /** Since when its load balancers are asked to let go of it, because its process must stop (I12). */
  draining?: string;
}

export type Instance = Resource<InstanceSpec, InstanceStatus>;

export const isInstance = (r: Resource): r is Instance => r.kind === 'Instance';

export const portsOf = (instance: Instance): PortMapping[] => instance.spec.ports.flatMap((p) => parsePorts(p) ?? []);

/** Whether its process is about to stop: no load balancer sends it anything new. */
export const isLeaving = ({ metadata, status }: Instance): boolean =>
  metadata.deletionTimestamp !== undefined || status?.draining !== undefined;

/** Whether it belongs to a controller, such as a group, which replaces it where need be. */
export const isMember = ({ metadata }: Instance): boolean =>
  (metadata.ownerReferences ?? []).some((owner) => owner.controller === true);

/** The id of the image that its controller wants it made from, whatever its reference means by now. */
export function imageIdAsked(instance: Instance): string | undefined {
  const { metadata, spec } = instance;
  const asked = metadata.annotations?.[IMAGE_ID];
  return isMember(instance) && asked?.startsWith(`${spec.image}@`) ? asked.slice(spec.image.length + 1) : undefined;
}
