import { watch, type FSWatcher } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../../base/clock.ts';
import { canonicalJson } from '../../base/hash.ts';
import { selectionOf } from './file-filter.ts';
import type { GitSource, Watching } from './git.ts';
import { walk } from './plain-folder.ts';
import { folderPatternOf, type TreeEntry } from './selected-tree.ts';

/** An editor writes a file in several steps: it is looked at once they are over. */
const QUIET_MS = 100;
/** Behind the notices of the kernel, which can be lost, and of which some file systems send none. */
const POLL_MS = 5_000;
/** Watched at once; what is below is seen by the poll. */
const MOST_FOLDERS = 1_000;

/**
 * Calls `onChange` when a selected file has changed, appeared or gone since the last look; the first one is over when
 * it resolves. Every folder is watched by itself: so nothing is watched that is not selected.
 */
export async function watchFolder(
  root: string,
  source: GitSource,
  clock: Clock,
  onChange: () => void,
): Promise<Watching> {
  const pattern = folderPatternOf(source.path);
  const selection = selectionOf(source.filter, pattern.segments.length);
  const watchers = new Map<string, FSWatcher>();
  const stopped = new AbortController();
  let timer: Timer | undefined;
  /** A look that is planned is not put off by another notice: a folder that is written to all the time is looked at too. */
  let [looking, soon, again] = [false, false, false];
  let seen: string | undefined;

  const after = (ms: number) => {
    timer?.cancel();
    if (!stopped.signal.aborted) timer = clock.after(ms, () => void look());
  };
  const notice = () => {
    if (looking) again = true;
    else if (!soon) {
      soon = true;
      after(QUIET_MS);
    }
  };

  const look = async () => {
    [looking, soon, again] = [true, false, false];
    const entries = await walk(root, pattern, selection, stopped.signal).catch(() => [] as TreeEntry[]);
    const state = await stateOf(
      root,
      entries.filter(({ mode, path }) => mode === '040000' || selection.takes(path)),
    );
    looking = false;
    if (stopped.signal.aborted) return;
    follow(['', ...entries.filter(({ mode }) => mode === '040000').map(({ path }) => path)]);
    const changed = seen !== undefined && seen !== state;
    seen = state;
    after(again ? QUIET_MS : POLL_MS);
    soon = again;
    if (changed) onChange();
  };

  /** Watches these folders and no others. */
  const follow = (folders: readonly string[]) => {
    const wanted = new Set(folders.slice(0, MOST_FOLDERS));
    for (const [folder, watcher] of watchers) if (!wanted.has(folder)) unwatch(folder, watcher);
    for (const folder of wanted) {
      if (watchers.has(folder)) continue;
      try {
        const watcher = watch(join(root, folder), { persistent: false }, notice);
        watchers.set(
          folder,
          watcher.on('error', () => unwatch(folder, watcher)),
        );
      } catch {
        // Gone, or the kernel watches no more: the poll sees it.
      }
    }
  };
  const unwatch = (folder: string, watcher: FSWatcher) => {
    watcher.close();
    watchers.delete(folder);
  };

  await look();
  return {
    stop() {
      stopped.abort();
      timer?.cancel();
      for (const [folder, watcher] of watchers) unwatch(folder, watcher);
    },
  };
}

/** What changes when something is saved. */
async function stateOf(root: string, entries: readonly TreeEntry[]): Promise<string> {
  const files = await Promise.all(
    entries.map(async ({ mode, path }) => {
      const found = mode === '040000' ? undefined : await lstat(join(root, path)).catch(() => undefined);
      return [path, found?.mtimeMs ?? 0, found?.size ?? 0, found?.ino ?? 0];
    }),
  );
  return canonicalJson(files);
}
