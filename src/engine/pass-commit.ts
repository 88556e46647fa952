import { refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { LogEntry, Trigger } from '../api/records.ts';
import type { View } from '../api/kind.ts';
import { removeIfFinalized, withoutFinalizer } from '../admission/operations.ts';
import type { PassError } from '../base/errors.ts';
import { sameJson } from '../base/hash.ts';
import { revisionOf } from '../store/store.ts';
import type { Committed, Effects } from '../store/store.ts';
import { WAITING_LOOK_MS } from './contract.ts';
import type { Outcome, Report } from './contract.ts';
import type { PassTools } from './pass-context.ts';
import type { Acted } from './steps.ts';
import { mergeStatus, conditionInputsOf, withFailure } from './status.ts';

/** How the queue goes on with the key. Whatever is not at its end is looked at again by itself, `afterMs` from now. */
export type PassEnd = (
  | { outcome: 'reconciled' | 'deleted'; afterMs?: number }
  | { outcome: Unended; afterMs: number }
) & {
  /** The last revision that the pass wrote: the next pass of this key waits until the informer has it. */
  revision?: number;
  /** A step that goes on by itself: the key rests until its end, and the next pass tells of it. */
  unfinished?: Promise<LateStep>;
  /** Steps that were done and could not be told of: the next pass does. */
  untold?: readonly Acted[];
};

type Unended = 'progressing' | 'waiting' | 'blocked' | 'retrying';

/** A step that outlasted its pass, at its end. */
export interface LateStep {
  acted: Acted;
  /** The last revision that it wrote, or its pass. */
  revision?: number;
}

/** When a key comes back, in milliseconds from now. */
export interface RetryTimes {
  /** After one more failure. */
  next: () => number;
  /** When only a person can mend it. */
  slowest: () => number;
}

/** What a pass has come to. */
interface PassResult {
  acted: readonly Acted[];
  difference: readonly string[];
  report: Report | undefined;
  failure: PassError | undefined;
  retry: RetryTimes;
}

/** Which pass it is, and on what it stands. */
interface Subject {
  kind: string;
  trigger: Trigger;
  view: View;
  started: Date;
  /** As the pass has it, its claims included. */
  resource: Resource;
  /** The last revision that the pass wrote. */
  revision: number | undefined;
}

/** The status was written by another pass than the one that this pass knows of. */
class Outdated extends Error {
  /** Of the document as it is: the next pass waits until the informer has it. */
  readonly revision: number;

  constructor(latest: Resource) {
    super('the status is not the one that this pass began with');
    this.revision = Number(latest.metadata.resourceVersion);
  }
}

/** The ending of a pass, for every kind: status, events, log entry, inventory row and finalizer are written here and nowhere else. */
export class PassCommit {
  readonly #tools: PassTools;
  readonly #subject: Subject;

  constructor(tools: PassTools, subject: Subject) {
    this.#tools = tools;
    this.#subject = subject;
  }

  /** The one write of the pass: status, events, log entry, inventory row, and the finalizer when the thing is gone. */
  async write(found: PassResult): Promise<PassEnd> {
    const { report, failure } = found;
    const now = this.#tools.clock.now();
    const end = endOf(report?.outcome, failure, found.retry);
    const said = found.acted.flatMap((acted) => acted.event ?? []);
    const records = [...said, ...(failure ? [eventOf(failure)] : []), ...(report?.events ?? [])].flatMap(
      (event) => this.#tools.recorder.event(this.#subject.resource, event, now) ?? [],
    );
    const status = this.#statusOf(report, failure);
    const log = this.#entry(found, end, now, status);
    const inventory = this.#inventoryEffects(report);
    const generation = this.#subject.resource.metadata.generation;
    const gone = report?.outcome.is === 'gone' && !failure;

    let vanished = false;

    const decide = (view: View): Effects => {
      const latest = view.get(refOf(this.#subject.resource));
      const told = { events: records, log: log ? [log] : [] };
      vanished = latest?.metadata.uid !== this.#subject.resource.metadata.uid;
      // A document that is gone has no row, whatever this pass, which began before its end, still saw of the thing.
      if (!latest || vanished) return { ...told, ...this.#noInventory(report) };
      const all = { ...told, ...inventory };
      if (gone) {
        const left = removeIfFinalized(withoutFinalizer(latest));
        return 'remove' in left ? { ...all, remove: [left.remove] } : { ...all, put: [left.put] };
      }
      const next = mergeStatus(latest, status.fields, status.verdicts, generation, now);
      return next === latest.status ? all : { ...all, put: [{ ...latest, status: next }] };
    };
    if (this.#nothingToWrite(decide))
      return { ...end, ...(this.#subject.revision === undefined ? {} : { revision: this.#subject.revision }) };
    this.#rememberInventory(report, false);
    const committed = await this.#commit(decide);
    if (committed instanceof Outdated)
      return { outcome: 'retrying', afterMs: 0, revision: committed.revision, untold: found.acted };
    if (vanished) this.#tools.inventory.delete(this.#subject.resource.metadata.uid);
    else this.#rememberInventory(report, true);
    const revision = revisionOf(committed) ?? this.#subject.revision;
    return revision === undefined ? end : { ...end, revision };
  }

  /**
   * What this pass says of the thing stands on the status that it began with, and claims are part of that. When the
   * stored one is another (a write whose answer was lost, before the informer had it), all of it is void.
   */
  async #commit(decide: (view: View) => Effects): Promise<Committed | Outdated> {
    const { uid } = this.#subject.resource.metadata;
    const decideUpToDate = (view: View): Effects => {
      const latest = view.get(refOf(this.#subject.resource));
      if (latest?.metadata.uid === uid && !sameJson(latest.status ?? {}, this.#subject.resource.status ?? {}))
        throw new Outdated(latest);
      return decide(view);
    };
    try {
      return await this.#tools.store.commit({ decide: decideUpToDate, fence: this.#tools.epoch });
    } catch (error) {
      if (error instanceof Outdated) return error;
      throw error;
    }
  }

  /** Looks before it asks for the lock: a converged world costs the database nothing (I2). */
  #nothingToWrite(decide: (view: View) => Effects): boolean {
    return Object.values(decide(this.#subject.view)).every((list: readonly unknown[]) => list.length === 0);
  }

  #statusOf(
    report: Report | undefined,
    failure: PassError | undefined,
  ): { fields: object; verdicts: ReturnType<typeof withFailure> } {
    const { observedGeneration: _, conditions: __, ...kept } = this.#subject.resource.status ?? {};
    const verdicts = [...(report?.conditions ?? conditionInputsOf(this.#subject.resource.status))];
    return {
      fields: report?.status ?? kept,
      verdicts: failure ? withFailure(verdicts, failure.reason, failure.message) : verdicts,
    };
  }

  #entry(
    found: PassResult,
    end: PassEnd,
    now: Date,
    status: { verdicts: readonly { type: string; status: string; reason: string; message: string }[] },
  ): LogEntry | undefined {
    const ready = status.verdicts.find((v) => v.type === 'Ready');
    const before = this.#subject.resource.status?.conditions?.find((c) => c.type === 'Ready');
    const turned = ready?.status !== before?.status || ready?.reason !== before?.reason;
    const steps = found.acted.map((acted) => acted.record);
    if (steps.length === 0 && !found.failure && !turned && end.outcome !== 'deleted') return undefined;
    const { namespace, name } = refOf(this.#subject.resource);
    const { uid, generation } = this.#subject.resource.metadata;
    return this.#tools.recorder.entry({
      id: crypto.randomUUID(),
      kind: this.#subject.kind,
      namespace,
      name,
      uid,
      generation,
      trigger: this.#subject.trigger,
      difference: found.difference,
      steps,
      outcome: end.outcome,
      ...(ready && end.outcome !== 'deleted' ? { reason: ready.reason, message: ready.message } : {}),
      attempts: 1,
      startedAt: this.#subject.started.toISOString(),
      endedAt: now.toISOString(),
      ...(end.outcome === 'retrying' || end.outcome === 'blocked'
        ? { nextAttemptAt: new Date(now.getTime() + end.afterMs).toISOString() }
        : {}),
    });
  }

  #inventoryEffects(report: Report | undefined): Pick<Effects, 'inventory' | 'inventoryGone'> {
    if (!report) return {};
    const { uid } = this.#subject.resource.metadata;
    const known = this.#tools.inventory.get(uid);
    if (report.inventory)
      return known?.sure && sameJson(known.row, report.inventory) ? {} : { inventory: [report.inventory] };
    return known ? { inventoryGone: [{ table: known.row.table, id: uid }] } : {};
  }

  #noInventory(report: Report | undefined): Pick<Effects, 'inventoryGone'> {
    const { uid } = this.#subject.resource.metadata;
    const table = report?.inventory?.table ?? this.#tools.inventory.get(uid)?.row.table;
    return table ? { inventoryGone: [{ table, id: uid }] } : {};
  }

  /** Before the commit as well as after it: if its answer is lost, the row may be there or not. */
  #rememberInventory(report: Report | undefined, sure: boolean): void {
    if (!report) return;
    const { inventory } = this.#tools;
    const { uid } = this.#subject.resource.metadata;
    const row = report.inventory ?? (sure ? undefined : inventory.get(uid)?.row);
    if (row) inventory.set(uid, { row, sure });
    else inventory.delete(uid);
  }
}

const eventOf = ({ move, reason, message }: PassError) =>
  ({ type: move === 'wait' ? 'Normal' : 'Warning', reason: move === 'wait' ? 'Waiting' : reason, message }) as const;

function endOf(outcome: Outcome | undefined, failure: PassError | undefined, retry: RetryTimes): PassEnd {
  if (failure?.move === 'retry') return { outcome: 'retrying', afterMs: retry.next() };
  if (failure?.move === 'wait') return { outcome: 'waiting', afterMs: WAITING_LOOK_MS };
  if (failure?.move === 'blocked') return { outcome: 'blocked', afterMs: retry.slowest() };
  switch (outcome?.is) {
    case 'progressing':
    case 'waiting':
      return { outcome: outcome.is, afterMs: outcome.afterMs };
    case 'blocked':
      return { outcome: 'blocked', afterMs: retry.slowest() };
    case 'gone':
      return { outcome: 'deleted' };
    default:
      return { outcome: 'reconciled', ...(outcome?.afterMs === undefined ? {} : { afterMs: outcome.afterMs }) };
  }
}
