import type { Ref } from '../../api/metadata.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Objects } from '../../s3/objects.ts';

const EVERY_MS = 5_000;
/** Rows that one query asks about. */
const PART = 1_000;

interface Watched {
  ref: Ref;
  /** Of the row, and of its bytes. */
  id: string;
  /** Of the file, as it was when its bytes were found to be right. */
  version: string;
}

/**
 * The leader's looks at the files of declared objects, without reading them. Passes say what is to be watched; where a file,
 * or the row that it belongs to, is another one, a pass is asked for. All that it knows may be lost: each pass says it again.
 */
export class FileWatch {
  readonly #objects: Objects;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onChange: (ref: Ref, what: string) => void;
  readonly #watched = new Map<string, Watched>();
  #timer: Timer | undefined;
  #isLooking = false;

  constructor(
    { objects, clock, log }: { objects: Objects; clock: Clock; log: Log },
    onChange: (ref: Ref, what: string) => void,
  ) {
    this.#objects = objects;
    this.#clock = clock;
    this.#log = log;
    this.#onChange = onChange;
  }

  watch(uid: string, watched: Watched): void {
    this.#watched.set(uid, watched);
    this.#wake();
  }

  forget(uid: string): void {
    this.#watched.delete(uid);
  }

  /** At the end of a term: the next leader looks. */
  stop(): void {
    this.#watched.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** While nothing is watched, no timer runs. */
  #wake(): void {
    if (this.#timer || this.#isLooking || this.#watched.size === 0) return;
    this.#timer = this.#clock.after(EVERY_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#isLooking = true;
    try {
      const all = [...this.#watched];
      for (let at = 0; at < all.length; at += PART) await this.#lookAt(all.slice(at, at + PART));
    } catch (error) {
      this.#log.warn({ err: messageOf(error) }, 'files of declared objects could not be looked at; looking again');
    } finally {
      this.#isLooking = false;
      this.#wake();
    }
  }

  async #lookAt(part: readonly (readonly [string, Watched])[]): Promise<void> {
    const latest = await this.#objects.rows.latest(part.map(([, { id }]) => id));
    for (const [uid, watched] of part) {
      const change = latest.has(watched.id)
        ? await this.#changeOf(watched)
        : 'another object is under its key, or none';
      // A pass may have said something newer, and a term may have ended.
      if (change === undefined || this.#watched.get(uid) !== watched) continue;
      this.forget(uid);
      this.#onChange(watched.ref, change);
    }
  }

  async #changeOf({ id, version }: Watched): Promise<string | undefined> {
    const look = await this.#objects.bytes.look(id);
    if (!look) return 'its file is gone';
    return look.version === version ? undefined : (look.wrong ?? 'its file has changed');
  }
}
