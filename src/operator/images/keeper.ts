import type { View } from '../../api/kind.ts';
import type { EventRecord } from '../../api/records.ts';
import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import { shortImageId } from '../../base/image-reference.ts';
import type { Log } from '../../base/log.ts';
import { formatAge, formatBytes } from '../../base/quantity.ts';
import type { BroughtImage, Compute } from '../../drivers/compute.ts';
import { PROXY_IMAGES } from '../../drivers/proxy-image.ts';
import type { Term } from '../../engine/leader.ts';
import type { Store } from '../../store/store.ts';
import { imageEntries } from './inventory.ts';
import type { ImageEntry } from './inventory.ts';
import { PULLED_IMAGES } from './pulled-images.ts';
import type { PulledImage, PulledImageStore } from './pulled-images.ts';

/** Milliseconds between looks; shorter where images are kept for less than some looks. */
const LOOK_MS = { least: 1_000, most: 600_000 };

/** The column `name` of events. */
const LONGEST_NAME = 255;

export interface ImageKeeperDeps {
  compute: Compute;
  store: Pick<Store, 'beside' | 'commit'>;
  view: View;
  clock: Clock;
  log: Log;
  /** Unused images of ours are kept for so long, milliseconds; 0: for ever. */
  retentionMs: number;
}

/**
 * Remembers which images pulls of ours have brought, and removes those that no container is made of and no document names
 * any more. An image that was there before a pull, or has a reference that no pull of ours made, is somebody else's and
 * stays; so do those of load balancers, which the next one needs.
 */
export class ImageKeeper {
  readonly #deps: ImageKeeperDeps;
  readonly #pulled: PulledImageStore;
  /** Ids of those that the Engine does not let go of: they are told of once. */
  readonly #reported = new Set<string>();

  constructor(deps: ImageKeeperDeps) {
    this.#deps = deps;
    this.#pulled = deps.store.beside(PULLED_IMAGES);
    deps.compute.onPulled((brought) => void this.#remember(brought));
  }

  /** Until the term ends. */
  async run({ signal, epoch }: Term): Promise<void> {
    const { clock, log, retentionMs } = this.#deps;
    const everyMs = retentionMs === 0 ? LOOK_MS.most : Math.min(Math.max(retentionMs / 4, LOOK_MS.least), LOOK_MS.most);
    while (!signal.aborted) {
      await sleep(clock, everyMs, signal);
      if (signal.aborted) return;
      await this.#look(epoch).catch((error: unknown) =>
        log.warn({ err: messageOf(error) }, 'unused images could not be looked for; trying again'),
      );
    }
  }

  /** One that a crash keeps from being remembered counts as somebody else's, and is never removed. */
  async #remember({ id, reference, isNew }: BroughtImage): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      const known = isNew ? undefined : (await this.#pulled.list()).find((row) => row.id === id);
      if (!isNew && !known) return;
      const references = [...new Set([...(known?.references ?? []), reference])];
      await this.#pulled.put({ id, references, pulledAt: clock.now(), unusedSince: null });
    } catch (error) {
      log.warn({ id, reference, err: messageOf(error) }, 'a pulled image could not be remembered; it will be kept');
    }
  }

  async #look(epoch: number): Promise<void> {
    const { compute, view, clock, retentionMs } = this.#deps;
    const [images, pulled] = [await compute.images(), await this.#pulled.list()];
    const there = new Set(images.map(({ id }) => id));
    for (const { id } of pulled) if (!there.has(id)) await this.#pulled.remove(id);
    const now = clock.now();
    for (const entry of imageEntries(images, pulled, view)) {
      const row = pulled.find(({ id }) => id === entry.id);
      if (!isRemovable(entry)) continue;
      const unusedSince = entry.usedBy.length > 0 ? null : (row?.unusedSince ?? now);
      if (unusedSince?.getTime() !== row?.unusedSince?.getTime())
        await this.#pulled.put({ ...(row ?? builtHere(entry, now)), unusedSince });
      if (retentionMs > 0 && unusedSince && now.getTime() - unusedSince.getTime() >= retentionMs)
        await this.#remove(entry, unusedSince, epoch);
    }
  }

  async #remove(entry: ImageEntry, unusedSince: Date, epoch: number): Promise<void> {
    const { compute, clock, log } = this.#deps;
    const { id, sizeBytes } = entry;
    const name = entry.references.join(', ') || shortImageId(id);
    const age = formatAge(clock.now().getTime() - unusedSince.getTime());
    try {
      await compute.releaseImage(id);
    } catch (error) {
      if (this.#reported.has(id)) return;
      this.#reported.add(id);
      log.warn({ id, name, err: messageOf(error) }, 'an unused image cannot be removed; trying again');
      const message = `image ${name} (${shortImageId(id)}) has not been used for ${age} and cannot be removed: ${messageOf(error)}`;
      return this.#tell({ type: 'Warning', reason: 'ImageNotRemoved', message }, name, epoch);
    }
    await this.#pulled.remove(id);
    log.info({ id, name, sizeBytes }, 'removed an image that nothing used');
    const message = `removed image ${name} (${shortImageId(id)}, ${formatBytes(sizeBytes)}), which nothing had used for ${age}`;
    await this.#tell({ type: 'Normal', reason: 'ImageRemoved', message }, name, epoch);
  }

  async #tell(what: Pick<EventRecord, 'type' | 'reason' | 'message'>, name: string, fence: number): Promise<void> {
    const seen = this.#deps.clock.now().toISOString();
    const [id, uid] = [crypto.randomUUID(), crypto.randomUUID()];
    const about = { kind: 'Image', namespace: 'default', name: name.slice(0, LONGEST_NAME), uid };
    const event: EventRecord = { id, ...about, ...what, count: 1, firstSeen: seen, lastSeen: seen };
    await this.#deps.store.commit({ fence, decide: () => ({ events: [event] }) });
  }
}

/** Those of load balancers are needed by the next one; what was built here for a reference is there for it. */
const isRemovable = ({ origin, references }: ImageEntry): boolean =>
  (origin === 'pulled' && !references.some((reference) => PROXY_IMAGES.includes(reference))) ||
  (origin === 'built' && references.length === 0);

/** An image of ours whose reference has moved on to a newer one. */
const builtHere = ({ id }: ImageEntry, now: Date): PulledImage => ({
  id,
  references: [],
  pulledAt: now,
  unusedSince: now,
});
