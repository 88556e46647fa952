import type { EventRecord, LogEntry, Recorded } from '../api/records.ts';
import type { InventoryGone, InventoryRow } from './inventory.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { View } from '../api/kind.ts';
import type { Recommended } from '../base/recommendation.ts';
import type { Rates, Sample } from '../base/sample.ts';
import type { TrafficRates, TrafficSample } from '../base/traffic.ts';

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
  history(ref: Ref, limit: number): Promise<readonly Change[]>;
  inventory(): Promise<readonly InventoryRow[]>;

  readonly leases: LeaseStore;
  readonly keys: KeyStore;
  readonly settings: SettingStore;
  readonly metrics: MetricsStore;
  readonly traffic: TrafficStore;
  readonly recommendations: RecommendationStore;

  /** Removes history and logs that are older than their retention, in small batches. Returns rows removed. */
  compact(retention: Retention, now: Date): Promise<number>;
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
  /** As it was before, where that is at hand: tells a watcher with a selector that an object has left its sight. */
  previous?: Resource;
}

export interface RecordQuery {
  kind?: string;
  namespace?: string;
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

export interface ApiKey {
  id: string;
  userId: string | null;
  name: string;
}

export interface KeyStore {
  /** `hash` is the key's SHA-256, 64 hex digits (I10). */
  find(hash: string): Promise<ApiKey | undefined>;
  /** Those of the hashes that a key has now. One question, and no use of the keys. */
  known(hashes: readonly string[]): Promise<ReadonlySet<string>>;
  create(hash: string, name: string): Promise<ApiKey>;
  /** Removes every key of the name. */
  revoke(name: string): Promise<number>;
}

/** Facts about the installation that must survive: its id, the Engine's id. */
export interface SettingStore {
  get(name: string): Promise<string | undefined>;
  /** Sets it when it is not set; answers what is set afterwards, whoever set it. */
  setOnce(name: string, value: string): Promise<string>;
  set(name: string, value: string): Promise<void>;
}

/**
 * What instances used. Its writes are not the quiet world's: they take no revision, hold no lock that a commit
 * waits for, and wake nobody. What was appended twice is there once.
 */
export interface MetricsStore {
  /** One statement, however many there are. */
  append(samples: readonly Sample[]): Promise<void>;
  /**
   * By instance, from `since` up to and without `until`, at most `points` buckets of one width, the oldest first; those
   * of which nothing is known are left out. Raw samples where they are kept and fine enough, else the aggregates.
   */
  range(
    instanceIds: readonly string[],
    since: Date,
    until: Date,
    points: number,
  ): Promise<ReadonlyMap<string, readonly MetricsBucket[]>>;
  /** By instance, the newest sample, however old. */
  latest(instanceIds: readonly string[]): Promise<ReadonlyMap<string, Sample>>;
  /** Makes the aggregates of what was sampled since they were made last; again, without harm. @returns buckets of time. */
  rollUp(now: Date): Promise<number>;
  /** Removes what is older, a few rows a transaction. @returns rows removed. */
  prune(now: Date, retention: MetricsRetention): Promise<number>;
}

/** Each value over the samples that have it. */
export interface MetricsBucket extends Rates {
  start: Date;
  samples: number;
  cpuPercentAvg?: number;
  cpuPercentMax?: number;
  memoryBytesAvg?: number;
  memoryBytesMax?: number;
  /** The highest of the time. */
  memoryLimitBytes?: number;
}

export interface MetricsRetention {
  /** Samples younger than this are kept, milliseconds. */
  samplesMs: number;
  aggregatesMs: number;
}

/** What went through load balancers; as `MetricsStore` in all else. */
export interface TrafficStore extends Pick<MetricsStore, 'rollUp' | 'prune'> {
  append(samples: readonly TrafficSample[]): Promise<void>;
  /** By target (the load balancer's own uid: all of it), as `MetricsStore.range`. */
  range(
    loadBalancerId: string,
    since: Date,
    until: Date,
    points: number,
  ): Promise<ReadonlyMap<string, readonly TrafficBucket[]>>;
}

export interface TrafficBucket extends TrafficRates {
  start: Date;
  samples: number;
  requestRateMax: number;
}

/** What the policies of scaling groups recommended. Its writes are not the quiet world's either. */
export interface RecommendationStore {
  /** One of a time that is there already is left as it is. */
  append(row: Recommended): Promise<void>;
  /** Of one group, the oldest first. */
  since(groupId: string, from: Date): Promise<readonly Recommended[]>;
  /** Removes what is older. */
  prune(before: Date): Promise<void>;
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
