import type { AuditEvent } from '../api/audit.ts';
import type { Clock } from '../base/clock.ts';
import { codeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { AuditStore } from '../store/audit.ts';

/** How long an event waits for others to be written with. */
const GATHER_MS = 100;
/** Events that wait while the database is away; what comes beyond them is in the daemon's log alone. */
const MOST_WAITING = 10_000;
/** Between tries to write them, then. */
const RETRY_MS = 1_000;

/** By SQLSTATE: data that no row can have. */
const isRefusal = (error: unknown): boolean =>
  (codeOf(error) ?? codeOf((error as { cause?: unknown } | null)?.cause))?.startsWith('22') === true;

/** Where what was done is put on record. What a write has committed is there by its own commit; this takes the rest. */
export class AuditLog {
  readonly #store: AuditStore;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Also told of each event, such as a file of JSON lines. */
  readonly #also: ((event: AuditEvent) => void) | undefined;
  readonly #waiting: AuditEvent[] = [];
  #isWaiting = false;
  #appending: Promise<void> = Promise.resolve();
  /** Events that nobody has kept but the daemon's log. */
  lost = 0;

  constructor(store: AuditStore, clock: Clock, log: Log, also?: (event: AuditEvent) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#also = also;
  }

  /** `isStored`: its write has put it there. */
  record(event: AuditEvent, isStored = false): void {
    this.#also?.(event);
    if (isStored) return;
    if (this.#waiting.length >= MOST_WAITING) return this.#lose([event]);
    this.#waiting.push(event);
    this.#appendAfter(GATHER_MS);
  }

  /** Resolves when what was recorded is written, or cannot be. */
  async close(): Promise<void> {
    await this.#appending;
    await this.#append();
    this.#lose(this.#waiting.splice(0));
  }

  #appendAfter(ms: number): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#clock.after(ms, () => {
      this.#appending = this.#append().finally(() => {
        this.#isWaiting = false;
        if (this.#waiting.length > 0) this.#appendAfter(RETRY_MS);
      });
    });
  }

  async #append(): Promise<void> {
    const events = this.#waiting.splice(0);
    if (events.length === 0) return;
    try {
      await this.#store.append(events);
    } catch (error) {
      // The database is there, and refuses one of them: the others are kept.
      if (isRefusal(error)) return this.#appendEach(events);
      this.#log.warn({ err: messageOf(error), events: events.length }, 'audit events wait for the database');
      this.#waiting.unshift(...events);
    }
  }

  async #appendEach(events: readonly AuditEvent[]): Promise<void> {
    for (const event of events)
      await this.#store.append([event]).catch((error: unknown) => {
        if (isRefusal(error)) this.#lose([event]);
        else this.#waiting.push(event);
      });
  }

  #lose(events: readonly AuditEvent[]): void {
    this.lost += events.length;
    for (const event of events)
      this.#log.error({ audit: event }, 'the audit table does not take this event: it is only here');
  }
}
