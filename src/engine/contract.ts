import type { Condition, Ref, Resource } from '../api/metadata.ts';
import type { EventRecord, Trigger } from '../api/records.ts';
import type { InventoryRow } from '../store/inventory.ts';
import type { WriteContext } from '../admission/operations.ts';
import type { View } from '../api/kind.ts';
import type { Log } from '../base/log.ts';

/**
 * The loop's contract. A controller says four things about its kind and the engine does the rest:
 *
 *   observe   the only reads. Three-valued: present, absent, unobservable.
 *   plan      pure: what would make the world equal the document. Empty means converged (I2).
 *   act       one idempotent call for one step; a crash before or after it changes nothing about the end (I3).
 *   report    what to say of it: status, conditions, the inventory row, and an outcome.
 *
 * After acting, the engine observes and plans once more; `report` sees that second look and what is left to do. The
 * engine alone writes (status, conditions, events, log entry, inventory row: one commit, at the end, fenced by the
 * lease), requeues, and removes finalizers.
 */
export interface Controller<R extends Resource, O, S extends Step> {
  readonly kind: string;
  /** It looks at the Engine: while that has not said that it is the one of this database, there are no passes. */
  readonly needsEngine: boolean;
  /** What else can make a pass of this kind necessary. */
  readonly watches: readonly Watch[];
  observe(resource: R, pass: Pass): Promise<O>;
  /** Pure but for nothing: no clock, no randomness, no reads. Also used for `diff`, with a document that is not stored. */
  plan(resource: R, observed: O, now: Date): readonly S[];
  /**
   * Resolves when the step is done, perhaps with a note, or with what it has come to when it goes on by itself: then the pass ends as
   * progressing, and an event or a look goes on with the plan. One that does neither within the pass's time is left to
   * itself as well, and the key rests until its end.
   */
  act(step: S, resource: R, pass: Pass): Promise<UnderWay | Noted | void>;
  report(resource: R, observed: O, left: readonly S[], now: Date): Report;
  /** The step in words, for the reconcile log, `diff` and events. */
  print(step: S, resource: R): string;
  /** Forgets what is held in memory for a document that is gone. */
  forget?(uid: string): void;
}

/** A step that was begun and takes its time: a stop, a pull. Asked for once more, it is joined, not begun again. */
export interface UnderWay {
  /** For a person: `image app:2 is being pulled: 40 %`. */
  readonly underWay: string;
}

/** What a person should know of how a step was done. Its event says it. */
export interface Noted {
  readonly note: string;
}

export interface Step {
  readonly do: string;
  /** Why, in words: the difference that this step removes. */
  readonly why: string;
  /** Recorded as an event when the step succeeds, where people expect one. */
  readonly event?: string;
  /** The event is a Warning: a person should know. */
  readonly warns?: true;
}

/** Maps a change of another document to the keys that care: an owner, a dependent. */
interface Watch {
  /** Left out: of any kind. */
  kind?: string;
  /** Documents to look at again when `changed` was written or removed. Runs on every change: look-ups, no scans. */
  enqueue: (changed: Resource, view: View) => readonly Ref[];
  /**
   * Milliseconds that a dependent waits for more changes, so that many of them become one pass: for one that takes long to
   * look at. 0, as when left out: it is looked at at once.
   */
  gatherMs?: (dependent: Ref, view: View) => number;
}

/** What a pass may use. */
export interface Pass {
  readonly id: string;
  /** Only a plan is asked for, by any daemon and for a document that need not be stored: nothing may be begun. */
  readonly planning: boolean;
  readonly trigger: Trigger;
  readonly log: Log;
  /** Aborted when the daemon stops or no longer leads. */
  readonly signal: AbortSignal;
  /** Documents as this daemon's informer has them. */
  readonly view: View;
  now(): Date;
  /**
   * The one write ahead of the end of a pass: merges what `decide` returns into the object's status, under
   * the revision's lock, so that two objects never get the same thing. Resolves when it is committed.
   */
  claim(decide: (latest: Resource, view: View) => object): Promise<void>;
  /** Submits a document as this controller, through admission. One that is there already is left as it is. */
  create(document: {
    apiVersion: string;
    kind: string;
    metadata: { namespace?: string; name: string; [key: string]: unknown };
    spec: object;
  }): Promise<void>;
  /** Deletes this very document, as `kubectl delete` would. One that is gone, or being deleted, is left as it is. */
  remove(ref: Ref, uid: string): Promise<void>;
  /**
   * Writes and deletes other documents, all in one decision under the revision's lock, or none (a `StatusError` refuses
   * all). `decide` makes the documents by the operations of admission, with this context and the manager's name in it.
   */
  transact(decide: (view: View, context: TransactContext) => Transaction): Promise<void>;
  /**
   * Changes this document's own specification, through admission, in the name of a field manager (I6); with it, in one
   * commit, what status shall say of it. Decided on the document as it is at the commit; `undefined` changes nothing.
   */
  amend(manager: string, change: (latest: Resource) => Amendment | undefined): Promise<void>;
}

/** What admission needs to know beside the documents. */
export type TransactContext = Omit<WriteContext, 'manager'>;

export interface Transaction {
  put?: readonly Resource[];
  /** Deleted as `kubectl delete` would. */
  remove?: readonly Resource[];
  /** What the status of this pass's own document shall say of it: merged into what it says, in the same commit. */
  status?: object;
}

export interface Amendment {
  spec: object;
  status?: object;
}

/**
 * How a pass ends. Every outcome but `reconciled` and `gone` has a time, so that no lost event costs more than that.
 * - `reconciled`: nothing to do until something changes.
 * - `progressing`: look again after `afterMs`, or when something changes.
 * - `waiting`: for what `on` names; a change of it brings the key back, and so does the time.
 * - `blocked`: a person must do something; looked at again at the slowest rate.
 * - `gone`: the document was deleted and the real thing is no more: the finalizer may go (I14).
 */
export type Outcome =
  | { is: 'reconciled'; afterMs?: number }
  | { is: 'progressing'; afterMs: number }
  | { is: 'waiting'; on: string; afterMs: number }
  | { is: 'blocked'; reason: string; message: string }
  | { is: 'gone' };

/** Milliseconds to the next look of one that waits for something whose changes are told of: in case they were not. */
export const WAITING_LOOK_MS = 10_000;

/** A condition as a controller gives it; the engine adds the generation and the time of the transition. */
export type ConditionInput = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

export interface Report {
  /** The kind's own status fields, whole: what is left out is removed. */
  status: object;
  conditions: readonly ConditionInput[];
  outcome: Outcome;
  /** The row of the seed's table; `undefined`: the real thing does not exist. */
  inventory?: InventoryRow;
  /** Events that are not the success of a step. */
  events?: readonly Pick<EventRecord, 'type' | 'reason' | 'message'>[];
}
