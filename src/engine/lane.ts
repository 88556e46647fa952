import type { Trigger } from '../api/records.ts';
import type { Clock } from '../base/clock.ts';
import { endsWithin } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { Backoff } from './backoff.ts';
import { WorkQueue } from './queue.ts';

/** Milliseconds after which a worker leaves a pass to itself: its steps have their time, and its reads as much again. */
const WORKER_MS = 2_500;

/** What becomes of a key that was handed out. */
export interface Attended {
  /** What goes on by itself; never rejects. */
  unfinished?: Promise<unknown>;
}

/** By key, the end of everything that was begun for it. It may come after the term in which it was begun. */
export type UnderWay = Map<string, Promise<void>>;

export interface LaneOptions {
  clock: Clock;
  log: Log;
  random: () => number;
  /** Shared by the lanes of one purpose, one term after the other. */
  underWay: UnderWay;
  handle: (key: string, trigger: Trigger) => Promise<Attended>;
}

/** A queue, its workers, and how long its keys wait when they fail. */
export class Lane {
  readonly queue: WorkQueue;
  readonly backoff: Backoff;
  readonly #options: LaneOptions;

  /** What was begun in an earlier term and goes on is worked on in this one, too. */
  constructor(options: LaneOptions) {
    this.#options = options;
    this.queue = new WorkQueue(options.clock);
    this.backoff = new Backoff(options.random);
    for (const [key, ended] of options.underWay) {
      this.queue.hold(key);
      void ended.then(() => this.queue.done(key));
    }
  }

  /** Resolves when the queue is closed and no worker is at work. */
  async run(workers: number): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
  }

  /** One that takes longer than its time goes on, and the worker takes the next key: none can hold them all up. */
  async #work(): Promise<void> {
    for (let next = await this.queue.take(); next; next = await this.queue.take())
      await endsWithin(this.#options.clock, WORKER_MS, this.#attend(next.key, next.trigger));
  }

  /** The key is nobody else's until everything that was begun for it has come to its end (I9). Never rejects. */
  async #attend(key: string, trigger: Trigger): Promise<void> {
    const { underWay } = this.#options;
    const handled = this.#handle(key, trigger);
    const ended = handled
      .then((attended) => attended.unfinished)
      .then(() => {
        underWay.delete(key);
        this.queue.done(key);
      });
    underWay.set(key, ended);
    const { unfinished } = await handled;
    if (!unfinished) await ended;
  }

  async #handle(key: string, trigger: Trigger): Promise<Attended> {
    try {
      return await this.#options.handle(key, trigger);
    } catch (error) {
      this.#options.log.warn({ key, err: messageOf(error) }, 'a key could not be worked on; trying again');
      const detail = `the last try could not be ended: ${messageOf(error)}`;
      this.queue.addAfter(key, this.backoff.next(key), { type: 'retry', detail });
      return {};
    }
  }
}
