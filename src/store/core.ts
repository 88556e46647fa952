import { refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { EventRecord, InventoryRow, LogEntry, Recorded } from '../api/records.ts';
import type { KindDefinition } from '../api/schema.ts';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { StatusError } from '../base/errors.ts';
import type { Batch, Journal, Position, Tail } from './journal.ts';
import { Draft } from './draft.ts';
import { UncertainCommit } from './journal.ts';
import { Mirror } from './mirror.ts';
import { Stream } from './stream.ts';
import { FencedError } from './store.ts';
import type {
  Change,
  CommitRequest,
  Committed,
  KeyStore,
  LeaseStore,
  RecordPage,
  RecordQuery,
  Retention,
  SettingStore,
  Snapshot,
  Store,
} from './store.ts';

/** Requests that share one transaction at most; more only adds latency to the first of them. */
const GROUP = 128;
/** A notification can be lost with its connection; this poll finds what it would have said. */
const POLL_MS = 1000;
/** How long an uncertain commit is asked after before its callers are told that the database is away. */
const UNCERTAIN_MS = 30_000;

interface Pending {
  request: CommitRequest;
  resolve: (committed: Committed) => void;
  reject: (error: unknown) => void;
}

/** What one request of a group came to, held back until the group's commit. */
type Verdict = { pending: Pending } & ({ committed: Committed } | { refused: unknown });

/** The store over any journal: decisions, group commit, the mirror and the feeds. */
export class StoreCore implements Store {
  readonly leases: LeaseStore;
  readonly keys: KeyStore;
  readonly settings: SettingStore;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #mirror: Mirror;
  readonly #resources: Stream<Change>;
  readonly #events: Stream<Recorded<EventRecord>>;
  readonly #log: Stream<Recorded<LogEntry>>;
  readonly #closing = new AbortController();
  #queue: Pending[] = [];
  #writing = false;
  #refreshing: Promise<void> | undefined;
  #refreshAgain: Promise<void> | undefined;

  private constructor(
    journal: Journal,
    kinds: readonly KindDefinition[],
    clock: Clock,
    start: { position: Position; resources: readonly Resource[] },
    parts: Pick<Store, 'leases' | 'keys' | 'settings'>,
  ) {
    this.#journal = journal;
    this.#clock = clock;
    this.leases = parts.leases;
    this.keys = parts.keys;
    this.settings = parts.settings;
    this.#mirror = new Mirror(kinds);
    this.#mirror.reset(start.position.revision, start.resources);
    const at = start.position.revision;
    this.#resources = new Stream(at, (after, limit) => journal.changesAfter(after, limit));
    this.#events = new Stream(at, (after, limit) => journal.eventsAfter(after, limit));
    this.#log = new Stream(at, (after, limit) => journal.logAfter(after, limit));
    this.#resources.setHorizon(start.position.horizon);
  }

  static async open(
    journal: Journal,
    kinds: readonly KindDefinition[],
    clock: Clock,
    parts: Pick<Store, 'leases' | 'keys' | 'settings'>,
  ): Promise<StoreCore> {
    const store = new StoreCore(journal, kinds, clock, await journal.load(), parts);
    store.#follow();
    return store;
  }

  commit(request: CommitRequest): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      void this.#write();
    });
  }

  cached(): Snapshot {
    return this.#mirror;
  }

  async current(): Promise<Snapshot> {
    await this.#refresh();
    return this.#mirror;
  }

  async *watchResources(from: number, signal: AbortSignal): AsyncGenerator<readonly Change[]> {
    await this.#refresh();
    yield* this.#resources.read(from, this.#mirror.revision, this.#untilClose(signal));
  }

  async *watchEvents(from: number, signal: AbortSignal): AsyncGenerator<readonly Recorded<EventRecord>[]> {
    await this.#refresh();
    yield* this.#events.read(from, this.#mirror.revision, this.#untilClose(signal));
  }

  async *watchLog(from: number, signal: AbortSignal): AsyncGenerator<readonly Recorded<LogEntry>[]> {
    await this.#refresh();
    yield* this.#log.read(from, this.#mirror.revision, this.#untilClose(signal));
  }

  async events(query: RecordQuery): Promise<RecordPage<EventRecord>> {
    const { revision } = await this.current();
    return { revision, items: await this.#journal.events(query) };
  }

  async log(query: RecordQuery): Promise<RecordPage<LogEntry>> {
    const { revision } = await this.current();
    return { revision, items: await this.#journal.log(query) };
  }

  history(ref: Ref, limit: number): Promise<readonly Change[]> {
    return this.#journal.history(ref, limit);
  }

  inventory(): Promise<readonly InventoryRow[]> {
    return this.#journal.inventory();
  }

  async compact(retention: Retention, now: Date): Promise<number> {
    const removed = await this.#journal.compact(retention, now);
    this.#resources.setHorizon((await this.#journal.position()).horizon);
    return removed;
  }

  outage(): string | undefined {
    return this.#journal.outage();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#refreshing?.catch(() => undefined);
    await this.#journal.close();
  }

  #untilClose(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closing.signal]);
  }

  // --- reading: what other processes committed -------------------------------------------------------------------

  #follow(): void {
    const refresh = () => void this.#refresh().catch(() => undefined);
    const stop = this.#journal.onWake(refresh);
    this.#closing.signal.addEventListener('abort', stop, { once: true });
    const poll = async () => {
      while (!this.#closing.signal.aborted) {
        await sleep(this.#clock, POLL_MS, this.#closing.signal);
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
    const position = await this.#journal.position();
    if (position.revision < this.#mirror.revision) return this.#wentBack();
    if (position.revision > this.#mirror.revision) this.#publish(await this.#journal.tail(this.#mirror.revision));
    this.#resources.setHorizon(position.horizon);
  }

  /** A database that was restored under a running daemon. */
  async #wentBack(): Promise<void> {
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

  // --- writing: groups of requests, one transaction each -----------------------------------------------------------

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    try {
      while (this.#queue.length > 0) await this.#writeGroup(this.#queue.splice(0, GROUP));
    } finally {
      this.#writing = false;
    }
  }

  async #writeGroup(group: readonly Pending[]): Promise<void> {
    let verdicts: readonly Verdict[] = [];
    let batch: Batch | undefined;
    try {
      await this.#journal.transact(async (position, tailAfter) => {
        if (position.revision < this.#mirror.revision) await this.#wentBack();
        if (position.revision > this.#mirror.revision) this.#publish(await tailAfter(this.#mirror.revision));
        ({ verdicts, batch } = this.#decide(group, position));
        return batch;
      });
    } catch (error) {
      const landed = error instanceof UncertainCommit && batch ? await this.#landed(batch) : false;
      if (landed !== true) return this.#groupFailed(group, landed === 'unknown' ? unavailable(error) : error);
    }
    if (batch) this.#publish({ ...batch, position: batch });
    for (const verdict of verdicts) {
      if ('refused' in verdict) verdict.pending.reject(verdict.refused);
      else verdict.pending.resolve(verdict.committed);
    }
  }

  /** One bad write must not fail its neighbours: after a failed group, each goes alone (ruling 14). */
  async #groupFailed(group: readonly Pending[], error: unknown): Promise<void> {
    if (group.length > 1 && !this.outage()) {
      for (const pending of group) await this.#writeGroup([pending]);
    } else {
      for (const pending of group) pending.reject(unavailable(error));
    }
  }

  async #landed(batch: Batch): Promise<boolean | 'unknown'> {
    const first = batch.changes[0];
    if (!first) return false;
    const until = this.#clock.monotonic() + UNCERTAIN_MS;
    while (this.#clock.monotonic() < until && !this.#closing.signal.aborted) {
      try {
        return await this.#journal.wasCommitted(batch.commitId, first.revision);
      } catch {
        await sleep(this.#clock, 200, this.#closing.signal);
      }
    }
    return 'unknown';
  }

  /**
   * Each decision sees the ones before it. They are made on the mirror itself and taken back before anyone else can
   * look: all of this is one synchronous stretch.
   */
  #decide(group: readonly Pending[], position: Position): { verdicts: Verdict[]; batch: Batch | undefined } {
    const draft = new Draft(this.#mirror, position.revision);
    try {
      const verdicts = group.map((pending): Verdict => {
        try {
          const { decide, fence, dryRun } = pending.request;
          if (fence !== undefined && fence !== position.epoch)
            throw new FencedError(`the lease's epoch is ${position.epoch}, not ${fence}`);
          const effects = decide(this.#mirror);
          return {
            pending,
            committed: dryRun ? { revision: draft.revision, resources: effects.put ?? [] } : draft.add(effects),
          };
        } catch (refused) {
          return { pending, refused };
        }
      });
      return { verdicts, batch: draft.batch() };
    } finally {
      draft.takeBack();
    }
  }
}

function unavailable(error: unknown): unknown {
  if (error instanceof StatusError || error instanceof FencedError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StatusError('ServiceUnavailable', `the database did not take the write: ${message}`, {
    cause: error,
    details: { retryAfterSeconds: 1 },
  });
}
