import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { messageOf, PassError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { LeaseStore } from '../store/store.ts';

const LEASE = 'leader';
/** How long a dead leader's lease stands. With a renewal every quarter of it, the next daemon acts in under 3 s. */
const TTL_MS = 2_000;
const RENEW_MS = 500;
/** Taken off the lease's end, so that a call that begins before it is well on its way before another may lead. */
const MARGIN_MS = 200;

/** One term: from taking the lease until it is lost or given back. */
export interface Term {
  epoch: number;
  /** Aborted at the end of the term. */
  signal: AbortSignal;
}

/**
 * One of several daemons on one database leads. Whether this one does is known by the monotonic clock alone: a
 * daemon that was stopped in mid-air finds its lease over before it makes its next call (I9).
 */
export class Leadership {
  readonly #leases: LeaseStore;
  readonly #holder: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #closing = new AbortController();
  #validUntil = -Infinity;
  #term: { epoch: number; end: AbortController } | undefined;
  #wake: AbortController = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #leading: Promise<void> = Promise.resolve();

  constructor(leases: LeaseStore, holder: string, clock: Clock, log: Log) {
    this.#leases = leases;
    this.#holder = holder;
    this.#clock = clock;
    this.#log = log;
  }

  get epoch(): number | undefined {
    return this.isLeading() ? this.#term?.epoch : undefined;
  }

  isLeading(): boolean {
    return this.#term !== undefined && this.#clock.monotonic() < this.#validUntil;
  }

  /** Before every call that changes the world. Throws LeaseLost. */
  check(): void {
    if (this.isLeading()) return;
    throw new PassError('LeaseLost', 'this daemon no longer leads: its lease has run out or another has taken it');
  }

  /** Stands for election for ever. `lead` runs for each term and ends soon after its signal; `eligible` may refuse to stand. */
  start(eligible: () => boolean, lead: (term: Term) => Promise<void>): void {
    const stop = this.#leases.onRelease(() => this.#wake.abort());
    this.#closing.signal.addEventListener('abort', stop, { once: true });
    this.#running = this.#campaign(eligible, lead);
  }

  /** Ends the term, then gives the lease back: the next daemon takes over at once. */
  async stop(): Promise<void> {
    this.#closing.abort();
    this.#wake.abort();
    await this.#running;
  }

  async #campaign(eligible: () => boolean, lead: (term: Term) => Promise<void>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      if (eligible()) await this.#stand(lead);
      else this.#end('this daemon may not lead');
      if (this.#term && !this.isLeading()) this.#end('the lease could not be renewed in time');
      await this.#pause();
    }
    const led = this.#term !== undefined;
    this.#end('stopping');
    await this.#leading;
    if (led) await this.#leases.release(LEASE, this.#holder).catch(() => undefined);
  }

  async #stand(lead: (term: Term) => Promise<void>): Promise<void> {
    const asked = this.#clock.monotonic();
    try {
      const answer = await this.#leases.acquire(LEASE, this.#holder, TTL_MS);
      if (!answer.held) {
        this.#end(`${answer.holder} leads`);
        return;
      }
      this.#validUntil = asked + TTL_MS - MARGIN_MS;
      if (this.#term?.epoch === answer.epoch) return;
      this.#end('a new term begins');
      await this.#leading;
      this.#begin(answer.epoch, lead);
    } catch (error) {
      this.#log.debug({ err: messageOf(error) }, 'cannot ask for the lease');
    }
  }

  #begin(epoch: number, lead: (term: Term) => Promise<void>): void {
    const end = new AbortController();
    this.#term = { epoch, end };
    this.#log.info({ epoch }, 'leading');
    this.#leading = lead({ epoch, signal: end.signal }).catch((error: unknown) => {
      this.#log.error({ err: messageOf(error) }, 'a term ended badly; standing again');
      if (this.#term?.epoch === epoch) this.#end('its term failed');
    });
  }

  #end(why: string): void {
    if (!this.#term) return;
    this.#log.info({ epoch: this.#term.epoch, why }, 'no longer leading');
    this.#term.end.abort();
    this.#term = undefined;
    this.#validUntil = -Infinity;
  }

  async #pause(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
    await sleep(this.#clock, RENEW_MS, this.#wake.signal);
  }
}
