import type { AuditEvent } from '../api/audit.ts';
import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { InventoryGone, InventoryRow } from './inventory.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { View } from '../api/kind.ts';
import type { Beside } from './beside.ts';

/**
 * Desired state, its history, and what was done about it.
 *
 * Promises:
 * - **Revisions are commit order** (I7): a number is taken under a lock that is held until the commit, so whoever has
 *   seen revision n has seen, or can read, every change up to n; nothing commits at or below n later.
 * - **A decision is exact**: `decide` runs while the lock is held, over a view that includes every earlier commit of
 *   every daemon. Two clashing writes can never both pass.
 * - **Acknowledged is durable** (I11): a promise of `commit` resolves after PostgreSQL's commit.
 * - **Reads are current**: what any daemon had committed before the call is in the answer.
 */
export interface Store {
  /** Runs `decide` under the lock and commits what it returns; one outcome each, though many share one transaction. */
  commit(request: CommitRequest): Promise<Committed>;

  /** A consistent picture that holds everything committed before the call. */
  current(): Promise<Snapshot>;
  /** The picture this process has now; may lag behind other daemons by a poll. */
  cached(): Snapshot;

  /**
   * Every change of documents after `from`, in order, once each. Throws Expired (410) when `from` is before the
   * horizon or beyond the newest revision (a restored database).
   */
  watchResources(from: number, signal: AbortSignal): AsyncIterable<readonly Change[]>;
  watchEvents(from: number, signal: AbortSignal): AsyncIterable<readonly Recorded<EventRecord>[]>;
  watchLog(from: number, signal: AbortSignal): AsyncIterable<readonly Recorded<LogEntry>[]>;

  events(query: RecordQuery): Promise<RecordPage<EventRecord>>;
  log(query: RecordQuery): Promise<RecordPage<LogEntry>>;
  /**
   * The newest changes of what has this name, and had it before, as far as they are kept; before a revision, when one is
   * given. Oldest first.
   */
  history(ref: Ref, limit: number, before?: number): Promise<readonly PastChange[]>;
  inventory(): Promise<readonly InventoryRow[]>;

  readonly leases: LeaseStore;
  /** What stands beside the documents, in tables of its own. */
  readonly beside: Beside;

  /**
   * Removes history and logs that are older than their retention, in small batches. Of each document that lived at the
   * horizon, the version that it had there stays, for its history; watches begin after the horizon. Returns rows removed.
   */
  compact(retention: Retention, now: Date): Promise<number>;
  /**
   * Encrypts anew under the present master key what rests under another one; nobody who reads or watches hears of it.
   * Returns rows written.
   */
  reencrypt(): Promise<number>;
  /** Why the database cannot be used now, or `undefined`. */
  outage(): string | undefined;
  close(): Promise<void>;
}

/** Which documents of a kind, in the order of `namespace/name`. */
export interface PageOptions {
  /** All of them when left out. */
  namespace?: string | undefined;
  /** `namespace/name` of the last one of the page before. */
  after?: string;
  most?: number;
}

export interface Page {
  items: readonly Resource[];
  /** How many come after them. */
  more: number;
}

export interface Snapshot extends View {
  readonly revision: number;
  /** Costs no more than what it answers. */
  page(kind: string, options: PageOptions): Page;
  /** All live documents of every kind. */
  all(): Iterable<Resource>;
}

export interface CommitRequest {
  /** Pure, synchronous, and run again when a transaction is repeated. Throws StatusError to refuse. */
  decide: (view: Snapshot) => Effects;
  /** The write of a pass: refused with `FencedError` when this is no longer the lease's epoch (I9). */
  fence?: number;
  /** Decide and answer, commit nothing. */
  dryRun?: boolean;
  /** Whose key the request came with; left out, the daemon itself. */
  user?: string;
  /** Committed with what was decided, where that is anything. */
  audit?: () => AuditEvent;
}

export interface Effects {
  /** Documents to create or replace, whole; their resourceVersion is set by the store. */
  put?: readonly Resource[];
  remove?: readonly Ref[];
  events?: readonly EventRecord[];
  log?: readonly LogEntry[];
  inventory?: readonly InventoryRow[];
  /** Rows of seed tables whose real thing is gone: marked deleted where the table keeps them, else removed. */
  inventoryGone?: readonly InventoryGone[];
}

export interface Committed {
  revision: number;
  /** `put` as stored, in its order. */
  resources: readonly Resource[];
}

/** Of the document that was written; events and log entries have revisions that no informer of documents sees. */
export function revisionOf({ resources }: Committed): number | undefined {
  const last = resources.at(-1);
  return last && Number(last.metadata.resourceVersion);
}

export interface Change {
  revision: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** As it was at this revision; for DELETED as it was last, with this revision. */
  object: Resource;
  /** Whose key the request came with; of the daemon's own writes nobody's. */
  user?: string;
  /** As it was before, where that is at hand: tells a watcher with a selector that an object has left its sight. */
  previous?: Resource;
}

/** A change with when it was committed, RFC 3339. */
export interface PastChange extends Change {
  committedAt: string;
}

export interface RecordQuery {
  kind?: string;
  namespace?: string;
  /** In any of these. */
  namespaces?: readonly string[];
  name?: string;
  uid?: string;
  /** Newest first when `limit` cuts; answers are always oldest first. */
  limit: number;
}

export interface RecordPage<T> {
  revision: number;
  items: readonly Recorded<T>[];
}

export interface LeaseStore {
  /**
   * Takes the lease when it is free, expired or ours, or renews it. Times are the database's own.
   * @returns the epoch when `holder` has it now, else who has it.
   */
  acquire(
    name: string,
    holder: string,
    ttlMs: number,
  ): Promise<{ held: true; epoch: number } | { held: false; holder: string }>;
  release(name: string, holder: string): Promise<void>;
  /** Calls back when a lease was released by anyone: a waiting daemon need not poll for it. */
  onRelease(listener: () => void): () => void;
}

export interface Retention {
  /** Changes younger than this are kept, milliseconds. */
  changesMs: number;
  /** And at most so many of them, even when younger. */
  changesMax: number;
  eventsMs: number;
  logMs: number;
  logMax: number;
}

/** The lease's epoch has moved on: another daemon leads. Whatever was to be written is not ours to write (I9). */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}
