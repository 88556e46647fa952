import { readFile } from 'node:fs/promises';
import { codeOf } from '../base/errors.ts';
import type { DataFolder } from './data-folder.ts';
import { writePrivate } from './private-file.ts';

/**
 * What a daemon of this data folder has worked on last, written before it changes anything. It is what makes an
 * installation this folder's own: `down --purge` removes nothing else.
 */
export interface InstallationRecord {
  installation: string;
  /** As `placeOf` says it. */
  database: string;
  /** `docker` or `simulated`. */
  engine: string;
}

export async function recordInstallation(folder: DataFolder, record: InstallationRecord): Promise<void> {
  const { installation, database, engine } = record;
  await writePrivate(folder.installation, JSON.stringify({ installation, database, engine }));
}

/** Undefined when no daemon ever worked from this folder. */
export async function readInstallation(folder: DataFolder): Promise<InstallationRecord | undefined> {
  try {
    return JSON.parse(await readFile(folder.installation, 'utf8')) as InstallationRecord;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new Error(`${folder.installation} (what this data folder's daemon works on) cannot be read`, {
      cause: error,
    });
  }
}
