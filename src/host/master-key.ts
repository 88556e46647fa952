import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Config } from '../base/config.ts';
import type { DataFolder } from './data-folder.ts';
import { codeOf, messageOf } from '../base/errors.ts';
import { Keyring, masterKey } from '../base/keyring.ts';
import type { MasterKey } from '../base/keyring.ts';
import { writePrivate } from './private-file.ts';

const HEAD = [
  '# The master key of this installation: what the database keeps of Secrets can be read with it alone.',
  '# Keep a copy where the backups are not. The first line is the present key; those below it read older backups.',
];

/** The configured file, or that of the data folder. */
export const masterKeyFileOf = ({ masterKeyFile }: Pick<Config, 'masterKeyFile'>, folder: DataFolder): string =>
  masterKeyFile === '' ? folder.masterKey : resolve(masterKeyFile);

/**
 * The keys of a file: 32 bytes in base64 a line, the present one first. None when there is no such file. Throws an Error
 * that names file and line, and never what stands there.
 */
export function readMasterKeys(path: string): readonly MasterKey[] {
  const text = contentOf(path);
  return text.split('\n').flatMap((line, index) => {
    const word = line.trim();
    if (word === '' || word.startsWith('#')) return [];
    try {
      if (!/^[A-Za-z0-9+/]+=*$/.test(word)) throw new Error('it is no base64');
      return [masterKey(Buffer.from(word, 'base64'))];
    } catch (error) {
      throw new Error(
        `${path}, line ${index + 1}: no master key: ${messageOf(error)}; one line is what "openssl rand -base64 32" prints`,
      );
    }
  });
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw new Error(`the master key file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** On the disk when it resolves. */
export const writeMasterKeys = (path: string, keys: readonly MasterKey[]): Promise<void> =>
  writePrivate(path, [...HEAD, ...keys.map(({ key }) => key.toString('base64')), ''].join('\n'));

/** What the store is opened with, before it is known which key the database wants. Throws for a file that others can read. */
export async function openKeyring(path: string): Promise<Keyring> {
  const found = await stat(path).catch(() => undefined);
  if (found && (found.mode & 0o077) !== 0)
    throw new Error(`the master key file ${path} can be read by others: run chmod 600 ${path}`);
  return new Keyring(readMasterKeys(path), () => readMasterKeys(path));
}
