import type { Resource } from '../api/metadata.ts';
import type { Informer } from '../engine/informer.ts';

/** Deletions that are remembered; of older ones it is known only that none is newer than the oldest of these. */
const REMEMBERED = 10_000;

/**
 * A key that sees a part of all namespaces is told revisions of that part alone: how many writes there were elsewhere is
 * none of its business. Such a revision is that of the newest visible object, or deletion.
 */
export class Deletions {
  /** Before it nothing is known: when this daemon began, or the oldest deletion that was forgotten. */
  #floor = 0;
  readonly #gone: Resource[] = [];
  readonly #revisions: number[] = [];

  constructor(informer: Pick<Informer, 'onChange' | 'revision'>) {
    this.#floor = informer.revision;
    informer.onChange(({ type, object, revision }) => {
      if (type !== 'DELETED') return;
      this.#gone.push(object);
      this.#revisions.push(revision);
      if (this.#gone.length <= REMEMBERED) return;
      this.#floor = this.#revisions.shift() ?? this.#floor;
      this.#gone.shift();
    });
  }

  newest(is: (resource: Resource) => boolean): number {
    const at = this.#gone.findLastIndex(is);
    return Math.max(this.#floor, at < 0 ? 0 : (this.#revisions[at] ?? 0));
  }

  get floor(): number {
    return this.#floor;
  }
}
