import type { Meter, MeteredContainer, Usage } from '../metering.ts';
import { isRunning, type SimulatedContainer } from './objects.ts';
import type { SimulatedEngine } from './simulated-engine.ts';

/** What a container does from now on. */
interface SimulatedLoad {
  /** Cores in use: 0.5 is half of one. */
  cpuCores: number;
  memoryBytes: number;
  /** Bytes a second. */
  networkReceive?: number;
  networkSend?: number;
  blockRead?: number;
  blockWrite?: number;
}

/** What a server that waits for requests uses. */
const IDLE: SimulatedLoad = { cpuCores: 0.01, memoryBytes: 4 * 2 ** 20 };

interface Counters {
  startedAt: number | undefined;
  usage: Usage;
}

/** Counters that grow as a test says. One may outlive the daemons that read it, as the kernel does. */
export class SimulatedMeter implements Meter {
  /** A test's say in what a container does; `undefined`: what an idle one does. */
  load: (container: SimulatedContainer) => SimulatedLoad | undefined = () => undefined;
  /** While true, nothing can be read. */
  isBlind = false;
  readonly #engine: SimulatedEngine;
  readonly #counters = new Map<string, Counters>();

  constructor(engine: SimulatedEngine) {
    this.#engine = engine;
  }

  read(containers: readonly MeteredContainer[]): Promise<ReadonlyMap<string, Usage>> {
    for (const id of this.#counters.keys()) if (!this.#engine.containers.has(id)) this.#counters.delete(id);
    const running = containers.flatMap(({ id }) => this.#engine.containers.get(id) ?? []).filter(isRunning);
    return Promise.resolve(new Map(this.isBlind ? [] : running.map((c) => [c.id, this.#count(c)])));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What is said now is taken to have been so since the last look. */
  #count(container: SimulatedContainer): Usage {
    const { clock } = this.#engine;
    const startedAt = container.startedAt?.getTime();
    const known = this.#counters.get(container.id);
    const before = known?.startedAt === startedAt ? known?.usage : undefined;
    const load = this.load(container) ?? IDLE;
    const seconds = before ? (clock.monotonic() - before.monotonicMs) / 1_000 : 0;
    const grown = (count: number | undefined, perSecond = 0) => (count ?? 0) + perSecond * seconds;
    const usage: Usage = {
      cpuNanoseconds: grown(before?.cpuNanoseconds, load.cpuCores * 1e9),
      memoryBytes: load.memoryBytes,
      ...(container.memoryBytes !== undefined && { memoryLimitBytes: container.memoryBytes }),
      networkReceivedBytes: grown(before?.networkReceivedBytes, load.networkReceive),
      networkSentBytes: grown(before?.networkSentBytes, load.networkSend),
      blockReadBytes: grown(before?.blockReadBytes, load.blockRead),
      blockWrittenBytes: grown(before?.blockWrittenBytes, load.blockWrite),
      at: clock.now(),
      monotonicMs: clock.monotonic(),
    };
    this.#counters.set(container.id, { startedAt, usage });
    return usage;
  }
}
