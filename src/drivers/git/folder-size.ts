import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';

/** Between two looks at a folder that grows: a disk does not write more than some 100 MiB meanwhile. */
const LOOK_MS = 200;

/** Bytes of all files in it. What goes away meanwhile counts as nothing. */
export async function folderSize(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(names.map((name) => lstat(join(folder, name)).catch(() => undefined)));
  return sizes.reduce((sum, found) => sum + (found?.isFile() ? found.size : 0), 0);
}

/** Runs a task whose signal aborts, with `error`, once the folder has grown by more than `bytes`. */
export async function withinGrowth<T>(
  clock: Clock,
  folder: string,
  bytes: number,
  error: Error,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const before = await folderSize(folder);
  const grown = new AbortController();
  const look = async () => {
    if ((await folderSize(folder)) - before > bytes) grown.abort(error);
  };
  let timer = clock.after(LOOK_MS, again);
  function again() {
    void look().then(() => {
      if (!grown.signal.aborted) timer = clock.after(LOOK_MS, again);
    });
  }
  try {
    const result = await task(grown.signal);
    await look();
    grown.signal.throwIfAborted();
    return result;
  } finally {
    timer.cancel();
    grown.abort();
  }
}
