import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { sleep, type Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { EngineCalls } from './calls.ts';
import type { Connection } from './connection.ts';
import { withDeadline } from './deadline.ts';
import { isUnreachable } from './errors.ts';
import { EVENT_FILTERS, type EngineEvent } from './engine-event.ts';
import type { EventReader } from './event-reader.ts';
import type { World } from './world.ts';

/** Milliseconds between looks at everything: what events have missed is wrong for no longer than this. */
const RELIST_EVERY_MS = 30_000;
/** Every tenth relist also inspects what looks unchanged: a list does not show limits or restarts. */
const FULL_RELIST_EVERY = 10;
/** A connection that is cut without a word (a remote Engine, a stopped one) is noticed within these milliseconds. */
const PING_EVERY_MS = 5_000;
const PING_DEADLINE_MS = 5_000;
/** Milliseconds to wait at closing for a call that hangs: it holds nothing that outlives the process. */
const CLOSE_WAIT_MS = 1_000;
/** Milliseconds between attempts while the Engine is away: soon at first, then without burdening it. */
const RETRY_MS = { first: 500, most: 2_000 };

/**
 * Keeps the world's cache: the event stream first, then a full list, then events as they come and a relist now and
 * then. When the Engine goes out of reach it says so at once and tries again until it is closed.
 */
export class Observer {
  readonly #connection: Connection;
  readonly #calls: EngineCalls;
  readonly #world: World;
  readonly #reader: EventReader;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #nudge = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  constructor(
    connection: Connection,
    calls: EngineCalls,
    world: World,
    reader: EventReader,
    use: { clock: Clock; log: Log },
  ) {
    this.#connection = connection;
    this.#calls = calls;
    this.#world = world;
    this.#reader = reader;
    this.#clock = use.clock;
    this.#log = use.log;
  }

  /** Resolves at the first attempt's end. */
  open(): Promise<void> {
    return new Promise((resolve) => {
      this.#ended = this.#run(resolve);
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#world.close();
    this.#connection.cut();
    await Promise.race([this.#ended, sleep(this.#clock, CLOSE_WAIT_MS)]);
  }

  /** A call had no answer: find out now whether the Engine is there. */
  suspect(): void {
    this.#nudge.abort();
  }

  async #run(attempted: () => void): Promise<void> {
    let pauseMs = RETRY_MS.first;
    while (!this.#closing.signal.aborted) {
      try {
        const stream = await this.#connect();
        pauseMs = RETRY_MS.first;
        attempted();
        await this.#watch(stream);
      } catch (error) {
        this.#lost(error);
      }
      attempted();
      await sleep(this.#clock, pauseMs, this.#closing.signal);
      pauseMs = this.#world.cache.outage === undefined ? RETRY_MS.first : Math.min(pauseMs * 2, RETRY_MS.most);
    }
  }

  /** The stream is opened before the list, so that nothing falls between them. */
  async #connect(): Promise<AbortSignal> {
    await this.#ping();
    const stream = await this.#openEvents();
    const ended = this.#readEvents(stream);
    try {
      await this.#relist(true);
    } catch (error) {
      stream.destroy();
      throw error;
    }
    if (this.#world.cache.outage !== undefined) this.#reached();
    return ended;
  }

  #reached(): void {
    this.#world.cache.outage = undefined;
    this.#log.info('engine reached');
    this.#world.cache.notify({ what: 'the Engine is within reach' });
  }

  #lost(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    const why = `the Engine at ${this.#connection.host} cannot be reached: ${messageOf(error)}`;
    const news = this.#world.cache.outage === undefined;
    this.#world.cache.outage = why;
    this.#connection.cut();
    if (!news) return;
    this.#log.warn({ err: error }, 'engine lost');
    this.#world.cache.notify({ what: 'the Engine is out of reach' });
  }

  /** Returns when the stream has ended; throws when the Engine is out of reach. */
  async #watch(ended: AbortSignal): Promise<void> {
    let listedAt = this.#clock.monotonic();
    for (let relists = 1; ;) {
      const wake = AbortSignal.any([ended, this.#nudge.signal, this.#closing.signal]);
      await sleep(this.#clock, PING_EVERY_MS, wake);
      if (this.#closing.signal.aborted) return;
      if (this.#nudge.signal.aborted) this.#nudge = new AbortController();
      await this.#ping();
      if (ended.aborted) return;
      if (this.#clock.monotonic() - listedAt < RELIST_EVERY_MS) continue;
      await this.#relist(relists++ % FULL_RELIST_EVERY === 0);
      listedAt = this.#clock.monotonic();
    }
  }

  /** What the Engine refuses (5xx) is tried again at the next one: only silence about the lists themselves is an outage. */
  async #relist(full: boolean): Promise<void> {
    try {
      const { changes, volumes } = await this.#world.relist(full);
      if (volumes !== undefined) this.#log.warn({ err: volumes }, 'engine list of volumes failed');
      if (this.#world.cache.outage !== undefined) return;
      for (const change of changes) this.#world.cache.notify(change);
    } catch (error) {
      if (isUnreachable(error) || this.#world.cache.outage !== undefined) throw error;
      this.#log.warn({ err: error }, 'engine list failed');
    }
  }

  #ping(): Promise<void> {
    return withDeadline(this.#clock, PING_DEADLINE_MS, () => this.#connection.ping(), 'ping');
  }

  async #openEvents(): Promise<Readable> {
    const since = this.#reader.lastSeconds;
    const options = { filters: JSON.stringify(EVENT_FILTERS), ...(since !== undefined && { since }) };
    return (await this.#calls.raw('events', () => this.#connection.docker.getEvents(options))) as Readable;
  }

  /** The signal aborts when the stream ends, however it ends. */
  #readEvents(stream: Readable): AbortSignal {
    const ended = new AbortController();
    for (const end of ['aborted', 'error', 'end', 'close']) stream.on(end, () => ended.abort());
    this.#closing.signal.addEventListener('abort', () => stream.destroy(), { once: true });
    // readline passes on its input's failure, which the listeners above have heard.
    const lines = createInterface({ input: stream }).on('error', () => undefined);
    lines.on('line', (line) => this.#readEvent(line));
    return ended.signal;
  }

  #readEvent(line: string): void {
    try {
      this.#reader.read(JSON.parse(line) as EngineEvent);
    } catch (error) {
      this.#log.warn({ err: error }, 'engine event not understood');
    }
  }
}
