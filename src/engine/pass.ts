import { refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { EventRecord, InventoryRow, LogEntry, OutcomeName, StepRecord, Trigger } from '../api/records.ts';
import type { AdmissionSettings, View } from '../api/schema.ts';
import { create, kindOfDocument, settled, withoutFinalizer } from '../admission/operations.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, PassError, StatusError } from '../base/errors.ts';
import { sameJson } from '../base/hash.ts';
import type { Log } from '../base/log.ts';
import type { Committed, Effects, Store } from '../store/store.ts';
import type { Controller, Outcome, Pass, Report, Step } from './contract.ts';
import type { Recorder } from './recorder.ts';
import { mergeStatus, verdictsOf, withFailure } from './status.ts';

export type AnyController = Controller<Resource, unknown, Step>;

/** What every pass of a reign shares. */
export interface PassTools {
  store: Store;
  clock: Clock;
  log: Log;
  /** The reign's; every write carries it (I9). */
  epoch: number;
  signal: AbortSignal;
  settings: AdmissionSettings;
  recorder: Recorder;
  /** The rows of the seed's tables as last written, by uid: what is unchanged is not written (I2). */
  inventory: Map<string, KnownRow>;
}

interface KnownRow {
  row: InventoryRow;
  /** False after a write whose answer was lost: the row is written, or removed, once more. */
  sure: boolean;
}

/** How the queue goes on with the key. */
export interface PassEnd {
  outcome: OutcomeName;
  /** Look again by itself after so long; `undefined`: only when something changes, or by back-off for `retrying`. */
  afterMs?: number;
  /** The last revision that the pass wrote: the next pass of this key waits until the informer has it. */
  revision?: number;
}

/** A step that waits, for a pull say, is looked at this often: its progress becomes events. */
const WAIT_MS = 5_000;

/** By then the reign has been ended, or the lease is ours again: until then no pass gets anywhere. */
const LEASE_LOST_MS = 500;

/** By then the informer has what a pass was found not to know. */
const OUTDATED_MS = 100;

/** The status was written by another pass than the one that this pass knows of. */
class Outdated extends Error {}

interface Failure {
  error: PassError;
}

/** One pass over one document: observe, plan, act, look again, report, and one commit at the end. */
export class PassRun {
  readonly #tools: PassTools;
  readonly #controller: AnyController;
  readonly #id: string;
  readonly #trigger: Trigger;
  readonly #view: View;
  readonly #started: Date;
  readonly #pass: Pass;
  #resource: Resource;
  #revision: number | undefined;

  constructor(
    tools: PassTools,
    controller: AnyController,
    resource: Resource,
    view: View,
    id: string,
    trigger: Trigger,
  ) {
    this.#tools = tools;
    this.#controller = controller;
    this.#resource = resource;
    this.#view = view;
    this.#id = id;
    this.#trigger = trigger;
    this.#started = tools.clock.now();
    this.#pass = this.#makePass();
  }

  async run(nextRetryMs: () => number): Promise<PassEnd> {
    const steps: StepRecord[] = [];
    const events: Pick<EventRecord, 'type' | 'reason' | 'message'>[] = [];
    let difference: readonly string[] = [];
    let report: Report | undefined;
    let failure: Failure | undefined;
    try {
      let observed = await this.#controller.observe(this.#resource, this.#pass);
      let left = this.#controller.plan(this.#resource, observed, this.#started);
      if (left.length > 0) {
        difference = [...new Set(left.map((step) => step.why))];
        failure = await this.#act(left, steps, events);
        observed = await this.#controller.observe(this.#resource, this.#pass);
        left = this.#controller.plan(this.#resource, observed, this.#tools.clock.now());
      }
      report = this.#controller.report(this.#resource, observed, left, this.#tools.clock.now());
      if (!failure && left.length > 0 && report.outcome.is === 'settled')
        report = { ...report, outcome: { is: 'progressing', afterMs: 0 } };
    } catch (error) {
      failure ??= { error: asPassError(error) };
    }
    if (failure?.error.reason === 'LeaseLost' || this.#tools.signal.aborted)
      return { outcome: 'retrying', afterMs: LEASE_LOST_MS };
    return this.#finish({ steps, events, difference, report, failure, nextRetryMs });
  }

  async #act(
    plan: readonly Step[],
    records: StepRecord[],
    events: Pick<EventRecord, 'type' | 'reason' | 'message'>[],
  ): Promise<Failure | undefined> {
    for (const step of plan) {
      const began = this.#tools.clock.monotonic();
      const words = this.#controller.print(step, this.#resource);
      const record = (result: StepRecord['result'], error?: string): StepRecord => ({
        step: words,
        milliseconds: Math.round(this.#tools.clock.monotonic() - began),
        result,
        ...(error === undefined ? {} : { error }),
      });
      try {
        await this.#controller.act(step, this.#resource, this.#pass);
        records.push(record('done'));
        if (step.event) events.push({ type: 'Normal', reason: step.event, message: words });
      } catch (error) {
        const failed = asPassError(error);
        records.push(record('failed', failed.message));
        this.#tools.log.info(
          {
            key: `${this.#controller.kind}/${this.#resource.metadata.namespace}/${this.#resource.metadata.name}`,
            pass: this.#id,
            step: words,
            reason: failed.reason,
            err: failed.message,
          },
          'step failed',
        );
        return { error: failed };
      }
    }
    return undefined;
  }

  /** The one write of the pass: status, events, log entry, inventory row, and the finalizer when the thing is gone. */
  async #finish(found: {
    steps: StepRecord[];
    events: Pick<EventRecord, 'type' | 'reason' | 'message'>[];
    difference: readonly string[];
    report: Report | undefined;
    failure: Failure | undefined;
    nextRetryMs: () => number;
  }): Promise<PassEnd> {
    const { report, failure } = found;
    const now = this.#tools.clock.now();
    const end = endOf(report?.outcome, failure, found.nextRetryMs);
    const said = failure ? [...found.events, eventOf(failure.error)] : found.events;
    const records = [...said, ...(report?.events ?? [])].flatMap(
      (event) => this.#tools.recorder.event(this.#resource, event, now) ?? [],
    );
    const status = this.#statusOf(report, failure);
    const log = this.#entry(found, end, now, status);
    const inventory = this.#inventoryEffects(report);
    const generation = this.#resource.metadata.generation;
    const gone = report?.outcome.is === 'gone' && !failure;

    const decide = (view: View): Effects => {
      const latest = view.get(refOf(this.#resource));
      const said_ = { events: records, log: log ? [log] : [] };
      // A document that is gone has no row, whatever this pass, which began before its end, still saw of the thing.
      if (latest?.metadata.uid !== this.#resource.metadata.uid) return { ...said_, ...this.#noInventory(report) };
      const records_ = { ...said_, ...inventory };
      if (gone) {
        const left = settled(withoutFinalizer(latest));
        return 'remove' in left ? { ...records_, remove: [left.remove] } : { ...records_, put: [left.put] };
      }
      const next = mergeStatus(latest, status.fields, status.verdicts, generation, now);
      return next === latest.status ? records_ : { ...records_, put: [{ ...latest, status: next }] };
    };
    if (this.#nothingToWrite(decide))
      return { ...end, ...(this.#revision === undefined ? {} : { revision: this.#revision }) };
    this.#rememberInventory(report, false);
    const committed = await this.#commit(decide);
    if (!committed) return { outcome: 'retrying', afterMs: OUTDATED_MS };
    this.#rememberInventory(report, true);
    const revision = revisionOf(committed) ?? this.#revision;
    return revision === undefined ? end : { ...end, revision };
  }

  /**
   * What this pass says of the thing stands on the status that it began with, and claims are part of that. When the
   * stored one is another (a write whose answer was lost, before the informer had it), all of it is void: `undefined`.
   */
  async #commit(decide: (view: View) => Effects): Promise<Committed | undefined> {
    const { uid } = this.#resource.metadata;
    const decideUpToDate = (view: View): Effects => {
      const latest = view.get(refOf(this.#resource));
      if (latest?.metadata.uid === uid && !sameJson(latest.status ?? {}, this.#resource.status ?? {}))
        throw new Outdated();
      return decide(view);
    };
    try {
      return await this.#tools.store.commit({ decide: decideUpToDate, fence: this.#tools.epoch });
    } catch (error) {
      if (error instanceof Outdated) return undefined;
      throw error;
    }
  }

  /** Looks before it asks for the lock: a converged world costs the database nothing (I2). */
  #nothingToWrite(decide: (view: View) => Effects): boolean {
    return Object.values(decide(this.#view)).every((list: readonly unknown[]) => list.length === 0);
  }

  #statusOf(
    report: Report | undefined,
    failure: Failure | undefined,
  ): { fields: object; verdicts: ReturnType<typeof withFailure> } {
    const { observedGeneration: _, conditions: __, ...kept } = this.#resource.status ?? {};
    const verdicts = [...(report?.conditions ?? verdictsOf(this.#resource.status))];
    return {
      fields: report?.status ?? kept,
      verdicts: failure ? withFailure(verdicts, failure.error.reason, failure.error.message) : verdicts,
    };
  }

  #entry(
    found: {
      steps: StepRecord[];
      difference: readonly string[];
      report: Report | undefined;
      failure: Failure | undefined;
    },
    end: PassEnd,
    now: Date,
    status: { verdicts: readonly { type: string; status: string; reason: string; message: string }[] },
  ): LogEntry | undefined {
    const ready = status.verdicts.find((v) => v.type === 'Ready');
    const before = this.#resource.status?.conditions?.find((c) => c.type === 'Ready');
    const turned = ready?.status !== before?.status || ready?.reason !== before?.reason;
    if (found.steps.length === 0 && !found.failure && !turned && end.outcome !== 'deleted') return undefined;
    const { uid, namespace, name, generation } = this.#resource.metadata;
    return this.#tools.recorder.entry({
      id: crypto.randomUUID(),
      kind: this.#controller.kind,
      namespace,
      name,
      uid,
      generation,
      trigger: this.#trigger,
      difference: found.difference,
      steps: found.steps,
      outcome: end.outcome,
      ...(ready && end.outcome !== 'deleted' ? { reason: ready.reason, message: ready.message } : {}),
      attempts: 1,
      startedAt: this.#started.toISOString(),
      endedAt: now.toISOString(),
      ...(end.outcome === 'retrying' || end.outcome === 'blocked'
        ? { nextAttemptAt: new Date(now.getTime() + (end.afterMs ?? 0)).toISOString() }
        : {}),
    });
  }

  #inventoryEffects(report: Report | undefined): Pick<Effects, 'inventory' | 'inventoryGone'> {
    if (!report) return {};
    const { uid } = this.#resource.metadata;
    const known = this.#tools.inventory.get(uid);
    if (report.inventory)
      return known?.sure && sameJson(known.row, report.inventory) ? {} : { inventory: [report.inventory] };
    return known ? { inventoryGone: [{ table: known.row.table, id: uid }] } : {};
  }

  #noInventory(report: Report | undefined): Pick<Effects, 'inventoryGone'> {
    const { uid } = this.#resource.metadata;
    const table = report?.inventory?.table ?? this.#tools.inventory.get(uid)?.row.table;
    return table ? { inventoryGone: [{ table, id: uid }] } : {};
  }

  /** Before the commit as well as after it: if its answer is lost, the row may be there or not. */
  #rememberInventory(report: Report | undefined, sure: boolean): void {
    if (!report) return;
    const { inventory } = this.#tools;
    const { uid } = this.#resource.metadata;
    const row = report.inventory ?? (sure ? undefined : inventory.get(uid)?.row);
    if (row) inventory.set(uid, { row, sure });
    else inventory.delete(uid);
  }

  #makePass(): Pass {
    const { store, epoch: fence, settings, clock } = this.#tools;
    return {
      id: this.#id,
      planning: false,
      trigger: this.#trigger,
      log: this.#tools.log,
      signal: this.#tools.signal,
      view: this.#view,
      claim: async (decide) => {
        const committed = await store.commit({
          fence,
          decide: (view) => {
            const latest = view.get(refOf(this.#resource));
            if (latest?.metadata.uid !== this.#resource.metadata.uid)
              throw new PassError('DependencyNotReady', 'the object was deleted meanwhile');
            const claimed = { ...latest.status, ...decide(latest, view) };
            this.#resource = latest;
            return sameJson(claimed, latest.status ?? {}) ? {} : { put: [{ ...latest, status: claimed }] };
          },
        });
        this.#resource = committed.resources[0] ?? this.#resource;
        this.#revision = revisionOf(committed) ?? this.#revision;
      },
      create: async (document) => {
        const kind = kindOfDocument(document);
        const context = {
          settings,
          now: clock.now(),
          fieldValidation: 'Strict' as const,
          warnings: [],
          manager: `miniaws-${this.#controller.kind.toLowerCase()}-controller`,
        };
        try {
          await store.commit({ fence, decide: (view) => ({ put: [create(kind, document, view, context)] }) });
        } catch (error) {
          if (!(error instanceof StatusError && error.reason === 'AlreadyExists')) throw error;
        }
      },
    };
  }
}

const eventOf = ({ move, reason, message }: PassError) =>
  ({ type: move === 'wait' ? 'Normal' : 'Warning', reason: move === 'wait' ? 'Waiting' : reason, message }) as const;

/** Of the document that was written; events and log entries have revisions that no informer of documents sees. */
function revisionOf({ resources }: Committed): number | undefined {
  const last = resources.at(-1);
  return last && Number(last.metadata.resourceVersion);
}

function endOf(outcome: Outcome | undefined, failure: Failure | undefined, nextRetryMs: () => number): PassEnd {
  if (failure) {
    if (failure.error.move === 'retry') return { outcome: 'retrying', afterMs: nextRetryMs() };
    return failure.error.move === 'wait' ? { outcome: 'waiting', afterMs: WAIT_MS } : { outcome: 'blocked' };
  }
  switch (outcome?.is) {
    case 'progressing':
      return { outcome: 'progressing', afterMs: outcome.afterMs };
    case 'waiting':
      return { outcome: 'waiting', ...(outcome.afterMs === undefined ? {} : { afterMs: outcome.afterMs }) };
    case 'blocked':
      return { outcome: 'blocked' };
    case 'gone':
      return { outcome: 'deleted' };
    default:
      return { outcome: 'settled', ...(outcome?.afterMs === undefined ? {} : { afterMs: outcome.afterMs }) };
  }
}

function asPassError(error: unknown): PassError {
  if (error instanceof PassError) return error;
  if (error instanceof StatusError)
    return new PassError(error.code >= 500 ? 'StoreUnavailable' : 'Refused', error.message, error);
  if (error instanceof Error && error.name === 'FencedError') return new PassError('LeaseLost', error.message, error);
  return new PassError('EngineError', messageOf(error), error);
}
