import pg from 'pg';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

/** Between attempts to listen again; the store's poll covers the gap. */
const RETRY_MS = 500;

/** `from`: the server's process that sent it; `undefined` for a wake-up that may stand for missed ones. */
type Listener = (from?: number) => void;

/**
 * Empty wake-ups between daemons (LISTEN/NOTIFY). They say "look", never what: a lost one costs a poll's time, not a
 * change. Every connection's end is also a wake-up, because one may have been missed.
 */
export class Notifications {
  readonly changes = 'miniaws_changes';
  readonly leases = 'miniaws_leases';
  readonly #url: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #client: pg.Client | undefined;

  constructor(url: string, clock: Clock, log: Log) {
    this.#url = url;
    this.#clock = clock;
    this.#log = log;
    this.#running = this.#run();
  }

  on(channel: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client?.end().catch(() => undefined);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await this.#listen().catch((error: Error) =>
        this.#log.debug({ err: error.message }, 'cannot listen for notifications'),
      );
      for (const channel of this.#listeners.keys()) this.#wake(channel);
      await sleep(this.#clock, RETRY_MS, this.#closing.signal);
    }
  }

  /** Resolves when the connection has ended. */
  async #listen(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'miniaws-listen',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    });
    this.#client = client;
    const ended = new Promise<void>((resolve) => {
      client.on('end', resolve);
      client.on('error', () => resolve());
    });
    client.on('notification', ({ channel, processId }) => this.#wake(channel, processId));
    try {
      await client.connect();
      await client.query(`LISTEN ${this.changes}; LISTEN ${this.leases}`);
      if (!this.#closing.signal.aborted) await ended;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  #wake(channel: string, from?: number): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(from);
  }
}
