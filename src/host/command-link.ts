import { access, constants, readFile, readlink, realpath, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import type { DataFolder } from './data-folder.ts';
import { writePrivate } from './private-file.ts';

const NAME = 'miniaws';

/** Where people keep commands of their own, and where a machine keeps those that no package brought. */
const places = (): readonly string[] => [join(homedir(), '.local/bin'), '/usr/local/bin'];

/**
 * Puts the command on the PATH, by a link in the first of these folders that is on it and may be written, and records
 * that in the data folder. Nothing that is there already is touched.
 * @returns whether `miniaws` is this program now.
 */
export async function linkCommand(folder: DataFolder, program: string, path: string): Promise<boolean> {
  const onPath = path.split(delimiter);
  for (const place of places().filter((p) => onPath.includes(p))) {
    const link = join(place, NAME);
    if (await leadsTo(link, program)) return true;
    try {
      await access(place, constants.W_OK);
      await writePrivate(folder.commandLink, link);
      await symlink(program, link);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
    }
  }
  return false;
}

/** Takes away the link that this data folder has recorded, where it still leads to this program. @returns what it was. */
export async function unlinkCommand(folder: DataFolder, program: string): Promise<string | undefined> {
  const link = await readFile(folder.commandLink, 'utf8').catch(() => undefined);
  if (link === undefined) return undefined;
  const isOurs = await leadsTo(link, program);
  if (isOurs) await rm(link);
  await rm(folder.commandLink);
  return isOurs ? link : undefined;
}

async function leadsTo(link: string, program: string): Promise<boolean> {
  try {
    const target = await readlink(link);
    return target === program || (await realpath(link)) === (await realpath(program));
  } catch {
    return false;
  }
}
