import type { Resource } from '../api/metadata.ts';
import type { EventRecord, InventoryRow, StepRecord, Trigger } from '../api/records.ts';
import type { AdmissionSettings, View } from '../api/schema.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, PassError, StatusError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Store } from '../store/store.ts';
import type { Controller, Pass, Report, Step } from './contract.ts';
import { Ending } from './ending.ts';
import type { Failure, PassEnd } from './ending.ts';
import type { Recorder } from './recorder.ts';
import { PassWrites } from './writes.ts';

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

/** By then the reign has been ended, or the lease is ours again: until then no pass gets anywhere. */
const LEASE_LOST_MS = 500;

/** One pass over one document: observe, plan, act, look again, report, and one commit at the end. */
export class PassRun {
  readonly #tools: PassTools;
  readonly #controller: AnyController;
  readonly #id: string;
  readonly #trigger: Trigger;
  readonly #view: View;
  readonly #started: Date;
  readonly #pass: Pass;
  readonly #writes: PassWrites;

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
    this.#writes = new PassWrites(tools, controller.kind, resource);
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
      let observed = await this.#controller.observe(this.#writes.resource, this.#pass);
      let left = this.#controller.plan(this.#writes.resource, observed, this.#started);
      if (left.length > 0) {
        difference = [...new Set(left.map((step) => step.why))];
        failure = await this.#act(left, steps, events);
        observed = await this.#controller.observe(this.#writes.resource, this.#pass);
        left = this.#controller.plan(this.#writes.resource, observed, this.#tools.clock.now());
      }
      report = this.#controller.report(this.#writes.resource, observed, left, this.#tools.clock.now());
      if (!failure && left.length > 0 && report.outcome.is === 'settled')
        report = { ...report, outcome: { is: 'progressing', afterMs: 0 } };
    } catch (error) {
      failure ??= { error: asPassError(error) };
    }
    if (failure?.error.reason === 'LeaseLost' || this.#tools.signal.aborted)
      return { outcome: 'retrying', afterMs: LEASE_LOST_MS };
    return new Ending(this.#tools, {
      kind: this.#controller.kind,
      trigger: this.#trigger,
      view: this.#view,
      started: this.#started,
      resource: this.#writes.resource,
      revision: this.#writes.revision,
    }).write({ steps, events, difference, report, failure, nextRetryMs });
  }

  async #act(
    plan: readonly Step[],
    records: StepRecord[],
    events: Pick<EventRecord, 'type' | 'reason' | 'message'>[],
  ): Promise<Failure | undefined> {
    for (const step of plan) {
      const began = this.#tools.clock.monotonic();
      const words = this.#controller.print(step, this.#writes.resource);
      const record = (result: StepRecord['result'], error?: string): StepRecord => ({
        step: words,
        milliseconds: Math.round(this.#tools.clock.monotonic() - began),
        result,
        ...(error === undefined ? {} : { error }),
      });
      try {
        await this.#controller.act(step, this.#writes.resource, this.#pass);
        records.push(record('done'));
        if (step.event) events.push({ type: 'Normal', reason: step.event, message: words });
      } catch (error) {
        const failed = asPassError(error);
        records.push(record('failed', failed.message));
        this.#tools.log.info(
          {
            key: `${this.#controller.kind}/${this.#writes.resource.metadata.namespace}/${this.#writes.resource.metadata.name}`,
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

  #makePass(): Pass {
    const writes = this.#writes;
    return {
      id: this.#id,
      planning: false,
      trigger: this.#trigger,
      log: this.#tools.log,
      signal: this.#tools.signal,
      view: this.#view,
      now: () => this.#tools.clock.now(),
      claim: (decide) => writes.claim(decide),
      create: (document) => writes.create(document),
      remove: (ref, uid) => writes.remove(ref, uid),
      amend: (manager, change) => writes.amend(manager, change),
    };
  }
}

function asPassError(error: unknown): PassError {
  if (error instanceof PassError) return error;
  if (error instanceof StatusError)
    return new PassError(error.code >= 500 ? 'StoreUnavailable' : 'Refused', error.message, error);
  if (error instanceof Error && error.name === 'FencedError') return new PassError('LeaseLost', error.message, error);
  return new PassError('EngineError', messageOf(error), error);
}
