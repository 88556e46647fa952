import type { AuditEvent } from '../api/audit.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { InventoryGone, InventoryRow } from './inventory.ts';
import type { Change, PastChange, RecordQuery, Retention } from './store.ts';

/**
 * What the store needs of whatever keeps its bytes: PostgreSQL (`postgres-journal.ts`) or memory
 * (`memory-store.ts`). Everything that makes the store's promises true but durability is above this line, once.
 */
export interface Journal {
  /** Runs `fn` while no other writer of any process can take a revision. Commits when it returns a batch. */
  transact(
    fn: (at: Position, tailAfter: (revision: number) => Promise<Tail>) => Promise<Batch | undefined>,
  ): Promise<void>;
  /** After a lost connection: did the batch with this id, whose first change has this revision, land? */
  wasCommitted(commitId: string, firstChange: number): Promise<boolean>;
  position(): Promise<Position>;
  /** Everything after the revision, up to the position. The answer's horizon is that of afterwards: what lies before it may be missing. */
  tail(at: Position, after: number): Promise<Tail>;
  load(): Promise<{ position: Position; resources: readonly Resource[] }>;

  changesAfter(revision: number, limit: number): Promise<readonly Change[]>;
  eventsAfter(revision: number, limit: number): Promise<readonly Recorded<EventRecord>[]>;
  logAfter(revision: number, limit: number): Promise<readonly Recorded<LogEntry>[]>;
  events(query: RecordQuery): Promise<readonly Recorded<EventRecord>[]>;
  log(query: RecordQuery): Promise<readonly Recorded<LogEntry>[]>;
  history(ref: Ref, limit: number, before?: number): Promise<readonly PastChange[]>;
  inventory(): Promise<readonly InventoryRow[]>;
  compact(retention: Retention, now: Date): Promise<number>;
  reencrypt(): Promise<number>;

  /** How often to look for what a lost call-back would have told, milliseconds; `undefined`: none is ever lost. */
  readonly pollMs?: number;
  /** Calls back when another process may have committed. */
  onWake(listener: () => void): () => void;
  outage(): string | undefined;
  close(): Promise<void>;
}

export interface Position {
  revision: number;
  horizon: number;
  /** Of the leader's lease; 0 before there ever was one. Moves only under the revision's lock. */
  epoch: number;
}

export interface Tail {
  position: Position;
  changes: readonly Change[];
  events: readonly Recorded<EventRecord>[];
  log: readonly Recorded<LogEntry>[];
}

export interface Batch {
  commitId: string;
  /** The newest revision after this batch. */
  revision: number;
  changes: readonly Change[];
  events: readonly Recorded<EventRecord>[];
  log: readonly Recorded<LogEntry>[];
  inventory: readonly InventoryRow[];
  inventoryGone: readonly InventoryGone[];
  audit: readonly AuditEvent[];
}
