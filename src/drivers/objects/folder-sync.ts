import { syncFolder } from '../../base/sync-folder.ts';

/**
 * fsync of folders. Those who ask while one is under way share the next: it has begun after all of their renames.
 */
export class FolderSync {
  readonly #current = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  sync(folder: string): Promise<void> {
    const waiting = this.#next.get(folder);
    if (waiting) return waiting;
    const current = this.#current.get(folder);
    if (!current) return this.#begin(folder);
    const next = current
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(folder);
        return this.#begin(folder);
      });
    this.#next.set(folder, next);
    return next;
  }

  #begin(folder: string): Promise<void> {
    const sync = syncFolder(folder).finally(() => {
      if (this.#current.get(folder) === sync) this.#current.delete(folder);
    });
    this.#current.set(folder, sync);
    return sync;
  }
}
