import type { Compute } from '../../src/drivers/compute.ts';
import type { Store } from '../../src/store/store.ts';

/** The calls of a driver that change the world. Kept beside the tests on purpose: `guarded.ts` is what they judge. */
const MUTATING = /^(create|remove|start|stop|unpause|rename|update|connect|disconnect|ensure|pull)/;

export type Fault = 'stop before' | 'stop after' | 'lose the answer' | 'fail before';

export interface Plan {
  /** At the n-th side effect, counted from 1. */
  at: number;
  fault: Fault;
  /** What is thrown when the fault does not stop the daemon. */
  error?: () => Error;
}

/**
 * The seam through which every side effect of a daemon passes: calls of the Engine that change something, and commits
 * of passes. Counts them, and does to the n-th what the plan says. A stopped daemon's later calls never happen.
 */
export class SideEffects {
  count = 0;
  stopped = false;
  readonly names: string[] = [];
  readonly #plan: Plan | undefined;
  #onStop: () => void = () => undefined;

  constructor(plan?: Plan) {
    this.#plan = plan;
  }

  onStop(listener: () => void): void {
    this.#onStop = listener;
  }

  readonly compute = (compute: Compute): Compute =>
    new Proxy(compute, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        const bound = member.bind(target) as (...args: unknown[]) => unknown;
        if (!MUTATING.test(String(property))) return bound;
        return (...args: unknown[]) => this.#pass(String(property), () => bound(...args) as Promise<unknown>);
      },
    });

  /** Only the writes of passes are the daemon's own; those of people go by. */
  readonly store = (store: Store): Store =>
    new Proxy(store, {
      get: (target, property) => {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        const bound = member.bind(target) as (...args: unknown[]) => unknown;
        if (property !== 'commit') return bound;
        return (request: { fence?: number }) =>
          request.fence === undefined ? bound(request) : this.#pass('commit', () => bound(request) as Promise<unknown>);
      },
    });

  async #pass(name: string, act: () => Promise<unknown>): Promise<unknown> {
    if (this.stopped) return new Promise(() => undefined);
    this.count++;
    this.names.push(name);
    const due = this.#plan?.at === this.count ? this.#plan : undefined;
    if (due?.fault === 'stop before') return this.#stop();
    if (due?.fault === 'fail before') throw due.error?.() ?? new Error('fault');
    const result = await act();
    if (due?.fault === 'stop after') return this.#stop();
    if (due?.fault === 'lose the answer') throw due.error?.() ?? new Error('fault');
    return result;
  }

  /** As a process that died: no answer, and nothing after it. */
  #stop(): Promise<never> {
    this.stopped = true;
    this.#onStop();
    return new Promise(() => undefined);
  }
}
