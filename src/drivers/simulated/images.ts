import { sleep, type Clock } from '../../base/clock.ts';
import { sha256 } from '../../base/hash.ts';
import type { BroughtImage, OwnImage } from '../compute.ts';
import { refuse } from './errors.ts';

/** Where an image that is not on the Engine comes from, and what comes of it. */
export interface SimulatedPull {
  afterMs: number;
  fails?: boolean;
}

/** Every image is there unless its reference says that it is missing, or a test says that it must be pulled. */
export class SimulatedImages {
  /** By reference: images that are absent until they are pulled. */
  readonly registry = new Map<string, SimulatedPull>();
  /** Milliseconds of a pull that `registry` does not know of. */
  pullMs = 0;
  readonly #clock: Clock;
  /** Imported ones by id. */
  readonly #imported = new Map<string, OwnImage & { installation: string }>();
  /** References of those that were pulled or built, by id. */
  readonly #there = new Map<string, Set<string>>();
  readonly listeners = new Set<(brought: BroughtImage) => void>();
  /** Ids of those that were removed. */
  readonly #gone = new Set<string>();
  readonly #byReference = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `undefined`: absent. */
  idOf(reference: string): string | undefined {
    if (reference.startsWith('sha256:')) return this.#gone.has(reference) ? undefined : reference;
    const imported = this.#byReference.get(reference);
    if (imported !== undefined) return imported || undefined;
    if (this.registry.has(reference) || reference.includes('missing')) return undefined;
    return `sha256:${sha256(reference)}`;
  }

  async pull(reference: string, tell: (progress: string) => void): Promise<void> {
    const pull = this.registry.get(reference) ?? { afterMs: this.pullMs };
    tell('downloading: 0 of 1 layers');
    await sleep(this.#clock, pull.afterMs);
    if (pull.fails || reference.includes('missing')) throw refuse.pull(reference);
    this.registry.delete(reference);
    const id = this.idOf(reference);
    if (id === undefined) return;
    const isNew = !this.#there.has(id);
    const references = this.#there.get(id) ?? new Set();
    const hadIt = references.has(reference);
    this.#there.set(id, references.add(reference));
    if (!hadIt) for (const tell of this.listeners) tell({ id, reference, isNew });
  }

  /** Those that were pulled, built or imported here; of the others, which are there by their reference alone, none. */
  list(): readonly (OwnImage & { installation?: string })[] {
    const pulled = [...this.#there].map(([id, references]) => ({ id, references: [...references] }));
    return [...pulled, ...this.#imported.values()];
  }

  import(tar: Buffer, reference: string, changes: readonly string[], installation: string): string {
    const id = `sha256:${sha256(Buffer.concat([tar, Buffer.from(JSON.stringify([reference, changes, installation]))]))}`;
    this.#imported.set(id, { id, references: [reference], installation });
    this.#byReference.set(reference, id);
    return id;
  }

  /** As `docker tag` does it. */
  refer(reference: string, id: string): void {
    this.#byReference.set(reference, id);
    this.#there.set(id, (this.#there.get(id) ?? new Set()).add(reference));
  }

  /** As a person's build or pull does it: the reference means another image from now on. */
  retag(reference: string, content: string): string {
    const id = `sha256:${sha256(content)}`;
    for (const references of this.#there.values()) references.delete(reference);
    this.#there.set(id, new Set([reference]));
    this.#byReference.set(reference, id);
    return id;
  }

  imported(id: string): (OwnImage & { installation: string }) | undefined {
    return this.#imported.get(id);
  }

  own(installation: string): readonly OwnImage[] {
    const own = [...this.#imported.values()].filter((image) => image.installation === installation);
    return own.map(({ id, references }) => ({ id, references }));
  }

  /** Its references are absent from now on: an empty id says so. */
  remove(id: string): void {
    for (const reference of [...(this.#imported.get(id)?.references ?? []), ...(this.#there.get(id) ?? [])])
      this.#byReference.set(reference, '');
    this.#imported.delete(id);
    this.#there.delete(id);
    this.#gone.add(id);
  }
}
