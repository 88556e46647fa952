import { isLoadBalancer } from '../types.ts';
import type { LoadBalancer } from '../types.ts';
import type { View } from '../../../api/kind.ts';
import { sleep } from '../../../base/clock.ts';
import type { Clock } from '../../../base/clock.ts';
import { messageOf } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import type { TrafficSample } from './traffic.ts';
import type { ProxyState, Traffic } from '../../../drivers/proxies.ts';
import type { Term } from '../../../engine/leader.ts';
import { targetKey } from '../proxy-config.ts';
import type { ProxyMonitor } from '../proxy-monitor.ts';

/** Samples older than so many intervals say nothing of now. */
const STALE_INTERVALS = 3;

interface TrafficSeams {
  monitor: Pick<ProxyMonitor, 'said'>;
  intervalMs: number;
  view: View;
  append: (samples: readonly TrafficSample[]) => Promise<void>;
  clock: Clock;
  log: Log;
}

/** Counters of one load balancer, by uid of the target, its own for all of it. */
interface Counted {
  /** When its worker began: its counters count from there. */
  since: number;
  at: number;
  counters: ReadonlyMap<string, Counters>;
}

type Counters = Pick<Traffic, 'requests' | 'failed' | 'errors5xx' | 'latencyMs'>;

/**
 * What goes through every load balancer and to each of its targets, every few seconds, from what their proxies said last.
 * All of it may be lost at any time: the first samples of a term, and of a proxy's worker, have nothing to compare with.
 */
export class TrafficSampler {
  readonly #seams: TrafficSeams;
  readonly #counted = new Map<string, Counted>();
  /** Requests a second, by load balancer and by target. */
  readonly #rates = new Map<string, { at: number; rates: ReadonlyMap<string, number> }>();
  #isAppending = false;

  constructor(seams: TrafficSeams) {
    this.#seams = seams;
  }

  /** Requests a second that an instance gets from all its load balancers together; `undefined`: not known. */
  requestRate(instanceUid: string): number | undefined {
    const oldest = this.#seams.clock.monotonic() - STALE_INTERVALS * this.#seams.intervalMs;
    const known = [...this.#rates.values()].filter(({ rates }) => rates.has(instanceUid));
    // A part of it would pass for less load than there is.
    if (known.length === 0 || known.some(({ at }) => at < oldest)) return undefined;
    return known.reduce((sum, { rates }) => sum + (rates.get(instanceUid) ?? 0), 0);
  }

  /** Until the term ends. */
  async run({ signal }: Term): Promise<void> {
    const { clock, intervalMs } = this.#seams;
    this.#counted.clear();
    this.#rates.clear();
    while (!signal.aborted) {
      this.#append(this.#take());
      await sleep(clock, intervalMs, signal);
    }
  }

  #take(): TrafficSample[] {
    const { monitor, view } = this.#seams;
    // One that cannot be observed at this moment goes on from where it was.
    for (const known of [this.#counted, this.#rates])
      for (const uid of known.keys()) if (!view.byUid(uid)) known.delete(uid);
    return [...monitor.said()].flatMap(({ uid, state, at }) => {
      const lb = view.byUid(uid);
      return lb && isLoadBalancer(lb) ? this.#sample(lb, state, at) : [];
    });
  }

  #sample(lb: LoadBalancer, state: ProxyState, at: number): TrafficSample[] {
    const { uid } = lb.metadata;
    const now: Counted = { since: state.since.getTime(), at, counters: countersOf(lb, state) };
    const before = this.#counted.get(uid);
    this.#counted.set(uid, now);
    // A worker that began anew counts from zero; one that has not been asked again since has nothing new to say.
    if (before?.since !== now.since || at <= before.at) return [];
    const samples = [...now.counters].flatMap(([targetId, counters]) => {
      const sample = rateOf(before.counters.get(targetId), counters, (at - before.at) / 1_000);
      return sample ? [{ loadBalancerId: uid, targetId, at: this.#seams.clock.now(), ...sample }] : [];
    });
    this.#rates.set(uid, { at, rates: new Map(samples.map((s) => [s.targetId, s.requestRate])) });
    return samples;
  }

  /** Not waited for, as samples of instances; those that the database does not take are lost. */
  #append(samples: readonly TrafficSample[]): void {
    if (samples.length === 0 || this.#isAppending) return;
    this.#isAppending = true;
    void this.#seams
      .append(samples)
      .catch((error: unknown) =>
        this.#seams.log.debug({ err: messageOf(error) }, 'samples of load balancers could not be kept'),
      )
      .finally(() => (this.#isAppending = false));
  }
}

/** An instance may be a target of several target groups. */
function countersOf({ metadata, status }: LoadBalancer, { servers, traffic }: ProxyState): Map<string, Counters> {
  const counters = new Map<string, Counters>([[metadata.uid, traffic]]);
  const uids = new Map((status?.targets ?? []).map((target) => [targetKey(target), target.uid]));
  for (const server of servers) {
    const uid = uids.get(`${server.backend}/${server.server}`);
    if (uid === undefined) continue;
    const before = counters.get(uid);
    counters.set(uid, before ? together(before, server.traffic) : server.traffic);
  }
  return counters;
}

function together(a: Counters, b: Counters): Counters {
  const requests = a.requests + b.requests;
  const latencyMs = requests === 0 ? 0 : (a.latencyMs * a.requests + b.latencyMs * b.requests) / requests;
  return { requests, failed: a.failed + b.failed, errors5xx: a.errors5xx + b.errors5xx, latencyMs };
}

/** `undefined`: there is nothing to compare with, or a counter went back. */
function rateOf(
  before: Counters | undefined,
  now: Counters,
  seconds: number,
): Pick<TrafficSample, 'requestRate' | 'failedRate' | 'errorRate' | 'latencyMs'> | undefined {
  const names = ['requests', 'failed', 'errors5xx'] as const;
  if (!before || names.some((name) => now[name] < before[name])) return undefined;
  const perSecond = (name: (typeof names)[number]) => (now[name] - before[name]) / seconds;
  return {
    requestRate: perSecond('requests'),
    failedRate: perSecond('failed'),
    errorRate: perSecond('errors5xx'),
    ...(now.requests > before.requests && { latencyMs: now.latencyMs }),
  };
}
