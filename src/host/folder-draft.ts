import { readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { runOrThrow } from './command.ts';
import { syncFolder } from '../base/sync-folder.ts';

/** Drafts (`*.tmp`) older than this, in milliseconds, belong to a starter that died. Making one takes seconds. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000;

/** Gives a finished draft folder its name, unless another starter was first: then its folder stands. */
export async function renameOnce(draft: string, folder: string): Promise<void> {
  try {
    await rename(draft, folder);
  } catch (error) {
    if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return;
    throw error;
  }
  await syncFolder(dirname(folder));
}

/** Makes all files below `folder` durable, by syncing its file system once: file by file takes seconds for a thousand. */
export async function syncTree(folder: string): Promise<void> {
  await runOrThrow('sync', ['-f', folder]);
}

/** Removes drafts in `folder` that nobody will finish. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.tmp')) continue;
    const path = join(folder, name);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > ABANDONED_AFTER_MS) await rm(path, { recursive: true, force: true });
  }
}
