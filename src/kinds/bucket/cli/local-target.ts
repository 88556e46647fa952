import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { codeOf } from '../../../base/errors.ts';
import { Failure } from '../../../cli/failure.ts';

/** The temporary file of a download. */
const PART_FILE = /^\.miniaws-[0-9a-f]{32}\.part$/;

export const isPartFile = (name: string): boolean => PART_FILE.test(name);

/** The temporary file of this download, in the same folder as the file. Its name follows from the ETag, so that it is continued only with the same bytes. */
export function partFileOf(path: string, etag: string): string {
  const hash = createHash('sha256')
    .update(`${basename(path)}\0${etag}`)
    .digest('hex')
    .slice(0, 32);
  return join(dirname(path), `.miniaws-${hash}.part`);
}

/** The path of a key below a folder. Throws where the key is no relative path that stays in the folder. */
export function pathIn(folder: string, rest: string): string {
  const bad = rest.split('/').find((name) => name === '' || name === '.' || name === '..');
  if (bad !== undefined || rest.includes('\0'))
    throw new Failure(
      `its key is no path below ${folder}: ${bad === '' ? 'a name in it is empty' : `it has "${bad ?? 'NUL'}" in it`}`,
    );
  return join(folder, rest);
}

/** Makes the folders that the path is in. Throws where a symbolic link among them leads out of `folder`. */
export async function makeFoldersFor(folder: string, path: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await checkInside(folder, path);
  await mkdir(dirname(path), { recursive: true });
}

/** Throws where a symbolic link leads the path out of the folder. */
export async function checkInside(folder: string, path: string): Promise<void> {
  const [root, real] = [await realpath(folder), await nearest(dirname(path))];
  if (real !== root && !real.startsWith(root === sep ? root : `${root}${sep}`))
    throw new Failure(`a symbolic link leads it out of ${folder}, to ${real}`);
}

/** The real path of the folder, or of the nearest one above it that exists. */
async function nearest(folder: string): Promise<string> {
  try {
    return await realpath(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) throw error;
    return nearest(dirname(folder));
  }
}
