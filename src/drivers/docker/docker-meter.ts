import { setImmediate as giveWay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { systemClock, type Clock } from '../../base/clock.ts';
import type { Meter, MeteredContainer, Usage } from '../metering.ts';
import { CgroupFiles } from './cgroup-files.ts';
import type { Account } from './cgroup-files.ts';
import { connect } from './connection.ts';
import type { Connection } from './connection.ts';
import { withDeadline } from './deadline.ts';
import { usageOf } from './engine-stats.ts';
import type { EngineStats } from './engine-stats.ts';

/** Milliseconds for all of one reading; what has not been asked for by then waits for the next one. */
const READ_MS = 8_000;
/** Milliseconds for one call. A stats call takes up to 1,000: the Engine counts once a second, and it is waited for. */
const CALL_MS = 5_000;
/** Stats calls wait and do not work: 32 at once read 250 containers within `READ_MS`. */
const STATS_AT_ONCE = 32;
/** An inspect takes the Engine half a millisecond of work. */
const INSPECTS_AT_ONCE = 4;
/** Containers whose files are read before anything else has its turn: some 3 ms. */
const FILES_AT_ONCE = 25;

/** What is known of one life of a container. */
interface Known {
  startedAt: number | undefined;
  /** `engine`: its files are not here, so that the Engine is asked. */
  account: Account | 'engine';
  /** By the monotonic clock: who was read longest ago is asked first. */
  readAt: number;
}

interface DockerMeterOptions {
  /** A value of `DOCKER_HOST`; the standard socket when left out. */
  host?: string | undefined;
  clock?: Clock;
  /** Where processes are seen; a test's own. */
  proc?: string;
}

/** Throws when `host` is no address that Docker knows. */
export function createDockerMeter({ host, clock = systemClock, proc }: DockerMeterOptions): Meter {
  return new DockerMeter(connect(host), clock, proc);
}

/**
 * The cheap way where the Engine runs on this machine: the kernel's files, found once for each start of a container by
 * one inspect. The Engine's own way elsewhere, and where those files are not to be read (a virtual machine's Engine).
 */
class DockerMeter implements Meter {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #files: CgroupFiles | undefined;
  readonly #known = new Map<string, Known>();

  constructor(connection: Connection, clock: Clock, proc: string | undefined) {
    this.#connection = connection;
    this.#clock = clock;
    this.#files = connection.local ? new CgroupFiles(proc) : undefined;
  }

  async read(containers: readonly MeteredContainer[]): Promise<ReadonlyMap<string, Usage>> {
    const until = this.#clock.monotonic() + READ_MS;
    this.#forget(containers);
    const usages = new Map<string, Usage>();
    // What needs no Engine comes first: it may be one that does not answer.
    const isKnown = ({ id }: MeteredContainer): boolean => this.#known.has(id);
    const unknown = containers.filter((container) => !isKnown(container));
    await this.#readFiles(containers.filter(isKnown), usages);
    await this.#locate(unknown, until);
    await this.#readFiles(unknown, usages);
    await this.#askEngine(containers, usages, until);
    for (const [id, { monotonicMs }] of usages) this.#noteRead(id, monotonicMs);
    return usages;
  }

  async close(): Promise<void> {
    this.#connection.cut();
  }

  /** Those that are gone, and those that began anew. */
  #forget(containers: readonly MeteredContainer[]): void {
    const lives = new Map(containers.map((c) => [c.id, c.startedAt?.getTime()]));
    for (const [id, { startedAt }] of this.#known)
      if (!lives.has(id) || lives.get(id) !== startedAt) this.#known.delete(id);
  }

  async #locate(unknown: readonly MeteredContainer[], until: number): Promise<void> {
    const files = this.#files;
    const learn = ({ id, startedAt }: MeteredContainer, account: Known['account']) =>
      this.#known.set(id, { startedAt: startedAt?.getTime(), account, readAt: -Infinity });
    if (!files) return unknown.forEach((container) => learn(container, 'engine'));
    await this.#each(INSPECTS_AT_ONCE, unknown, until, async (container) => {
      const { State } = await this.#connection.docker.getContainer(container.id).inspect();
      if (State.Pid > 0) learn(container, files.find(container.id, State.Pid) ?? 'engine');
    });
  }

  async #readFiles(containers: readonly MeteredContainer[], usages: Map<string, Usage>): Promise<void> {
    let turn = 0;
    for (const { id } of containers) {
      const account = this.#known.get(id)?.account;
      if (!this.#files || account === undefined || account === 'engine') continue;
      const usage = this.#files.read(account, this.#clock);
      if (usage) usages.set(id, usage);
      // Also where a process's number is no longer its own: the next reading looks for the files again.
      if (!usage || (account.network !== undefined && usage.networkSentBytes === undefined)) this.#known.delete(id);
      if (++turn % FILES_AT_ONCE === 0) await giveWay();
    }
  }

  async #askEngine(containers: readonly MeteredContainer[], usages: Map<string, Usage>, until: number): Promise<void> {
    const asked = containers.filter(({ id }) => this.#known.get(id)?.account === 'engine');
    const longestAgo = asked.toSorted((a, b) => this.#readAt(a.id) - this.#readAt(b.id));
    await this.#each(STATS_AT_ONCE, longestAgo, until, async ({ id }) => {
      const options = { stream: false, 'one-shot': true } as const;
      const stats = (await this.#connection.docker.getContainer(id).stats(options)) as EngineStats;
      const usage = usageOf(stats, this.#clock);
      // One that comes after the end is nobody's any more.
      if (usage && usage.monotonicMs < until) usages.set(id, usage);
    });
  }

  #readAt(id: string): number {
    return this.#known.get(id)?.readAt ?? -Infinity;
  }

  #noteRead(id: string, readAt: number): void {
    const known = this.#known.get(id);
    if (known) known.readAt = readAt;
  }

  /** A few at once until the time is over. One that fails, or does not answer, is left out and holds up no other. */
  async #each(
    atOnce: number,
    containers: readonly MeteredContainer[],
    until: number,
    look: (container: MeteredContainer) => Promise<void>,
  ): Promise<void> {
    const limit = pLimit(atOnce);
    const once = async (container: MeteredContainer) => {
      const left = until - this.#clock.monotonic();
      if (left <= 0) return;
      await withDeadline(this.#clock, Math.min(CALL_MS, left), () => look(container), 'meter').catch(() => undefined);
    };
    await Promise.all(containers.map((container) => limit(() => once(container))));
  }
}
