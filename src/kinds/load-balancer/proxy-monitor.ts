import type { Ref } from '../../api/metadata.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { sameJson } from '../../base/hash.ts';
import { unobservable } from '../../base/observed.ts';
import type { Observed } from '../../base/observed.ts';
import { messageOf } from '../../base/errors.ts';
import type { Proxies, ProxyState } from '../../drivers/proxies.ts';

/** Proxies do not tell of changes: they are asked this often, and more often while a target comes or goes. */
const EVERY_MS = 1_000;
const SOON_MS = 100;
/** Milliseconds for which a change is likely to be followed by another. */
const MOVING_MS = 10_000;

interface Watched {
  ref: Ref;
  containerId: string;
  last: Observed<ProxyState>;
  /** When `last` was said, by the monotonic clock. */
  saidAt: number;
  /** When what the proxy says of its targets changed last, by the monotonic clock. */
  movedAt: number;
  timer?: Timer;
}

/**
 * The leader's eye on the proxies of load balancers. Passes say which to watch; a change of what a proxy thinks of its
 * targets asks for a pass. Counts what failed over reloads, each of which begins a worker's counters anew.
 */
export class ProxyMonitor {
  readonly #proxies: Proxies;
  readonly #clock: Clock;
  readonly #onChange: (ref: Ref, what: string) => void;
  readonly #watched = new Map<string, Watched>();
  /** Requests that failed, over all containers and workers of a load balancer that there have been. */
  readonly #failed = new Map<string, number>();

  constructor(proxies: Proxies, clock: Clock, onChange: (ref: Ref, what: string) => void) {
    this.#proxies = proxies;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** Looks now, and goes on looking. */
  async look(uid: string, ref: Ref, containerId: string): Promise<Observed<ProxyState>> {
    let known = this.#watched.get(uid);
    if (known?.containerId !== containerId) {
      this.forget(uid);
      const now = this.#clock.monotonic();
      known = { ref, containerId, last: unobservable('not looked at yet'), saidAt: now, movedAt: now };
      this.#watched.set(uid, known);
    }
    await this.#ask(uid, known);
    this.#askLater(uid, known);
    return known.last;
  }

  /** Requests that have failed since it is watched. */
  failed(uid: string): number {
    return this.#failed.get(uid) ?? 0;
  }

  /** What the proxies that are watched said last, by the load balancer's uid. */
  *said(): Iterable<{ uid: string; state: ProxyState; at: number }> {
    for (const [uid, { last, saidAt }] of this.#watched)
      if (last.state === 'present') yield { uid, state: last.value, at: saidAt };
  }

  forget(uid: string): void {
    this.#watched.get(uid)?.timer?.cancel();
    this.#watched.delete(uid);
  }

  /** The load balancer itself is gone. */
  drop(uid: string): void {
    this.forget(uid);
    this.#failed.delete(uid);
  }

  /** At the end of a term: the next leader does the looking. */
  stop(): void {
    for (const uid of this.#watched.keys()) this.forget(uid);
  }

  #askLater(uid: string, watched: Watched): void {
    watched.timer?.cancel();
    const isMoving = this.#clock.monotonic() - watched.movedAt < MOVING_MS;
    watched.timer = this.#clock.after(isMoving ? SOON_MS : EVERY_MS, () => void this.#tick(uid, watched));
  }

  async #tick(uid: string, watched: Watched): Promise<void> {
    const before = thoughts(watched.last);
    await this.#ask(uid, watched);
    if (this.#watched.get(uid) !== watched) return;
    if (!sameJson(before, thoughts(watched.last)))
      this.#onChange(watched.ref, 'what the proxy says of its targets changed');
    this.#askLater(uid, watched);
  }

  /** A pass and the timer may ask at one time: what is counted is what came since the last answer, whoever got it. */
  async #ask(uid: string, watched: Watched): Promise<void> {
    const seen = await this.#proxies
      .state(watched.containerId)
      .catch((error: unknown): Observed<ProxyState> => unobservable(messageOf(error)));
    const before = watched.last;
    if (before.state === 'present' && seen.state === 'present')
      this.#failed.set(uid, this.failed(uid) + failedSince(before.value, seen.value));
    if (!sameJson(thoughts(before), thoughts(seen))) watched.movedAt = this.#clock.monotonic();
    watched.last = seen;
    watched.saidAt = this.#clock.monotonic();
  }
}

/** What failed before it was first looked at is not counted; nor what an old worker still has under way. */
function failedSince(before: ProxyState, { since, traffic }: ProxyState): number {
  const isSameWorker = since.getTime() === before.since.getTime() && traffic.failed >= before.traffic.failed;
  return isSameWorker ? traffic.failed - before.traffic.failed : traffic.failed;
}

/** What a pass would act on, or report: not what moves by itself. */
const thoughts = (seen: Observed<ProxyState>): unknown =>
  seen.state === 'present'
    ? {
        structure: seen.value.structure,
        file: seen.value.file,
        servers: seen.value.servers.map(({ backend, server, address, port, mode, health, sessions }) => ({
          backend,
          server,
          address,
          port,
          mode,
          health,
          isLeft: mode === 'ready' || sessions === 0,
        })),
      }
    : { state: seen.state };
