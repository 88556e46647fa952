import { keyOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { View } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { valueOf } from '../base/observed.ts';
import type { Compute, Owned } from '../drivers/compute.ts';
import { STOP_WAIT_MS } from '../kinds/shared/container-steps.ts';

/** As often as the driver lists everything: what a passed leader still made is gone within one relist. */
const EVERY_MS = 30_000;
/** SIGTERM before SIGKILL: what `stopGracePeriod` is when nobody says otherwise. */
const GRACE_MS = 10_000;
/** Changes of one name, the newest, that are looked through for the end of one uid. */
const CHANGES = 1_000;

export interface SweeperSeams {
  compute: Compute;
  /** Documents that live. */
  view: View;
  /** What became of a document, as far as the history reaches. */
  history: (ref: Ref, limit: number) => Promise<readonly { type: string; object: Resource }[]>;
  clock: Clock;
  log: Log;
}

/**
 * Removes what a call that was on its way when its leader passed has made for a document that the next leader has
 * deleted meanwhile. Only what the history says was deleted: an object whose uid the database does
 * not know stays, so that an empty or restored database deletes nothing.
 */
export class Sweeper {
  readonly #seams: SweeperSeams;
  /** Uids that the database does not know: they are told of elsewhere, and not asked after again. */
  readonly #unknown = new Set<string>();
  readonly #reported = new Set<string>();

  constructor(seams: SweeperSeams) {
    this.#seams = seams;
  }

  /** Until the term ends. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#seams;
    while (!signal.aborted) {
      await this.#sweep().catch((error: unknown) =>
        log.warn({ err: messageOf(error) }, 'what is left of deleted documents could not be looked for; trying again'),
      );
      await sleep(clock, EVERY_MS, signal);
    }
  }

  async #sweep(): Promise<void> {
    const { compute, view } = this.#seams;
    const owned = valueOf(compute.everything()) ?? [];
    const masterless = owned.filter((o) => !view.byUid(o.owner.uid) && !this.#unknown.has(o.owner.uid));
    // Networks last: a container may be on one.
    for (const object of masterless.toSorted((a, b) => a.type.localeCompare(b.type)))
      if (object.type !== 'volume' && (await this.#wasDeleted(object))) await this.#removeOrTell(object);
  }

  async #wasDeleted({ owner }: Owned): Promise<boolean> {
    const history = await this.#seams.history(owner, CHANGES);
    const deleted = history.some((change) => change.type === 'DELETED' && change.object.metadata.uid === owner.uid);
    // One that is known and lives is only not in our view yet.
    if (!history.some((change) => change.object.metadata.uid === owner.uid)) this.#unknown.add(owner.uid);
    return deleted;
  }

  /** One that cannot be removed keeps none behind it, and is told of once. */
  async #removeOrTell(object: Owned): Promise<void> {
    try {
      await this.#remove(object);
    } catch (error) {
      if (this.#reported.has(object.id)) return;
      this.#reported.add(object.id);
      const { type, id, name } = object;
      this.#seams.log.warn(
        { type, id, name, err: messageOf(error) },
        'what is left of a deleted document cannot be removed; trying again',
      );
    }
  }

  async #remove({ type, id, name, owner }: Owned): Promise<void> {
    const { compute, log } = this.#seams;
    if (type === 'network') await compute.removeNetwork(id);
    else {
      // One that takes its time is removed by a later sweep.
      if ((await compute.stopContainer(id, GRACE_MS, STOP_WAIT_MS)) === 'stopping') return;
      await compute.removeContainer(id);
    }
    log.warn({ key: keyOf(owner), type, id, name }, 'removed what was made for a document after it was deleted');
  }
}
