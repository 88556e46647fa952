import { authorOf, newCommitOf } from '../api/authors.ts';
import { keyOf, parseKey, PAUSED, refOf, titleOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { Trigger } from '../api/records.ts';
import { sameJson } from '../base/hash.ts';
import type { LateStep, PassEnd } from './pass-commit.ts';
import type { WatchEvent } from './informer.ts';
import { Lane } from './lane.ts';
import type { Attended, UnderWay } from './lane.ts';
import type { ManagerOptions, ManagerDeps } from './options.ts';
import { collect, concerned } from './owners.ts';
import { PassRun } from './pass.ts';
import type { PassTools } from './pass-context.ts';
import type { Acted, AnyController } from './steps.ts';

/** More than any kind needs from one settled state to the next. */
const IMMEDIATE_REQUEUES = 10;
/** A feed that is later than this has gone back in time, with a restored database: the next pass sees for itself. As the slowest retry. */
const FEED_LATE_MS = 30_000;
/** A feed is a few milliseconds late as a rule; one that is later is asked less and less often. */
const FEED_ASKED_MS = { first: 5, most: 250 };
/** Who wants the next look sooner than this is in haste; others wait for something. */
const REQUEUE_SOON_MS = 1_000;

/** Keys that are queued before anything else has its turn: a millisecond. */
const KEYS_AT_ONCE = 1_000;

/** Steps of one key that no pass has told of yet, at most: the last ones. */
const MAX_UNTOLD = 20;

/** The passes of one term: its queues, its workers, and what it remembers of each key while it lasts. */
export class TermRunner {
  readonly passes: Lane;
  readonly garbage: Lane;
  readonly #deps: ManagerDeps;
  readonly #options: ManagerOptions;
  readonly #controllers: ReadonlyMap<string, AnyController>;
  readonly #tools: PassTools;
  readonly #count: (kind: string, outcome: string) => void;
  /** The revision that the last pass of a key wrote, until the informer has it. */
  readonly #written = new Map<string, { revision: number; until: number; askMs: number }>();
  /** Why a key that fails was looked at in the first place. */
  readonly #origin = new Map<string, string>();
  /** Steps that outlasted their pass, or whose pass could not write what it did: the next one tells of them. */
  readonly #untold = new Map<string, { uid: string; acted: readonly Acted[] }>();
  /** Passes in a row after which a key was in haste for another. */
  readonly #requeues = new Map<string, number>();
  #lastPass = 0;

  constructor(
    deps: ManagerDeps,
    options: ManagerOptions,
    controllers: ReadonlyMap<string, AnyController>,
    tools: PassTools,
    count: (kind: string, outcome: string) => void,
    underWay: UnderWay,
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#controllers = controllers;
    this.#tools = tools;
    this.#count = count;
    const use = { clock: deps.clock, log: deps.log, random: options.random };
    this.passes = new Lane({ ...use, underWay, handle: (key, trigger) => this.#pass(key, trigger) });
    this.garbage = new Lane({ ...use, underWay: new Map(), handle: (key) => this.#collect(key) });
  }

  async run(): Promise<void> {
    const { informer } = this.#deps;
    const { signal } = this.#tools;
    const stop = informer.onChange((event) => this.#onChange(event));
    const end = () => {
      stop();
      this.passes.queue.close();
      this.garbage.queue.close();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    this.everything({ type: 'start', detail: `leading since epoch ${this.#tools.epoch}` });
    this.#resyncLater();
    await Promise.all([this.passes.run(this.#options.workers), this.garbage.run(1)]);
  }

  /** A hundred thousand documents in slices: the event loop is others' too. */
  everything(trigger: Trigger): void {
    const all = [...this.#deps.informer.view.all()];
    const add = (from: number): void => {
      for (const resource of all.slice(from, from + KEYS_AT_ONCE)) {
        this.passes.queue.add(keyOf(refOf(resource)), trigger);
        this.#noticeGarbage(resource);
      }
      if (from + KEYS_AT_ONCE < all.length) setImmediate(() => add(from + KEYS_AT_ONCE));
    };
    add(0);
  }

  #resyncLater(): void {
    this.#deps.clock.after(this.#options.resyncMs, () => {
      if (this.#tools.signal.aborted) return;
      this.everything({ type: 'resync', detail: 'periodic look at everything' });
      this.#resyncLater();
    });
  }

  async #pass(key: string, trigger: Trigger): Promise<Attended> {
    const { informer } = this.#deps;
    const ref = parseKey(key);
    const controller = this.#controllers.get(ref.kind);
    const resource = informer.view.get(ref);
    if (this.#stale(key, trigger)) return {};
    if (!controller || !resource || resource.metadata.annotations?.[PAUSED] === 'true') return {};
    // Everything is looked at once more when it may be.
    if (controller.needsEngine && !this.#deps.believable()) return {};
    const { uid } = resource.metadata;
    const id = `${this.#tools.epoch}-${++this.#lastPass}`;
    const end = await new PassRun(this.#tools, controller, resource, informer.view, id, trigger).run(
      { next: () => this.passes.backoff.next(key), slowest: () => this.passes.backoff.slowest() },
      this.#takeUntold(key, uid),
    );
    if (end.untold) this.#keepUntold(key, uid, end.untold);
    this.#count(ref.kind, end.outcome);
    if (!end.unfinished) {
      this.#goOn(key, end, trigger);
      return {};
    }
    this.#remember(key, end.revision);
    return { unfinished: end.unfinished.then((step) => this.#stepEnded(key, uid, step)) };
  }

  /** Its failure counts as one of the pass that tells of it. */
  #stepEnded(key: string, uid: string, { acted, revision }: LateStep): void {
    this.#keepUntold(key, uid, [acted]);
    this.#remember(key, revision);
    const { step, result } = acted.record;
    this.passes.queue.add(key, { type: 'engine', detail: `${step}: ${result}` });
  }

  /** Those of another document by the same name are nobody's any more. */
  #takeUntold(key: string, uid: string): readonly Acted[] {
    const untold = this.#untold.get(key);
    this.#untold.delete(key);
    return untold?.uid === uid ? untold.acted : [];
  }

  #keepUntold(key: string, uid: string, acted: readonly Acted[]): void {
    const all = [...this.#takeUntold(key, uid), ...acted];
    if (all.length > 0) this.#untold.set(key, { uid, acted: all.slice(-MAX_UNTOLD) });
  }

  #remember(key: string, revision: number | undefined): void {
    if (revision === undefined) return;
    const until = this.#deps.clock.monotonic() + FEED_LATE_MS;
    this.#written.set(key, { revision, until, askMs: FEED_ASKED_MS.first });
  }

  /** A pass on a document from before its own last write would plan against the past. */
  #stale(key: string, trigger: Trigger): boolean {
    const written = this.#written.get(key);
    if (written === undefined) return false;
    if (this.#deps.informer.revision >= written.revision || this.#deps.clock.monotonic() > written.until) {
      this.#written.delete(key);
      return false;
    }
    this.passes.queue.addAfter(key, written.askMs, trigger);
    written.askMs = Math.min(2 * written.askMs, FEED_ASKED_MS.most);
    return true;
  }

  #goOn(key: string, end: PassEnd, trigger: Trigger): void {
    this.#remember(key, end.revision);
    if (end.outcome === 'deleted') {
      this.#written.delete(key);
      this.#requeues.delete(key);
      this.#origin.delete(key);
      return this.passes.backoff.reset(key);
    }
    if (end.outcome === 'blocked')
      return this.passes.queue.addAfter(key, end.afterMs, {
        type: 'retry',
        detail: 'looking again at what is blocked',
      });
    if (end.outcome === 'retrying') {
      const origin = this.#origin.get(key) ?? trigger.detail;
      this.#origin.set(key, origin);
      const detail = `retry ${this.passes.backoff.failures(key)} of: ${origin}`;
      return this.passes.queue.addAfter(key, end.afterMs, { type: 'retry', detail });
    }
    if (end.outcome === 'progressing' && end.afterMs < REQUEUE_SOON_MS) return this.#requeueSoon(key, end.afterMs);
    this.passes.backoff.reset(key);
    this.#origin.delete(key);
    this.#requeues.delete(key);
    if (end.afterMs !== undefined)
      this.passes.queue.addAfter(key, end.afterMs, {
        type: 'schedule',
        detail: 'the last pass asked for another look',
      });
  }

  /** Who goes on getting on and arrives nowhere, for one that acts on a picture that does not follow, is slowed down as one that fails. */
  #requeueSoon(key: string, afterMs: number): void {
    const requeues = (this.#requeues.get(key) ?? 0) + 1;
    this.#requeues.set(key, requeues);
    this.#origin.delete(key);
    if (requeues <= IMMEDIATE_REQUEUES) this.passes.backoff.reset(key);
    const ms = requeues <= IMMEDIATE_REQUEUES ? afterMs : Math.max(afterMs, this.passes.backoff.next(key));
    this.passes.queue.addAfter(key, ms, { type: 'schedule', detail: 'the last pass asked for another look' });
  }

  #onChange(event: WatchEvent): void {
    const { object, old, revision, user } = event;
    const ref = refOf(object);
    if (event.type === 'DELETED') this.#forget(keyOf(ref), object);
    else if (!old || concernsItself(object, old))
      this.passes.queue.add(keyOf(ref), { type: 'spec', detail: describe(object, old, user), revision });
    const trigger: Trigger = {
      type: 'dependency',
      detail: `${titleOf(ref)} ${event.type === 'DELETED' ? 'is gone' : 'changed'}`,
      revision,
    };
    const { view } = this.#deps.informer;
    for (const controller of this.#controllers.values()) {
      for (const watch of controller.watches) {
        if (watch.kind !== undefined && watch.kind !== object.kind) continue;
        for (const dependent of watch.enqueue(object, view)) {
          const gatherMs = watch.gatherMs?.(dependent, view) ?? 0;
          if (gatherMs > 0) this.passes.queue.addAfter(keyOf(dependent), gatherMs, trigger);
          else this.passes.queue.add(keyOf(dependent), trigger);
        }
      }
    }
    this.#noticeGarbage(object, old);
  }

  #forget(key: string, { kind, metadata }: Resource): void {
    this.#controllers.get(kind)?.forget?.(metadata.uid);
    for (const memory of [this.#written, this.#requeues, this.#origin, this.#untold]) memory.delete(key);
    this.passes.backoff.reset(key);
  }

  #noticeGarbage(resource: Resource, old?: Resource): void {
    for (const ref of concerned(resource, old, this.#deps.informer.view))
      this.garbage.queue.add(keyOf(ref), { type: 'dependency', detail: 'owners' });
  }

  async #collect(key: string): Promise<Attended> {
    const { store, clock, informer } = this.#deps;
    const decide = collect(parseKey(key), this.#deps.kinds, clock.now());
    const planned = decide(informer.view);
    if ((planned.put ?? []).length + (planned.remove ?? []).length > 0)
      await store.commit({ decide, fence: this.#tools.epoch });
    return {};
  }
}

/** A change of the status alone is a pass's own doing and needs no other. Who owns a field is told in some kinds' status. */
function concernsItself(next: Resource, old: Resource): boolean {
  if (next.metadata.uid !== old.metadata.uid || next.metadata.generation !== old.metadata.generation) return true;
  const relevant = ({ metadata: m }: Resource) => ({
    a: m.annotations,
    d: m.deletionTimestamp,
    f: m.finalizers,
    l: m.labels,
    m: m.managedFields,
    o: m.ownerReferences,
  });
  return !sameJson(relevant(next), relevant(old));
}

/** Who changed what, in the log's words. */
function describe(next: Resource, old: Resource | undefined, user: string | undefined): string {
  const manager = authorOf(next, old);
  const commit = newCommitOf(next, old);
  const who = user !== undefined && manager !== undefined ? `${user} (${manager})` : (user ?? manager);
  const by = who ? ` by ${who}${commit === undefined ? '' : ` of commit ${commit.slice(0, 10)}`}` : '';
  if (!old || old.metadata.uid !== next.metadata.uid) return `created${by}`;
  if (next.metadata.deletionTimestamp !== undefined && old.metadata.deletionTimestamp === undefined)
    return user === undefined ? 'deleted' : `deleted by ${user}`;
  return next.metadata.generation === old.metadata.generation
    ? `metadata changed${by}`
    : `generation ${next.metadata.generation}${by}`;
}
