import type { Ref } from '../api/metadata.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { sameJson } from '../base/hash.ts';
import { unobservable } from '../base/observed.ts';
import type { Observed } from '../base/observed.ts';
import { messageOf } from '../base/errors.ts';
import type { Proxies, ProxyState } from '../drivers/proxies.ts';

/** Proxies do not tell of changes: they are asked this often, and more often while a target comes or goes. */
const EVERY_MS = 1_000;
const SOON_MS = 100;

interface Watched {
  ref: Ref;
  containerId: string;
  last: Observed<ProxyState>;
  /** Requests that failed, over all workers of the proxy that there have been while it was watched. */
  failed: number;
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
      known = { ref, containerId, last: unobservable('not looked at yet'), failed: 0 };
      this.#watched.set(uid, known);
    }
    await this.#ask(known);
    this.#askLater(uid, known);
    return known.last;
  }

  /** As it was seen last: what moves by itself (sessions, counters) is answered from here. */
  last(uid: string): ProxyState | undefined {
    const seen = this.#watched.get(uid)?.last;
    return seen?.state === 'present' ? seen.value : undefined;
  }

  /** Requests that have failed since it is watched. */
  failed(uid: string): number {
    return this.#watched.get(uid)?.failed ?? 0;
  }

  forget(uid: string): void {
    this.#watched.get(uid)?.timer?.cancel();
    this.#watched.delete(uid);
  }

  /** At the end of a reign: the next leader does the looking. */
  stop(): void {
    for (const uid of this.#watched.keys()) this.forget(uid);
  }

  #askLater(uid: string, watched: Watched): void {
    watched.timer?.cancel();
    watched.timer = this.#clock.after(isMoving(watched.last) ? SOON_MS : EVERY_MS, () => void this.#tick(uid, watched));
  }

  async #tick(uid: string, watched: Watched): Promise<void> {
    const before = thoughts(watched.last);
    await this.#ask(watched);
    if (this.#watched.get(uid) !== watched) return;
    if (!sameJson(before, thoughts(watched.last)))
      this.#onChange(watched.ref, 'what the proxy says of its targets changed');
    this.#askLater(uid, watched);
  }

  async #ask(watched: Watched): Promise<void> {
    const before = watched.last;
    const seen = await this.#proxies
      .state(watched.containerId)

      .catch((error: unknown): Observed<ProxyState> => unobservable(messageOf(error)));
    if (seen.state === 'present') watched.failed += failedSince(before, seen.value);
    watched.last = seen;
  }
}

/** What failed before it was first looked at is not counted; nor what an old worker still has under way. */
function failedSince(before: Observed<ProxyState>, now: ProxyState): number {
  if (before.state !== 'present') return 0;
  const { since, traffic } = before.value;
  const isSameWorker = since.getTime() === now.since.getTime() && now.traffic.failed >= traffic.failed;
  return isSameWorker ? now.traffic.failed - traffic.failed : now.traffic.failed;
}

const isMoving = (seen: Observed<ProxyState>): boolean =>
  seen.state !== 'present' || seen.value.servers.some((s) => s.mode !== 'ready' || s.health !== 'up');

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
