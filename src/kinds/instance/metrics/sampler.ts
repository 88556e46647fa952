import { isInstance } from '../types.ts';
import type { Instance } from '../types.ts';
import type { EventRecord } from '../../../api/records.ts';
import type { View } from '../../../api/kind.ts';
import type { Clock } from '../../../base/clock.ts';
import { sleep } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import { valueOf } from '../../../base/observed.ts';
import { formatBytes } from '../../../base/quantity.ts';
import type { Sample } from './sample.ts';
import type { Compute, Container } from '../../../drivers/compute.ts';
import type { Meter, Usage } from '../../../drivers/metering.ts';
import type { Term } from '../../../engine/leader.ts';
import { Recorder } from '../../../engine/recorder.ts';
import { sampleOf } from './rates.ts';
import { ShortHistory } from './short-history.ts';
import type { HistoryPoint } from './short-history.ts';
import type { Measured } from '../../shared/metric-source.ts';
import { Thresholds } from '../thresholds.ts';
import type { Crossing } from '../thresholds.ts';

/** Samples older than so many intervals say nothing of now. */
const STALE_INTERVALS = 3;
/** Events that wait for a database that is away; beyond, the oldest are lost. */
const MOST_EVENTS = 1_000;

interface SamplerSeams {
  meter: Meter;
  intervalMs: number;
  compute: Pick<Compute, 'containers'>;
  view: View;
  append: (samples: readonly Sample[]) => Promise<void>;
  commit: (request: { fence: number; decide: (view: View) => { events: readonly EventRecord[] } }) => Promise<unknown>;
  clock: Clock;
  log: Log;
}

interface RecentSample extends Sample {
  /** Milliseconds since it was taken. */
  ageMs: number;
}

interface Running {
  instance: Instance;
  container: Container;
}

/** What is remembered of an instance between two samples. */
interface State {
  containerId: string;
  startedAt: number | undefined;
  usage: Usage;
  sample: Sample;
  history: ShortHistory;
}

/**
 * The leader's look at what every running instance uses, every few seconds. All of it may be lost at any time: the next
 * term begins anew, and its first samples have no rates. A database that is slow or away loses samples and holds up
 * nothing: at most one batch is on its way to it.
 */
export class Sampler {
  readonly intervalMs: number;
  readonly #seams: SamplerSeams;
  readonly #states = new Map<string, State>();
  #thresholds = new Thresholds();
  #events: EventRecord[] = [];
  #isAppending = false;
  #isTelling = false;
  #lost = 0;

  constructor(seams: SamplerSeams) {
    this.#seams = seams;
    this.intervalMs = seams.intervalMs;
  }

  /** The instance's last sample, while it still says something of now. */
  recent(uid: string): RecentSample | undefined {
    const state = this.#states.get(uid);
    if (!state) return undefined;
    const ageMs = this.#seams.clock.monotonic() - state.usage.monotonicMs;
    return ageMs > STALE_INTERVALS * this.intervalMs ? undefined : { ...state.sample, ageMs };
  }

  /** Percent of its limit that it used lately. */
  measure(uid: string, metric: 'cpu' | 'memory'): Measured | undefined {
    const sample = this.recent(uid);
    if (!sample) return undefined;
    const { memoryBytes, memoryLimitBytes, cpuPercent } = sample;
    const memoryPercent =
      memoryBytes === undefined || !memoryLimitBytes ? undefined : (memoryBytes / memoryLimitBytes) * 100;
    const since = new Date(sample.at.getTime() - this.intervalMs);
    return { value: metric === 'cpu' ? cpuPercent : memoryPercent, since };
  }

  /** Its last samples for a small graph, the oldest first; empty while it is not sampled. */
  history(uid: string): readonly HistoryPoint[] {
    return this.#states.get(uid)?.history.points() ?? [];
  }

