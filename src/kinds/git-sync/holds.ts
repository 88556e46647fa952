import { keyOf } from '../../api/metadata.ts';
import type { Ref } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import { isGitSync, managerOf, syncOfManager } from './types.ts';
import type { GitSync, Target } from './types.ts';

interface Held {
  /** Of the sync. */
  uid: string;
  /** The commit that its files are of; `undefined` while it is being read. */
  commit: string | undefined;
  keys: ReadonlySet<string>;
}

/** What the files of each sync have, as this leader has read them: what it keeps. */
export class Holds {
  readonly #byManager = new Map<string, Held>();

  put(sync: GitSync, commit: string | undefined, keys: ReadonlySet<string>): void {
    this.#byManager.set(managerOf(sync), { uid: sync.metadata.uid, commit, keys });
  }

  forget(uid: string): void {
    for (const [manager, held] of this.#byManager) if (held.uid === uid) this.#byManager.delete(manager);
  }

  /** Whether its files have it. Of one that was not looked at yet, what it applied is what it keeps. */
  keeps(manager: string, ref: Ref, view: View): boolean {
    const at = syncOfManager(manager);
    const sync = at && view.get({ kind: 'GitSync', ...at });
    if (!sync || sync.metadata.deletionTimestamp !== undefined) return false;
    return this.#byManager.get(manager)?.keys.has(keyOf(ref)) ?? true;
  }

  /** Whether the files of another sync have it. */
  isOfAnother(sync: GitSync, ref: Ref, view: View): boolean {
    const [own, key] = [managerOf(sync), keyOf(ref)];
    return [...this.#byManager].some(
      ([manager, { keys }]) => manager !== own && keys.has(key) && this.keeps(manager, ref, view),
    );
  }

  /** Other syncs of the repository and the ref that have not heard of the commit yet. */
  peersBehind(sync: GitSync, { commit, why }: Target, view: View): string[] {
    if (why !== 'newest') return [];
    const refText = JSON.stringify(sync.spec.ref);
    return view.lookup('GitSync', 'gitUrl', sync.spec.url).flatMap((other) => {
      if (!isGitSync(other) || other.metadata.uid === sync.metadata.uid || other.spec.suspend) return [];
      const isThere = this.#byManager.get(managerOf(other))?.commit === commit;
      return JSON.stringify(other.spec.ref) !== refText || isThere ? [] : [other.metadata.name];
    });
  }
}
