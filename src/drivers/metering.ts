/**
 * The seam through which it is known what running containers use. Implementations: `docker/` (the kernel's own files
 * where the Engine runs on this machine, the Engine's answers elsewhere) and `simulated/` (as a test says).
 *
 * Promises of every implementation:
 * - What cannot be read is left out: missing, never zero. Nothing rejects for one container's sake.
 * - A call ends within its own deadline, whatever the Engine does.
 * - Counters only grow while a process lives; a new process begins at zero.
 */
export interface Meter {
  /** @returns by the container's id, what could be read now. */
  read(containers: readonly MeteredContainer[]): Promise<ReadonlyMap<string, Usage>>;
  close(): Promise<void>;
}

export interface MeteredContainer {
  id: string;
  /** Tells one life of the container from the next: what is remembered of one is not believed of the other. */
  startedAt?: Date | undefined;
}

/** Counters since the process began, and what it holds now. */
export interface Usage {
  /** Of all its processes on all cores. */
  cpuNanoseconds: number;
  /** The working set: without the page cache that can be had back, as `docker stats` counts it. */
  memoryBytes: number;
  /** Left out where there is no limit, or none is known. */
  memoryLimitBytes?: number;
  /** Over all interfaces but the loopback. */
  networkReceivedBytes?: number;
  networkSentBytes?: number;
  /** Of block devices: what the page cache answers is not in it. */
  blockReadBytes?: number;
  blockWrittenBytes?: number;
  /** When it was read. */
  at: Date;
  /** The same moment by `Clock.monotonic`: rates are of this. */
  monotonicMs: number;
}
