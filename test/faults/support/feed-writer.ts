import { randomUUID } from 'node:crypto';
import { KINDS } from '../../../src/kinds/index.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { StatusError } from '../../../src/base/errors.ts';
import { silentLog } from '../../../src/base/log.ts';
import { randomFrom } from '../../../src/proof/random.ts';
import { openPostgresStore } from '../../../src/store/postgres-store.ts';
import type { Change, CommitRequest, Store } from '../../../src/store/store.ts';
import { document, lineOf, refTo } from './feed.ts';
import type { WriterOrders, WriterTold, Written } from './feed.ts';

/** Commits under way at once: enough for full groups. */
const IN_FLIGHT = 256;
/** Documents that a writer has for itself; one more is everybody's. */
const NAMES = 150;
const COMPACT_EVERY_MS = 250;

const tell = (told: WriterTold): Promise<void> => new Promise((sent) => process.send?.(told, () => sent()));

/** First the orders, then the word to begin. A listener keeps the process alive, as the API does a daemon. */
const toldToBegin = new Promise<void>((begin) => {
  process.once('message', (orders: WriterOrders) => {
    process.on('message', () => begin());
    void run(orders);
  });
});

async function run(orders: WriterOrders): Promise<void> {
  const store = await openPostgresStore({ url: orders.url, kinds: KINDS, clock: systemClock, log: silentLog });
  await tell({ is: 'ready' });
  await toldToBegin;
  await tell(await write(store, orders));
  process.disconnect();
}

async function write(store: Store, orders: WriterOrders): Promise<WriterTold> {
  const writer = new Writer(store, orders);
  const compaction = orders.keep === undefined ? undefined : compacting(store, orders.keep);
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => writer.run()));
  const compacted = (await compaction?.()) ?? 0;
  const { written, counted, rolledBack } = writer;
  await store.close();
  return { is: 'done', written, counted, rolledBack, compacted };
}

/** Answers how to end it, and then the rows that were removed. */
function compacting(store: Store, keep: number): () => Promise<number> {
  const hour = 3_600_000;
  const retention = { changesMs: hour, changesMax: keep, eventsMs: hour, logMs: hour, logMax: keep };
  let ended = false;
  const run = (async () => {
    let removed = 0;
    while (!ended) {
      removed += await store.compact(retention, new Date());
      await new Promise((resolve) => setTimeout(resolve, COMPACT_EVERY_MS));
    }
    return removed;
  })();
  return () => ((ended = true), run);
}

class Writer {
  readonly written: Written[] = [];
  /** Of the document that all writers count in. */
  counted = 0;
  rolledBack = 0;
  readonly #store: Store;
  readonly #orders: WriterOrders;
  readonly #random: () => number;
  #begun = 0;

  constructor(store: Store, orders: WriterOrders) {
    this.#store = store;
    this.#orders = orders;
    this.#random = randomFrom(orders.seed);
  }

  async run(): Promise<void> {
    while (this.#begun < this.#orders.writes) {
      const chance = this.#random();
      if (chance < 0.03) await this.#refused();
      else if (chance < 0.05) await this.#dryRun();
      else {
        const n = this.#begun++;
        if (chance < 0.1) await this.#count();
        else await this.#change(`w${this.#orders.writer}-${n}`, chance < 0.2);
      }
    }
  }

  /** Of a group of many, this one does not happen. */
  async #refused(): Promise<void> {
    const decide = () => {
      throw new StatusError('Conflict', 'not this one');
    };
    await this.#store.commit({ decide }).then(
      () => Promise.reject(new Error('a refused write was acknowledged')),
      (error: unknown) => {
        if (!(error instanceof StatusError) || error.reason !== 'Conflict') throw error;
        this.rolledBack++;
      },
    );
  }

  async #dryRun(): Promise<void> {
    await this.#store.commit({ dryRun: true, decide: () => ({ put: [document('dry', 'dry', randomUUID())] }) });
    this.rolledBack++;
  }

  async #count(): Promise<void> {
    await this.#put('counter', (before) => Number(before ?? 0) + 1);
    this.counted++;
  }

  async #change(mark: string, remove: boolean): Promise<void> {
    const name = `d${this.#orders.writer}-${Math.floor(this.#random() * NAMES)}`;
    await (remove ? this.#remove(name, mark) : this.#put(name, () => mark));
  }

  async #put(name: string, mark: (before: unknown) => string | number): Promise<void> {
    let type: Change['type'] = 'ADDED';
    await this.#commit(
      (view) => {
        const old = view.get(refTo(name));
        type = old ? 'MODIFIED' : 'ADDED';
        const before = (old?.spec as { mark?: unknown } | undefined)?.mark;
        return { put: [document(name, mark(before), old?.metadata.uid ?? randomUUID())] };
      },
      ({ revision, resources }) => ({ revision, type, object: resources[0]! }),
    );
  }

  /** What is not there is made instead. */
  async #remove(name: string, mark: string): Promise<void> {
    let gone: Change['object'] | undefined;
    await this.#commit(
      (view) => {
        gone = view.get(refTo(name));
        return gone ? { remove: [refTo(name)] } : { put: [document(name, mark, randomUUID())] };
      },
      ({ revision, resources }) =>
        gone ? { revision, type: 'DELETED', object: gone } : { revision, type: 'ADDED', object: resources[0]! },
    );
  }

  async #commit(
    decide: CommitRequest['decide'],
    changeOf: (committed: Awaited<ReturnType<Store['commit']>>) => Change,
  ): Promise<void> {
    const change = changeOf(await this.#store.commit({ decide }));
    this.written.push([change.revision, lineOf(change)]);
  }
}
