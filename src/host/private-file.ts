import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { syncFolder } from '../base/sync-folder.ts';

/** For the owner alone: whatever is written here may hold a key or a password (I10). */
const PRIVATE_MODE = 0o600;
/** As `writeDraft` names them. */
const DRAFT = /\.[0-9a-f]{12}\.tmp$/;

/**
 * Writes `text` to `path`, readable by the owner alone. When it resolves the bytes are on the disk under that name (I11):
 * a reader, or a start after a power cut, sees the old text or the new one, whole. Throws the file system's error.
 */
export async function writePrivate(path: string, text: string): Promise<void> {
  const draft = await writeDraft(path, text);
  try {
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Writes and syncs `text` under a fresh private name beside `path`, for the caller to rename or link into place. */
export async function writeDraft(path: string, text: string): Promise<string> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(draft, 'wx', PRIVATE_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
}

/** Makes `folder` and its missing parents; the folder itself gets `mode` whatever the umask, if it is made now. */
export async function makeFolder(folder: string, mode: number): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode });
  if (made !== undefined) await chmod(folder, mode);
}

/**
 * Removes the drafts in `folder` that were made before this process was: whoever made them died before they got their
 * name, and they may hold a key. For the holder of the data folder's lock. A folder that is missing has none.
 */
export async function removeDrafts(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  for (const name of names.filter((each) => DRAFT.test(each))) {
    const path = join(folder, name);
    const found = await lstat(path).catch(() => undefined);
    if (found?.isFile() && found.mtimeMs < performance.timeOrigin) await rm(path, { force: true });
  }
}
