import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { KINDS } from '../../../src/kinds/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { StatusError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import { randomFrom } from '../../../src/proof/random.ts';
import { openPostgresStore } from '../../../src/store/postgres-store.ts';
import type { Change, Store } from '../../../src/store/store.ts';
import { lineOf, Picture } from './feed.ts';
import type { Segment, Watched, WatcherOrders, WatcherTold } from './feed.ts';

/** A visit ends after so many changes or so long at most, and the next begins after so long at most. */
const VISIT_CHANGES = 4_000;
const VISIT_MS = 400;
const AWAY_MS = 300;
const FAULTS_TOLD = 5;

const tell = (told: WatcherTold): Promise<void> => new Promise((sent) => process.send?.(told, () => sent()));
/** Known when the writers are done. */
let last = Infinity;

process.once('message', (orders: WatcherOrders) => {
  process.on('message', (revision: number) => (last = revision));
  void run(orders);
});

async function run(orders: WatcherOrders): Promise<void> {
  const store = await openPostgresStore({ url: orders.url, kinds: KINDS, clock: systemClock, log: silentLog });
  const watchers = Array.from({ length: orders.watchers }, (_, i) => new Watcher(store, orders.seed + i));
  await tell({ is: 'ready' });
  await tell({ is: 'done', watchers: await Promise.all(watchers.map((watcher) => watcher.run())) });
  await store.close();
  process.disconnect();
}

/** Comes, looks for a while, goes, and comes again at the last revision that it has seen, until it has seen the last. */
class Watcher {
  readonly #store: Store;
  readonly #random: () => number;
  readonly #picture = new Picture();
  readonly #segments: Segment[] = [];
  readonly #faults: string[] = [];
  #resumes = 0;
  #from = 0;
  #at = 0;
  #count = 0;
  #hash = createHash('sha256');

  constructor(store: Store, seed: number) {
    this.#store = store;
    this.#random = randomFrom(seed);
  }

  async run(): Promise<Watched> {
    while (this.#at < last) {
      try {
        await this.#visit();
        this.#resumes++;
      } catch (error) {
        if (!(error instanceof StatusError) || error.reason !== 'Expired') throw error;
        await this.#list();
      }
      await pause(this.#random() * AWAY_MS);
    }
    this.#endSegment();
    return { segments: this.#segments, resumes: this.#resumes, picture: this.#picture.hash(), faults: this.#faults };
  }

  async #visit(): Promise<void> {
    const leave = new AbortController();
    const most = Math.floor(this.#random() * VISIT_CHANGES);
    const limit = setTimeout(() => leave.abort(), this.#random() * VISIT_MS);
    let seen = 0;
    try {
      for await (const batch of this.#store.watchResources(this.#at, leave.signal))
        for (const change of batch) {
          this.#see(change);
          // In the middle of a batch, which is in the middle of a commit.
          if (++seen > most) return;
        }
    } finally {
      clearTimeout(limit);
      leave.abort();
    }
  }

  #see(change: Change): void {
    if (change.revision !== this.#at + 1 && this.#faults.length < FAULTS_TOLD)
      this.#faults.push(`after revision ${this.#at} came ${change.revision}`);
    this.#at = change.revision;
    this.#count++;
    this.#hash.update(`${lineOf(change)}\n`);
    this.#picture.apply(change);
  }

  async #list(): Promise<void> {
    const snapshot = await this.#store.current();
    this.#endSegment();
    this.#picture.list(snapshot.all());
    this.#from = this.#at = snapshot.revision;
  }

  #endSegment(): void {
    this.#segments.push({ from: this.#from, to: this.#at, count: this.#count, hash: this.#hash.digest('hex') });
    this.#count = 0;
    this.#hash = createHash('sha256');
  }
}
