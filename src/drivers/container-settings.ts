/** What a container may use at most. The Engine changes these on a living container. */
export interface Limits {
  cpus?: number;
  memoryBytes?: number;
  /** What it is pushed back to when the host's memory runs short. */
  memoryReservationBytes?: number;
  /** Memory and swap together; left out, twice the memory. */
  memorySwapBytes?: number;
  /** Which of the host's processors, such as `0-1,3`. */
  cpuSet?: string;
  /** Processes and threads; 0: as many as they like. */
  pidsLimit?: number;
}

export interface Ulimit {
  name: string;
  /** -1: unlimited. */
  soft: number;
  hard: number;
}

export interface TmpfsMount {
  target: string;
  sizeBytes?: number;
  mode?: number;
}

export interface Device {
  hostPath: string;
  path: string;
  /** Of `r`, `w` and `m`. */
  permissions: string;
}

export interface Gpus {
  /** -1: all. */
  count?: number;
  ids?: readonly string[];
  capabilities: readonly string[];
}

/** How a container's process is run, decided when the container is made. What is left out is as the image or the Engine has it. */
export interface ContainerSettings {
  /** A small init as process 1, which passes signals on and reaps what was left behind. */
  init?: boolean;
  tty?: boolean;
  /** Whether standard input stays open. */
  stdin?: boolean;
  /** The signal that asks the process to end, such as `SIGUSR1`; left out, the image's own, or SIGTERM. */
  stopSignal?: string;
  ulimits?: readonly Ulimit[];
  tmpfs?: readonly TmpfsMount[];
  /** Of /dev/shm. */
  shmBytes?: number;
  readOnlyRoot?: boolean;
  /** A program with setuid or file capabilities gives its process more than it had: sudo, su. */
  allowPrivilegeEscalation?: boolean;
  capAdd?: readonly string[];
  capDrop?: readonly string[];
  /** More lines of /etc/hosts: an address, or `host-gateway`, by name. */
  extraHosts?: Record<string, string>;
  dns?: { servers?: readonly string[]; search?: readonly string[]; options?: readonly string[] };
  /** Kernel settings of its own network and of its own shared memory, such as `net.ipv4.ip_forward`. */
  sysctls?: Record<string, string>;
  devices?: readonly Device[];
  gpus?: Gpus;
  /** From 0 to 1000: the higher, the sooner it is killed when the host's memory runs out. */
  oomScoreAdjust?: number;
  /** More groups of the process. */
  groups?: readonly string[];
}

/** The Engine's own rule at creation: memory and swap together are twice the memory. */
export const memorySwapOf = ({ memoryBytes, memorySwapBytes }: Limits): number | undefined =>
  memorySwapBytes ?? (memoryBytes === undefined ? undefined : memoryBytes * 2);
