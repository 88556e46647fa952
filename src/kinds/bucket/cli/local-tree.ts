import { isUtf8 } from 'node:buffer';
import { readdir, stat } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../../cli/failure.ts';
import { compareKeys } from '../../../base/compare-keys.ts';
import { codeOf, messageOf } from '../../../base/errors.ts';
import { isPartFile } from './local-target.ts';

export interface LocalFile {
  /** Relative to the folder that was asked for, with slashes. */
  name: string;
  path: string;
  sizeBytes: number;
  modifiedAt: Date;
}

/** Called for each file or folder that cannot be sent. */
export type OnSkipped = (name: string, why: string) => void;

/**
 * The files in a folder, and in those inside of it, in the order in which S3 lists keys of their names. Symbolic links are followed, as
 * awscli does; one that leads back into a folder that it is in is skipped, and so is what is no file.
 * `mayBeMissing`: a folder that is not there has none.
 */
export async function* filesUnder(
  folder: string,
  onSkipped: OnSkipped,
  mayBeMissing = false,
): AsyncGenerator<LocalFile> {
  const found = await lookAt(folder);
  if (!found && mayBeMissing) return;
  if (!found) throw new Failure(`there is no folder ${folder}`);
  if (!found.isDirectory()) throw new Failure(`${folder} is no folder`);
  yield* within(folder, '', [identityOf(found)], onSkipped);
}

/** `undefined`: nothing is there. */
export async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Failure(`cannot read ${path}: ${messageOf(error)}`);
  }
}

interface Entry {
  name: string;
  stats: Stats;
}

async function* within(
  folder: string,
  prefix: string,
  above: readonly string[],
  onSkipped: OnSkipped,
): AsyncGenerator<LocalFile> {
  for (const { name, stats } of await entriesOf(folder, prefix, onSkipped)) {
    const [path, whole] = [join(folder, name), `${prefix}${name}`];
    if (stats.isDirectory()) {
      if (above.includes(identityOf(stats))) onSkipped(whole, 'it is a symbolic link to a folder that it is in');
      else yield* within(path, `${whole}/`, [...above, identityOf(stats)], onSkipped);
    } else if (stats.isFile()) yield { name: whole, path, sizeBytes: stats.size, modifiedAt: stats.mtime };
    else onSkipped(whole, 'it is a device, a pipe or a socket');
  }
}

async function entriesOf(folder: string, prefix: string, onSkipped: OnSkipped): Promise<Entry[]> {
  const names = await readdir(folder, { encoding: 'buffer' }).catch((error: unknown) => {
    onSkipped(prefix.slice(0, -1), messageOf(error));
    return [];
  });
  const entries: Entry[] = [];
  for (const raw of names) {
    const name = raw.toString('utf8');
    if (isPartFile(name)) continue;
    if (!isUtf8(raw)) onSkipped(`${prefix}${name}`, 'its name is no UTF-8, as the keys of S3 are');
    else
      await stat(join(folder, name)).then(
        (stats) => entries.push({ name, stats }),
        (error: unknown) => onSkipped(`${prefix}${name}`, messageOf(error)),
      );
  }
  return entries.toSorted((a, b) => compareKeys(sortedBy(a), sortedBy(b)));
}

/** The names in a folder sort as their keys, which have a slash after the folder's name: `a-b`, `a/c`, `ab`. */
const sortedBy = ({ name, stats }: Entry): string => (stats.isDirectory() ? `${name}/` : name);

const identityOf = ({ dev, ino }: Stats): string => `${dev}:${ino}`;