  /** Until the term ends. */
  async run({ epoch, signal }: Term): Promise<void> {
    const { clock, log } = this.#seams;
    const recorder = new Recorder(String(epoch));
    this.#forgetAll();
    const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    let due = clock.monotonic();
    while (!signal.aborted) {
      const taken = this.#take(recorder, epoch, signal).catch((error: unknown) =>
        log.warn({ err: messageOf(error) }, 'instances could not be sampled; trying again'),
      );
      // A term's end does not wait for an Engine that does not answer.
      await Promise.race([taken, ended]);
      // By the clock, and not by when the last one ended; those that were missed are not made up for.
      due = Math.max(due + this.intervalMs, clock.monotonic());
      await sleep(clock, due - clock.monotonic(), signal);
    }
    this.#forgetAll();
  }

  async #take(recorder: Recorder, epoch: number, signal: AbortSignal): Promise<void> {
    const instances = [...this.#seams.view.list('Instance')].filter(isInstance);
    const running = instances.flatMap((instance) => this.#running(instance) ?? []);
    const usages = await this.#seams.meter.read(running.map(({ container }) => container));
    if (signal.aborted) return;
    this.#retain(instances, running);
    const samples = running.flatMap(({ instance, container }) => {
      const usage = usages.get(container.id);
      if (!usage) return [];
      const sample = this.#sample(instance.metadata.uid, container, usage);
      this.#judge(instance, container, sample, recorder);
      return [sample];
    });
    this.#append(samples);
    this.#tell(epoch);
  }

  #running(instance: Instance): Running | undefined {
    const containers = valueOf(this.#seams.compute.containers(instance.metadata.uid)) ?? [];
    const all = containers.filter(({ state }) => state === 'running');
    // More than one is there only after somebody's tampering.
    const container = all.find(({ id }) => id === instance.status?.containerId) ?? all[0];
    return container && { instance, container };
  }

  #sample(uid: string, container: Container, usage: Usage): Sample {
    const startedAt = container.startedAt?.getTime();
    const known = this.#states.get(uid);
    const isSame = known?.containerId === container.id && known.startedAt === startedAt;
    const sample = sampleOf(uid, usage, isSame ? known.usage : undefined, container);
    const history = known?.history ?? new ShortHistory();
    history.push(sample);
    this.#states.set(uid, { containerId: container.id, startedAt, usage, sample, history });
    return sample;
  }

  #judge(instance: Instance, { cpus }: Container, sample: Sample, recorder: Recorder): void {
    const { cpuPercent, memoryBytes, memoryLimitBytes } = sample;
    const { clock } = this.#seams;
    const percent = {
      cpu: cpus === undefined ? undefined : cpuPercent,
      memory: memoryBytes !== undefined && memoryLimitBytes ? (memoryBytes / memoryLimitBytes) * 100 : undefined,
    };
    const crossing = this.#thresholds.judge(instance.metadata.uid, percent, clock.monotonic());
    if (!crossing) return;
    const limit = crossing.measure === 'cpu' ? `${cpus} cores` : formatBytes(memoryLimitBytes ?? 0);
    const event = recorder.event(instance, wordsOf(crossing, limit), clock.now());
    if (event) this.#events = [...this.#events, event].slice(-MOST_EVENTS);
  }

  /** Of those that no longer run nothing is remembered; of those that cannot be looked at, what is known (I4). */
  #retain(instances: readonly Instance[], running: readonly Running[]): void {
    const uids = new Set(running.map(({ instance }) => instance.metadata.uid));
    for (const { metadata } of instances)
      if (!uids.has(metadata.uid) && this.#seams.compute.containers(metadata.uid).state === 'unobservable')
        uids.add(metadata.uid);
    for (const uid of this.#states.keys()) if (!uids.has(uid)) this.#states.delete(uid);
    this.#thresholds.retain(uids);
  }

  #forgetAll(): void {
    this.#states.clear();
    this.#thresholds = new Thresholds();
    this.#events = [];
  }

  /** Not waited for: the next samples are taken in time, whatever the database does. */
  #append(samples: readonly Sample[]): void {
    const { append } = this.#seams;
    if (samples.length === 0) return;
    if (this.#isAppending) return this.#lose(samples.length, 'the database has not yet taken the samples before');
    this.#isAppending = true;
    void append(samples)
      .then(
        () => this.#kept(),
        (error: unknown) => this.#lose(samples.length, messageOf(error)),
      )
      .finally(() => (this.#isAppending = false));
  }

  #kept(): void {
    if (this.#lost > 0) this.#seams.log.info({ lost: this.#lost }, 'samples are kept again');
    this.#lost = 0;
  }

  #lose(count: number, why: string): void {
    if (this.#lost === 0) this.#seams.log.warn({ err: why }, 'samples could not be kept; going on without');
    this.#lost += count;
  }

  /** What a commit could not take is said with the next. */
  #tell(fence: number): void {
    const { commit, log } = this.#seams;
    if (this.#isTelling || this.#events.length === 0) return;
    this.#isTelling = true;
    const said = this.#events.splice(0);
    void commit({ fence, decide: (view) => ({ events: said.filter(({ uid }) => view.byUid(uid)) }) })
      .catch((error: unknown) => {
        log.debug({ err: messageOf(error) }, 'events of thresholds could not be written; trying again');
        this.#events = [...said, ...this.#events].slice(-MOST_EVENTS);
      })
      .finally(() => (this.#isTelling = false));
  }
}

const FIELD = { cpu: 'spec.resources.cpus', memory: 'spec.resources.memory' } as const;
const NAME = { cpu: 'Cpu', memory: 'Memory' } as const;

/** The same words each time, so that a repetition counts up. */
function wordsOf({ measure, isHigh }: Crossing, limit: string): Pick<EventRecord, 'type' | 'reason' | 'message'> {
  const name = NAME[measure];
  if (!isHigh)
    return {
      type: 'Normal',
      reason: `${name}Normal`,
      message: `${measure} is below 80 % of its limit (${limit}) again`,
    };
  const consequence = measure === 'cpu' ? 'it is slowed down' : 'beyond it the kernel ends the process';
  const message = `${measure} is at or above 90 % of its limit (${limit}), where ${consequence}: raise ${FIELD[measure]}, or spread the load`;
  return { type: 'Warning', reason: `High${name}`, message };
}
