import { Failure, tell } from '../../../../cli/failure.ts';
import { printable } from '../../../../cli/io.ts';
import type { Session } from '../../../../cli/session.ts';
import { told } from '../places.ts';
import type { Place } from '../places.ts';
import { S3Refusal } from '../stored.ts';
import { fewAtATime } from './few-at-a-time.ts';
import type { Job } from './job.ts';
import { Meter } from './meter.ts';

/** Small files wait for the daemon's sync to disk, which many of them share. */
const AT_ONCE = 32;
/** awscli's exit status when files were skipped and nothing failed. */
const SKIPPED = 2;

export interface JobsOptions {
  dryRun?: boolean | undefined;
}

/** Runs jobs, a few at a time, and prints a line for each as awscli does. A failure does not stop the others. */
export class Jobs {
  readonly #session: Session;
  readonly #options: JobsOptions;
  readonly #meter: Meter;
  #failed = 0;
  #skipped = 0;

  constructor(session: Session, options: JobsOptions) {
    this.#session = session;
    this.#options = options;
    this.#meter = new Meter(session.io, session.kinds);
  }

  /** Tells of a file that there is no job for. */
  skip(place: Place, why: string): void {
    this.#skipped++;
    this.#aside(() => this.#session.warn(`skipping ${told(place)}: ${why}`));
  }

  /** Throws Failure when not all was done. */
  async run(jobs: AsyncIterable<Job>): Promise<void> {
    const { signal } = this.#session;
    try {
      await fewAtATime(AT_ONCE, untilAborted(jobs, signal), (job) => this.#do(job));
    } finally {
      this.#meter.clear();
    }
    if (signal.aborted) return;
    if (this.#failed > 0) throw new Failure(this.#failed === 1 ? '' : `${this.#failed} of these failed`);
    if (this.#skipped > 0) throw new Failure('', SKIPPED);
  }

  async #do(job: Job): Promise<void> {
    if (this.#options.dryRun) return this.#tellDone(job);
    this.#meter.begun(job);
    try {
      await job.run({
        moved: (bytes) => this.#meter.moved(job, bytes),
        note: (text) => this.#aside(() => this.#session.tell(`${told(job.from)}: ${text}`)),
      });
      this.#tellDone(job);
    } catch (error) {
      if (!this.#session.signal.aborted) this.#tellFailed(job, error);
    } finally {
      this.#meter.ended(job);
    }
  }

  #tellDone(job: Job): void {
    const dry = this.#options.dryRun ? '(dryrun) ' : '';
    this.#aside(() => this.#session.print(`${dry}${job.does}: ${wayOf(job)}`));
  }

  #tellFailed(job: Job, error: unknown): void {
    this.#failed++;
    const why = error instanceof S3Refusal ? error.why : tell(error);
    this.#aside(() => this.#session.tell(`${job.does} failed: ${wayOf(job)}: ${printable(why)}`));
  }

  /** Writes lines while the living one is away. */
  #aside(write: () => void): void {
    this.#meter.clear();
    write();
  }
}

const wayOf = ({ from, to }: Job): string => (to ? `${told(from)} to ${told(to)}` : told(from));

async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal.aborted) return;
    yield item;
  }
}
