import { keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { EventRecord, StepRecord } from '../api/records.ts';
import type { Clock } from '../base/clock.ts';
import { endsWithin } from '../base/clock.ts';
import { messageOf, PassError, StatusError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Controller, Pass, Step } from './contract.ts';

export type AnyController = Controller<Resource, unknown, Step>;

/** A controller speaks of its own documents, observations and steps; the engine hands it no others. */
export const anyController = <R extends Resource, O, S extends Step>(controller: Controller<R, O, S>): AnyController =>
  controller as unknown as AnyController;
type NewEvent = Pick<EventRecord, 'type' | 'reason' | 'message'>;

/**
 * Milliseconds that a pass gives to its steps, all together: no pass holds a worker for longer. Most steps take the
 * Engine a quarter of a second.
 */
const ACT_MS = 2_000;

/** A step at its end, or as far as it has come. */
export interface Acted {
  record: StepRecord;
  event?: NewEvent;
  error?: PassError;
}

/** What came of the steps of one pass. */
export interface StepsEnd {
  acted: readonly Acted[];
  /** One that goes on without the pass. Never rejects; the key rests until then. */
  unfinished?: Promise<Acted>;
}

/** Carries out a plan, one step after the other, for as long as a pass may take. */
export class StepRunner {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #controller: AnyController;
  readonly #pass: Pass;

  constructor(use: { clock: Clock; log: Log }, controller: AnyController, pass: Pass) {
    this.#clock = use.clock;
    this.#log = use.log;
    this.#controller = controller;
    this.#pass = pass;
  }

  /** Ends at the first step that fails, or that is not done by now. `resource`: as the pass has it, its claims included. */
  async run(plan: readonly Step[], resource: () => Resource): Promise<StepsEnd> {
    const until = this.#clock.monotonic() + ACT_MS;
    const acted: Acted[] = [];
    for (const step of plan) {
      const leftMs = until - this.#clock.monotonic();
      if (leftMs <= 0) break;
      const began = this.#clock.monotonic();
      const end = this.#act(step, resource(), began);
      if (!(await endsWithin(this.#clock, leftMs, end))) {
        acted.push(this.#leftToItself(step, resource(), began));
        return { acted, unfinished: end };
      }
      const now = await end;
      acted.push(now);
      if (now.record.result !== 'done') break;
    }
    return { acted };
  }

  async #act(step: Step, resource: Resource, began: number): Promise<Acted> {
    const words = this.#controller.print(step, resource);
    const record = (result: StepRecord['result']): StepRecord => ({
      step: words,
      milliseconds: this.#since(began),
      result,
    });
    try {
      const came = await this.#controller.act(step, resource, this.#pass);
      if (came && 'underWay' in came) return { record: record('underWay'), event: waiting(came.underWay) };
      const message = came ? `${words}: ${came.note}` : words;
      return {
        record: record('done'),
        ...(step.event ? { event: { type: step.warns ? 'Warning' : 'Normal', reason: step.event, message } } : {}),
      };
    } catch (thrown) {
      const error = asPassError(thrown);
      this.#log.info(
        {
          key: keyOf(refOf(resource)),
          pass: this.#pass.id,
          step: words,
          reason: error.reason,
          err: error.message,
        },
        'step failed',
      );
      return { record: { ...record('failed'), error: error.message }, error };
    }
  }

  #leftToItself(step: Step, resource: Resource, began: number): Acted {
    const words = this.#controller.print(step, resource);
    return { record: { step: words, milliseconds: this.#since(began), result: 'underWay' } };
  }

  #since(began: number): number {
    return Math.round(this.#clock.monotonic() - began);
  }
}

const waiting = (message: string): NewEvent => ({ type: 'Normal', reason: 'Waiting', message });

export function asPassError(error: unknown): PassError {
  if (error instanceof PassError) return error;
  if (error instanceof StatusError)
    return new PassError(error.code >= 500 ? 'StoreUnavailable' : 'Refused', error.message, error);
  if (error instanceof Error && error.name === 'FencedError') return new PassError('LeaseLost', error.message, error);
  return new PassError('EngineError', messageOf(error), error);
}
