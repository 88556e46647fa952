import { keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { Trigger } from '../api/records.ts';
import type { View } from '../api/kind.ts';
import { messageOf } from '../base/errors.ts';
import type { Outcome, Pass, Report, Step } from './contract.ts';
import { PassCommit } from './pass-commit.ts';
import type { LateStep, PassEnd, RetryTimes } from './pass-commit.ts';
import type { PassTools } from './pass-context.ts';
import { asPassError, StepRunner } from './steps.ts';
import type { Acted, AnyController } from './steps.ts';
import { PassWrites } from './pass-writes.ts';

/** By then the term has been ended, or the lease is ours again: until then no pass gets anywhere. */
const LEASE_LOST_MS = 500;
/** Milliseconds to the next look at a step that goes on by itself: its progress becomes events. */
const UNDER_WAY_LOOK_MS = 5_000;

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

  /** `untold`: steps of the passes before that none of them has told of. Never rejects. */
  async run(retry: RetryTimes, untold: readonly Acted[] = []): Promise<PassEnd> {
    const acted: Acted[] = [...untold];
    let difference: readonly string[] = [];
    let report: Report | undefined;
    let failure = untold.at(-1)?.error;
    let unfinished: Promise<Acted> | undefined;
    try {
      let observed = await this.#controller.observe(this.#writes.resource, this.#pass);
      let left = this.#controller.plan(this.#writes.resource, observed, this.#started);
      if (left.length > 0 && !failure) {
        difference = [...new Set(left.map((step) => step.why))];
        const runner = new StepRunner(this.#tools, this.#controller, this.#pass);
        const end = await runner.run(left, () => this.#writes.resource);
        acted.push(...end.acted);
        ({ unfinished } = end);
        failure = end.acted.at(-1)?.error;
        observed = await this.#controller.observe(this.#writes.resource, this.#pass);
        left = this.#controller.plan(this.#writes.resource, observed, this.#tools.clock.now());
      }
      report = this.#controller.report(this.#writes.resource, observed, left, this.#tools.clock.now());
      if (!failure) report = { ...report, outcome: outcomeOf(report.outcome, left, acted.at(-1)) };
    } catch (error) {
      failure ??= asPassError(error);
    }
    const rest = unfinished ? { unfinished: this.#atItsEnd(unfinished) } : {};
    if (failure?.reason === 'LeaseLost' || this.#tools.signal.aborted)
      return { outcome: 'retrying', afterMs: LEASE_LOST_MS, ...rest };
    const ending = new PassCommit(this.#tools, {
      kind: this.#controller.kind,
      trigger: this.#trigger,
      view: this.#view,
      started: this.#started,
      resource: this.#writes.resource,
      revision: this.#writes.revision,
    });
    try {
      return { ...(await ending.write({ acted, difference, report, failure, retry })), ...rest };
    } catch (error) {
      const key = keyOf(refOf(this.#writes.resource));
      this.#tools.log.warn({ key, pass: this.#id, err: messageOf(error) }, 'pass could not be ended; trying again');
      return { outcome: 'retrying', afterMs: retry.next(), untold: acted, ...rest };
    }
  }

  /** What the step has written by its end is waited for by the pass that tells of it. */
  async #atItsEnd(unfinished: Promise<Acted>): Promise<LateStep> {
    const acted = await unfinished;
    const { revision } = this.#writes;
    return { acted, ...(revision === undefined ? {} : { revision }) };
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
      transact: (decide) => writes.transact(decide),
      amend: (manager, change) => writes.amend(manager, change),
    };
  }
}

/** Nothing is settled or gone while a step is left, or goes on by itself. */
function outcomeOf(outcome: Outcome, left: readonly Step[], last: Acted | undefined): Outcome {
  const isUnderWay = last?.record.result === 'underWay';
  if (outcome.is === 'reconciled' && left.length > 0 && !isUnderWay) return { is: 'progressing', afterMs: 0 };
  if (!isUnderWay || outcome.is === 'waiting' || outcome.is === 'blocked') return outcome;
  const afterMs = outcome.is === 'progressing' ? Math.max(outcome.afterMs, UNDER_WAY_LOOK_MS) : UNDER_WAY_LOOK_MS;
  return { is: 'progressing', afterMs };
}
