import { refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { InventoryRow } from './inventory.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import type { Beside } from './beside.ts';
import type { Journal, Position, Tail } from './journal.ts';
import { GroupCommit } from './group-commit.ts';
import { Mirror } from './mirror.ts';
import { Stream } from './stream.ts';
import type {
  Change,
  CommitRequest,
  Committed,
  LeaseStore,
  PastChange,
  RecordPage,
  RecordQuery,
  Retention,
  Snapshot,
  Store,
} from './store.ts';

/** What stands beside the documents and their history. */
export type StoreParts = Pick<Store, 'leases' | 'beside'>;

/** The store over any journal: the mirror, what changes it, and the feeds. */
export class StoreCore implements Store {
  readonly leases: LeaseStore;
  readonly beside: Beside;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #mirror: Mirror;
  readonly #resources: Stream<Change>;
  readonly #events: Stream<Recorded<EventRecord>>;
  readonly #log: Stream<Recorded<LogEntry>>;
  readonly #closing = new AbortController();
  readonly #writer: GroupCommit;
  #refreshing: Promise<void> | undefined;
  #refreshAgain: Promise<void> | undefined;

  private constructor(
    journal: Journal,
    kinds: KindRegistry,
    clock: Clock,
    start: { position: Position; resources: readonly Resource[] },
    parts: StoreParts,
  ) {
    this.#journal = journal;
    this.#clock = clock;
    this.leases = parts.leases;
    this.beside = parts.beside;
    this.#mirror = new Mirror(kinds);
    this.#mirror.reset(start.position.revision, start.resources);
    const at = start.position.revision;
    this.#resources = new Stream(at, async (after, limit) => {
      const loaded = await journal.changesAfter(after, limit);
      // Looked at afterwards: if another daemon's compaction took some of them away meanwhile, the stream knows it.
      this.#resources.setHorizon((await journal.position()).horizon);
      return loaded;
    });
    this.#events = new Stream(at, (after, limit) => journal.eventsAfter(after, limit));
    this.#log = new Stream(at, (after, limit) => journal.logAfter(after, limit));
    // A restore moves it beyond all that was given out before: no feed goes on from there.
    for (const stream of [this.#resources, this.#events, this.#log]) stream.setHorizon(start.position.horizon);
    this.#writer = new GroupCommit({
      journal,
      mirror: this.#mirror,
      clock,
      closing: this.#closing.signal,
      catchUp: async (position, tailAfter) => {
        if (isLost(position, this.#mirror.revision)) await this.#startAnew();
        if (position.revision > this.#mirror.revision) this.#publish(await tailAfter(this.#mirror.revision));
      },
      publish: (batch) => this.#publish({ ...batch, position: batch }),
    });
  }

  static async open(journal: Journal, kinds: KindRegistry, clock: Clock, parts: StoreParts): Promise<StoreCore> {
    const store = new StoreCore(journal, kinds, clock, await journal.load(), parts);
    store.#follow();
    return store;
  }

  commit(request: CommitRequest): Promise<Committed> {
    return this.#writer.commit(request);
  }

  cached(): Snapshot {
    return this.#mirror;
  }

  async current(): Promise<Snapshot> {
    await this.#refresh();
    return this.#mirror;
  }

  watchResources(from: number, signal: AbortSignal): AsyncGenerator<readonly Change[]> {
    return this.#resources.read(from, this.#newest, signal);
  }

  watchEvents(from: number, signal: AbortSignal): AsyncGenerator<readonly Recorded<EventRecord>[]> {
    return this.#events.read(from, this.#newest, signal);
  }

  watchLog(from: number, signal: AbortSignal): AsyncGenerator<readonly Recorded<LogEntry>[]> {
    return this.#log.read(from, this.#newest, signal);
  }

  async events(query: RecordQuery): Promise<RecordPage<EventRecord>> {
    const { revision } = await this.current();
    return { revision, items: await this.#journal.events(query) };
  }

  async log(query: RecordQuery): Promise<RecordPage<LogEntry>> {
    const { revision } = await this.current();
    return { revision, items: await this.#journal.log(query) };
  }

  history(ref: Ref, limit: number, before?: number): Promise<readonly PastChange[]> {
    return this.#journal.history(ref, limit, before);
  }

  inventory(): Promise<readonly InventoryRow[]> {
    return this.#journal.inventory();
  }

  async compact(retention: Retention, now: Date): Promise<number> {
    const removed = await this.#journal.compact(retention, now);
    this.#resources.setHorizon((await this.#journal.position()).horizon);
    return removed;
  }

  reencrypt(): Promise<number> {
    return this.#journal.reencrypt();
  }

  outage(): string | undefined {
    return this.#journal.outage();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const stream of [this.#resources, this.#events, this.#log]) stream.close();
    await this.#refreshing?.catch(() => undefined);
    await this.#journal.close();
  }

  readonly #newest = async (): Promise<number> => (await this.current()).revision;

  // --- reading: what other processes committed -------------------------------------------------------------------

  #follow(): void {
    const refresh = () => void this.#refresh().catch(() => undefined);
    const stop = this.#journal.onWake(refresh);
    this.#closing.signal.addEventListener('abort', stop, { once: true });
    const poll = async () => {
      const every = this.#journal.pollMs;
      while (every !== undefined && !this.#closing.signal.aborted) {
        await sleep(this.#clock, every, this.#closing.signal);
        if (!this.#closing.signal.aborted) await this.#refresh().catch(() => undefined);
      }
    };
    void poll();
  }

  /** Shares a look that has not begun yet with everyone who asked before it begins: many readers, one query. */
  #refresh(): Promise<void> {
    if (!this.#refreshing) {
      this.#refreshing = this.#catchUp().finally(() => (this.#refreshing = undefined));
      return this.#refreshing;
    }
    this.#refreshAgain ??= this.#refreshing
      .catch(() => undefined)
      .then(() => {
        this.#refreshAgain = undefined;
        return this.#refresh();
      });
    return this.#refreshAgain;
  }

  async #catchUp(): Promise<void> {
    // Known before it is asked: our own commits may be shown here sooner than an answer that is older than they arrives.
    const known = this.#mirror.revision;
    const position = await this.#journal.position();
    if (isLost(position, known)) return this.#startAnewUnderLock();
    if (position.revision > this.#mirror.revision) {
      const after = this.#mirror.revision;
      const tail = await this.#journal.tail(position, after);
      if (isLost(tail.position, known)) return this.#startAnewUnderLock();
      // Not onto a picture that was set back meanwhile: there would be a gap.
      if (this.#mirror.revision >= after) this.#publish(tail);
    }
    this.#resources.setHorizon(position.horizon);
  }

  /** Only while nobody can commit is what was read still all there is: the writer sees what is lost when it has the lock. */
  async #startAnewUnderLock(): Promise<void> {
    await this.#writer.commit({ decide: () => ({}) });
  }

  async #startAnew(): Promise<void> {
    const { position, resources } = await this.#journal.load();
    this.#mirror.reset(position.revision, resources);
    for (const stream of [this.#resources, this.#events, this.#log])
      stream.restart(position.revision, position.revision);
  }

  /** Idempotent: a commit of ours may reach us by its own way and by the poll. */
  #publish(tail: Pick<Tail, 'changes' | 'events' | 'log'> & { position: Pick<Position, 'revision'> }): void {
    const after = this.#mirror.revision;
    if (tail.position.revision <= after) return;
    const fresh = <T extends { revision: number }>(records: readonly T[]) => records.filter((r) => r.revision > after);
    const changes = fresh(tail.changes).map((change): Change => {
      const previous = this.#mirror.get(refOf(change.object));
      this.#mirror.apply(change);
      return previous ? { ...change, previous } : change;
    });
    this.#mirror.revision = tail.position.revision;
    this.#resources.push(changes);
    this.#events.push(fresh(tail.events));
    this.#log.push(fresh(tail.log));
  }
}

/**
 * The changes from what is known here to what there is cannot be read: the database was restored under a running
 * daemon, or the daemon stood still for so long that they were compacted away.
 */
const isLost = (position: Position, known: number): boolean => position.revision < known || position.horizon > known;
