import { keyOf, parseKey, PAUSED, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { Trigger } from '../api/records.ts';
import type { KindDefinition } from '../api/schema.ts';
import { endsWithin } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { sameJson } from '../base/hash.ts';
import { Backoff } from './backoff.ts';
import type { LateStep, PassEnd } from './ending.ts';
import type { Noticed } from './informer.ts';
import type { ManagerOptions, ManagerSeams } from './manager.ts';
import { collect, concerned } from './owners.ts';
import { PassRun } from './pass.ts';
import type { PassTools } from './pass.ts';
import { WorkQueue } from './queue.ts';
import type { Acted, AnyController } from './steps.ts';

/** More than any kind needs from one settled state to the next. */
const FREE_STRIDES = 10;
/** A feed that is later than this has gone back in time, with a restored database: the next pass sees for itself. As the slowest retry. */
const FEED_LATE_MS = 30_000;
/** A feed is a few milliseconds late as a rule; one that is later is asked less and less often. */
const FEED_ASKED_MS = { first: 5, most: 250 };
/** Who wants the next look sooner than this is in haste; others wait for something. */
const HASTE_MS = 1_000;

/** Milliseconds after which a worker leaves a pass to itself: its steps have their time, and its reads as much again. */
const WORKER_MS = 2_500;

/** Keys that are queued before anything else has its turn: a millisecond. */
const KEYS_AT_ONCE = 1_000;

/** What becomes of a key that was handed out. */
interface Attended {
  unfinished?: Promise<void>;
}

type Handle = (key: string, trigger: Trigger) => Promise<Attended>;

/** The passes of one term: its queues, its workers, and what it remembers of each key while it lasts. */
export class Reign {
  readonly queue: WorkQueue;
  readonly garbage: WorkQueue;
  readonly #seams: ManagerSeams;
  readonly #options: ManagerOptions;
  readonly #controllers: ReadonlyMap<string, AnyController>;
  readonly #kinds: ReadonlyMap<string, KindDefinition>;
  readonly #tools: PassTools;
  readonly #backoff: Backoff;
  readonly #count: (kind: string, outcome: string) => void;
  /** The revision that the last pass of a key wrote, until the informer has it. */
  readonly #written = new Map<string, { revision: number; until: number; askMs: number }>();
  /** Why a key that fails was looked at in the first place. */
  readonly #origin = new Map<string, string>();
  /** A step that outlasted its pass: the next one tells of it. */
  readonly #late = new Map<string, Acted>();
  /** Passes in a row after which a key was in haste for another. */
  readonly #strides = new Map<string, number>();
  #passes = 0;

  constructor(
    seams: ManagerSeams,
    options: ManagerOptions,
    controllers: ReadonlyMap<string, AnyController>,
    kinds: ReadonlyMap<string, KindDefinition>,
    tools: PassTools,
    count: (kind: string, outcome: string) => void,
  ) {
    this.#seams = seams;
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    this.#controllers = controllers;
    this.#kinds = kinds;
    this.#tools = tools;
    this.#count = count;
    this.queue = new WorkQueue(seams.clock);
    this.garbage = new WorkQueue(seams.clock);
  }

  async run(): Promise<void> {
    const { informer } = this.#seams;
    const { signal } = this.#tools;
    const stop = informer.onChange((noticed) => this.#onChange(noticed));
    const end = () => {
      stop();
      this.queue.close();
      this.garbage.close();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    this.everything({ type: 'start', detail: `leading since epoch ${this.#tools.epoch}` });
    for (const resource of informer.view.all()) this.#noticeGarbage(resource);
    this.#resyncLater();
    const workers = Array.from({ length: this.#options.workers }, () =>
      this.#work(this.queue, (key, trigger) => this.#pass(key, trigger)),
    );
    await Promise.all([...workers, this.#work(this.garbage, (key) => this.#collect(key))]);
  }

  /** A hundred thousand keys in slices: the event loop is others' too. */
  everything(trigger: Trigger): void {
    const keys = [...this.#seams.informer.view.all()].map((resource) => keyOf(refOf(resource)));
    const add = (from: number): void => {
      for (const key of keys.slice(from, from + KEYS_AT_ONCE)) this.queue.add(key, trigger);
      if (from + KEYS_AT_ONCE < keys.length) setImmediate(() => add(from + KEYS_AT_ONCE));
    };
    add(0);
  }

  #resyncLater(): void {
    this.#seams.clock.after(this.#options.resyncMs, () => {
      if (this.#tools.signal.aborted) return;
      this.everything({ type: 'resync', detail: 'periodic look at everything' });
      this.#resyncLater();
    });
  }

  /** One that takes longer than its time goes on, and the worker takes the next key: none can hold them all up. */
  async #work(queue: WorkQueue, handle: Handle): Promise<void> {
    for (let next = await queue.take(); next; next = await queue.take())
      await endsWithin(this.#seams.clock, WORKER_MS, this.#attend(queue, next, handle));
  }

  /** The key is nobody else's until everything that was begun for it has come to its end (I9). Never rejects. */
  async #attend(queue: WorkQueue, { key, trigger }: { key: string; trigger: Trigger }, handle: Handle): Promise<void> {
    let unfinished: Promise<unknown> | undefined;
    try {
      ({ unfinished } = await handle(key, trigger));
    } catch (error) {
      this.#seams.log.warn({ key, err: messageOf(error) }, 'pass could not be ended; trying again');
      queue.addAfter(key, this.#backoff.next(key), {
        type: 'retry',
        detail: `the pass could not be ended: ${messageOf(error)}`,
      });
    }
    if (unfinished) void unfinished.then(() => queue.done(key));
    else queue.done(key);
  }

  async #pass(key: string, trigger: Trigger): Promise<Attended> {
    const { informer } = this.#seams;
    const ref = parseKey(key);
    const controller = this.#controllers.get(ref.kind);
    const resource = informer.view.get(ref);
    if (this.#stale(key, trigger)) return {};
    const late = this.#late.get(key);
    this.#late.delete(key);
    if (!controller || !resource || resource.metadata.annotations?.[PAUSED] === 'true') return {};
    const id = `${this.#tools.epoch}-${++this.#passes}`;
    const end = await new PassRun(this.#tools, controller, resource, informer.view, id, trigger).run(
      { next: () => this.#backoff.next(key), slowest: () => this.#backoff.slowest() },
      late,
    );
    this.#count(ref.kind, end.outcome);
    if (!end.unfinished) {
      this.#goOn(key, end, trigger);
      return {};
    }
    this.#remember(key, end.revision);
    return { unfinished: end.unfinished.then((step) => this.#stepEnded(key, step)) };
  }

  /** Its failure counts as one of the pass that tells of it. */
  #stepEnded(key: string, { acted, revision }: LateStep): void {
    this.#late.set(key, acted);
    this.#remember(key, revision);
    const { step, result } = acted.record;
    this.queue.add(key, { type: 'engine', detail: `${step}: ${result}` });
  }

  #remember(key: string, revision: number | undefined): void {
    if (revision === undefined) return;
    const until = this.#seams.clock.monotonic() + FEED_LATE_MS;
    this.#written.set(key, { revision, until, askMs: FEED_ASKED_MS.first });
  }

  /** A pass on a document from before its own last write would plan against the past. */
  #stale(key: string, trigger: Trigger): boolean {
    const written = this.#written.get(key);
    if (written === undefined) return false;
    if (this.#seams.informer.revision >= written.revision || this.#seams.clock.monotonic() > written.until) {
      this.#written.delete(key);
      return false;
    }
    this.queue.addAfter(key, written.askMs, trigger);
    written.askMs = Math.min(2 * written.askMs, FEED_ASKED_MS.most);
    return true;
  }

  #goOn(key: string, end: PassEnd, trigger: Trigger): void {
    this.#remember(key, end.revision);
    if (end.outcome === 'deleted') {
      this.#written.delete(key);
      this.#strides.delete(key);
      this.#origin.delete(key);
      return this.#backoff.reset(key);
    }
    if (end.outcome === 'blocked')
      return this.queue.addAfter(key, end.afterMs, {
        type: 'retry',
        detail: 'looking again at what is blocked',
      });
    if (end.outcome === 'retrying') {
      const origin = this.#origin.get(key) ?? trigger.detail;
      this.#origin.set(key, origin);
      const detail = `retry ${this.#backoff.failures(key)} of: ${origin}`;
      return this.queue.addAfter(key, end.afterMs, { type: 'retry', detail });
    }
    if (end.outcome === 'progressing' && end.afterMs < HASTE_MS) return this.#stride(key, end.afterMs);
    this.#backoff.reset(key);
    this.#origin.delete(key);
    this.#strides.delete(key);
    if (end.afterMs !== undefined)
      this.queue.addAfter(key, end.afterMs, { type: 'schedule', detail: 'the last pass asked for another look' });
  }

  /** Who goes on getting on and arrives nowhere, for one that acts on a picture that does not follow, is slowed down as one that fails. */
  #stride(key: string, afterMs: number): void {
    const strides = (this.#strides.get(key) ?? 0) + 1;
    this.#strides.set(key, strides);
    this.#origin.delete(key);
    if (strides <= FREE_STRIDES) this.#backoff.reset(key);
    const ms = strides <= FREE_STRIDES ? afterMs : Math.max(afterMs, this.#backoff.next(key));
    this.queue.addAfter(key, ms, { type: 'schedule', detail: 'the last pass asked for another look' });
  }

  #onChange(noticed: Noticed): void {
    const { object, old, revision } = noticed;
    const ref = refOf(object);
    if (noticed.type === 'DELETED') this.#forget(keyOf(ref), object);
    else if (!old || concernsItself(object, old))
      this.queue.add(keyOf(ref), { type: 'spec', detail: describe(object, old), revision });
    const trigger: Trigger = {
      type: 'dependency',
      detail: `${object.kind} ${ref.namespace}/${ref.name} ${noticed.type === 'DELETED' ? 'is gone' : 'changed'}`,
      revision,
    };
    for (const controller of this.#controllers.values()) {
      for (const watch of controller.watches) {
        if (watch.kind !== object.kind) continue;
        for (const dependent of watch.enqueue(object, this.#seams.informer.view))
          this.queue.add(keyOf(dependent), trigger);
      }
    }
    this.#noticeGarbage(object, old);
  }

  #forget(key: string, { kind, metadata }: Resource): void {
    this.#controllers.get(kind)?.forget?.(metadata.uid);
    for (const memory of [this.#written, this.#strides, this.#origin, this.#late]) memory.delete(key);
    this.#backoff.reset(key);
  }

  #noticeGarbage(resource: Resource, old?: Resource): void {
    for (const ref of concerned(resource, old, this.#seams.informer.view, this.#kinds.keys()))
      this.garbage.add(keyOf(ref), { type: 'dependency', detail: 'owners' });
  }

  async #collect(key: string): Promise<Attended> {
    const { store, clock, informer } = this.#seams;
    const decide = collect(parseKey(key), this.#kinds, clock.now());
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
function describe(next: Resource, old: Resource | undefined): string {
  const before = new Map(
    (old?.metadata.managedFields ?? []).map((e) => [`${e.manager}/${e.operation}/${e.subresource ?? ''}`, e]),
  );
  const author = (next.metadata.managedFields ?? []).find(
    (e) => !sameJson(before.get(`${e.manager}/${e.operation}/${e.subresource ?? ''}`), e),
  )?.manager;
  const by = author ? ` by ${author}` : '';
  if (!old || old.metadata.uid !== next.metadata.uid) return `created${by}`;
  if (next.metadata.deletionTimestamp !== undefined && old.metadata.deletionTimestamp === undefined) return 'deleted';
  return next.metadata.generation === old.metadata.generation
    ? `metadata changed${by}`
    : `generation ${next.metadata.generation}${by}`;
}
