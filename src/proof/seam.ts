import { absent, valueOf } from '../base/observed.ts';
import type { Change, Compute } from '../drivers/compute.ts';
import { intercepted, MUTATING } from '../drivers/guarded.ts';
import { MUTATING_BYTES } from '../drivers/objects/bytes.ts';
import type { ObjectBytes } from '../drivers/objects/bytes.ts';
import { MUTATING_PROXY } from '../drivers/proxies.ts';
import type { Proxies } from '../drivers/proxies.ts';
import { MUTATING_ROWS } from '../s3/object-rows.ts';
import type { ObjectRows } from '../s3/rows.ts';
import type { CommitRequest, Store } from '../store/store.ts';

/** One thing that a daemon does to the world: a call of the Engine, or of the place of objects, that changes something, or a commit of a pass. */
export interface Effect {
  /** Counted from 1. */
  n: number;
  /** The driver's call, or `commit`. */
  name: string;
  /** Performs it. */
  act: () => Promise<unknown>;
  /** The daemon dies here: no answer, and nothing after it. */
  die: () => Promise<never>;
  /** The daemon's picture of the world and of the documents, as it is now, to be shown to it later. */
  remember: () => Past;
}

/** A moment that a daemon is sent back to (F3, F4). */
interface Past {
  /** From now on the world looks as it did then, and no news of documents arrive. */
  show(): void;
  /** The present again, as a relist and the feed tell it. */
  end(): void;
}

/** What is done to one side effect. Its result is what the daemon gets for an answer. */
export type Fault = (effect: Effect) => Promise<unknown>;

/**
 * The seam through which every side effect of a daemon passes. Counts them, and hands the n-th to a fault. A dead
 * daemon's later calls never happen.
 */
export class SideEffects {
  dead = false;
  /** Begun and not answered: what a daemon that dies now may have to do once more. */
  underway = 0;
  readonly names: string[] = [];
  readonly #view = new TimeMachine();
  readonly #plans = new Map<number, Fault>();

  constructor(plan?: { at: number; fault: Fault }) {
    if (plan) this.plan(plan.at, plan.fault);
  }

  /** The fault happens to the n-th side effect from now. */
  plan(n: number, fault: Fault): void {
    this.#plans.set(this.count + n, fault);
  }

  get count(): number {
    return this.names.length;
  }

  readonly compute = (compute: Compute): Compute =>
    new Proxy(compute, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        const bound = member.bind(target) as (...args: unknown[]) => unknown;
        if (!MUTATING.has(String(property))) return this.#view.looks(target)[String(property)] ?? bound;
        return (...args: unknown[]) => this.#pass(String(property), () => bound(...args) as Promise<unknown>);
      },
    });

  readonly proxies = (proxies: Proxies): Proxies => this.#over(proxies, MUTATING_PROXY);
  readonly bytes = (bytes: ObjectBytes): ObjectBytes => this.#over(bytes, MUTATING_BYTES);
  readonly rows = (rows: ObjectRows): ObjectRows => this.#over(rows, MUTATING_ROWS);

  /** Only the writes of passes are the daemon's own; those of people go by. */
  readonly store = (store: Store): Store =>
    new Proxy(store, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        const bound = member.bind(target) as (...args: unknown[]) => unknown;
        if (property === 'watchResources') return this.#view.feed(target);
        if (property !== 'commit') return bound;
        return (request: CommitRequest) =>
          request.fence === undefined ? bound(request) : this.#pass('commit', () => bound(request) as Promise<unknown>);
      },
    });

  #over<Driver extends object>(driver: Driver, mutating: ReadonlySet<string>): Driver {
    return intercepted(driver, mutating, (name, _args, act) => this.#pass(name, act));
  }

  #pass(name: string, act: () => Promise<unknown>): Promise<unknown> {
    if (this.dead) return never();
    const n = this.names.push(name);
    const fault = this.#plans.get(n);
    this.underway++;
    return (fault ? this.#disturb(fault, { n, name, act }) : act()).finally(() => this.underway--);
  }

  #disturb(fault: Fault, effect: Pick<Effect, 'n' | 'name' | 'act'>): Promise<unknown> {
    return fault({ ...effect, die: () => this.#die(), remember: () => this.#view.remember() });
  }

  #die(): Promise<never> {
    this.dead = true;
    return never();
  }
}

/** Stands between a daemon and what it sees: lets it see the present, or a moment of the past. */
class TimeMachine {
  readonly #listeners = new Set<(change: Change) => void>();
  #compute: Compute | undefined;
  #past: Moment | undefined;
  #present: Promise<void> = Promise.resolve();
  #arrive: () => void = () => undefined;

  looks(compute: Compute): Record<string, unknown> {
    this.#compute = compute;
    return {
      everything: () => this.#past?.everything ?? compute.everything(),
      networks: (uid: string) => (this.#past ? (this.#past.networks.get(uid) ?? absent) : compute.networks(uid)),
      containers: (uid: string) => (this.#past ? (this.#past.containers.get(uid) ?? absent) : compute.containers(uid)),
      subscribe: (listener: (change: Change) => void) => {
        this.#listeners.add(listener);
        return compute.subscribe((change) => this.#past ?? listener(change));
      },
    };
  }

  feed(store: Store): Store['watchResources'] {
    const present = () => this.#present;
    return async function* (from, signal) {
      for await (const changes of store.watchResources(from, signal)) {
        await present();
        yield changes;
      }
    };
  }

  remember(): Past {
    const compute = this.#compute;
    const everything = compute?.everything() ?? absent;
    const uids = new Set((valueOf(everything) ?? []).map((o) => o.owner.uid));
    const each = <T>(look: (uid: string) => T | undefined) =>
      new Map([...uids].flatMap((uid) => (look(uid) === undefined ? [] : [[uid, look(uid) as T] as const])));
    const moment: Moment = {
      everything,
      networks: each((uid) => compute?.networks(uid)),
      containers: each((uid) => compute?.containers(uid)),
    };
    return { show: () => this.#go(moment), end: () => this.#return() };
  }

  #go(moment: Moment): void {
    const isThere = this.#past !== undefined;
    this.#past = moment;
    if (!isThere) this.#present = new Promise((resolve) => (this.#arrive = resolve));
  }

  #return(): void {
    this.#past = undefined;
    this.#arrive();
    for (const listener of this.#listeners) listener({ what: 'changed (found by a relist)' });
  }
}

interface Moment {
  everything: ReturnType<Compute['everything']>;
  networks: ReadonlyMap<string, ReturnType<Compute['networks']>>;
  containers: ReadonlyMap<string, ReturnType<Compute['containers']>>;
}

const never = (): Promise<never> => new Promise(() => undefined);
