import { keyOf } from '../api/metadata.ts';
import type { Ref } from '../api/metadata.ts';
import type { Trigger } from '../api/records.ts';
import type { UnderWay } from './lane.ts';
import type { Term } from './leader.ts';
import type { ManagerOptions, ManagerDeps } from './options.ts';
import type { PassTools } from './pass-context.ts';
import type { AnyController } from './steps.ts';
import { Recorder } from './recorder.ts';
import { TermRunner } from './term-runner.ts';

/** 16 keeps the Engine's four slots of work full and leaves room for passes that only look. */
const DEFAULT_OPTIONS: ManagerOptions = { workers: 16, resyncMs: 300_000, random: Math.random };

export interface PassCount {
  kind: string;
  outcome: string;
  count: number;
}

/**
 * Runs the passes of one term: turns changes of documents and of the world into keys, hands each key to one worker at
 * a time, and brings keys back as their passes ask. Everything it holds can be thrown away at any time: the next term
 * starts from what is stored and what exists (I1, I3).
 */
export class Manager {
  readonly #deps: ManagerDeps;
  readonly #options: ManagerOptions;
  readonly #controllers: ReadonlyMap<string, AnyController>;
  readonly #counts = new Map<string, PassCount>();
  readonly #underWay: UnderWay = new Map();
  #runner: TermRunner | undefined;

  constructor(deps: ManagerDeps, controllers: readonly AnyController[], options: Partial<ManagerOptions> = {}) {
    this.#deps = deps;
    this.#options = { ...DEFAULT_OPTIONS, ...options };
    this.#controllers = new Map(controllers.map((c) => [c.kind, c]));
  }

  controller(kind: string): AnyController | undefined {
    return this.#controllers.get(kind);
  }

  /** Something in the world changed that concerns this document; without a ref, anything may have. */
  notice(ref: Ref | undefined, what: string, type: Trigger['type'] = 'engine'): void {
    const trigger: Trigger = { type, detail: what };
    if (ref) this.#runner?.passes.queue.add(keyOf(ref), trigger);
    else this.#runner?.everything(trigger);
  }

  depth(): number {
    return this.#runner?.passes.queue.depth ?? 0;
  }

  /** Whether nothing is waiting or under way: for tests and for steppers of time. */
  idle(): boolean {
    return this.#runner === undefined || (this.#runner.passes.queue.idle && this.#runner.garbage.queue.idle);
  }

  passes(): readonly PassCount[] {
    return [...this.#counts.values()];
  }

  /** Runs until the term's end. A step that hangs may outlast it: the next term leaves its key alone until then. */
  async run(term: Term): Promise<void> {
    const { store, informer, kinds, clock, log, settings } = this.#deps;
    // What the last leader wrote is in the view before the first pass: else a container could be made again for a
    // document that is gone. Its writes are fenced off by now, so that none can follow.
    await informer.catchUp();
    const rows = await store.inventory();
    const tools: PassTools = {
      store,
      clock,
      log,
      kinds,
      settings,
      epoch: term.epoch,
      signal: term.signal,
      recorder: new Recorder(String(term.epoch)),
      inventory: new Map(rows.map((row) => [row.id, { row, sure: true }])),
    };
    if (term.signal.aborted) return;
    const runner = new TermRunner(
      this.#deps,
      this.#options,
      this.#controllers,
      tools,
      (kind, outcome) => this.#count(kind, outcome),
      this.#underWay,
    );
    this.#runner = runner;
    try {
      await runner.run();
    } finally {
      this.#runner = undefined;
    }
  }

  #count(kind: string, outcome: string): void {
    const known = this.#counts.get(`${kind}/${outcome}`) ?? { kind, outcome, count: 0 };
    this.#counts.set(`${kind}/${outcome}`, { ...known, count: known.count + 1 });
  }
}
