import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { codeOf, messageOf } from '../base/errors.ts';

/** The most that a document takes in of a file beside it. */
const MAX_BYTES = 1 << 20;

/**
 * A file in the folder of a manifest, or below it, links followed: a manifest from somewhere else reads nothing of the rest of
 * the machine. `folder` is left out where the manifest is no file here.
 */
export function readBeside(folder: string | undefined, path: string): Buffer {
  if (folder === undefined) throw new Error('the manifest is no file of this machine: give the content itself');
  const file = openSync(placeOf(folder, path), 'r');
  try {
    if (!fstatSync(file).isFile()) throw new Error(`"${path}" is no file`);
    const bytes = Buffer.alloc(MAX_BYTES + 1);
    let size = 0;
    for (let more = 1; more > 0; size += more) more = readSync(file, bytes, size, bytes.length - size, null);
    if (size > MAX_BYTES) throw new Error(`"${path}" has more than ${MAX_BYTES} bytes, the most that fits`);
    return bytes.subarray(0, size);
  } finally {
    closeSync(file);
  }
}

function placeOf(folder: string, path: string): string {
  try {
    const place = realpathSync(join(folder, path));
    if (place.startsWith(`${realpathSync(folder)}${sep}`)) return place;
  } catch (error) {
    throw new Error(codeOf(error) === 'ENOENT' ? `there is no file ${join(folder, path)}` : messageOf(error), {
      cause: error,
    });
  }
  throw new Error(`"${path}" is not in the folder of the manifest, or below it`);
}
