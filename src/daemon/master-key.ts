import { MissingKeyError, newMasterKey } from '../base/keyring.ts';
import type { Keyring, MasterKey } from '../base/keyring.ts';
import { readMasterKeys, writeMasterKeys } from '../host/master-key.ts';
import { reencryptDigestKey } from '../operator/content-digest.ts';
import { SETTINGS } from '../store/settings.ts';
import type { Store } from '../store/store.ts';

/** The setting that says under which master key this database encrypts. */
const SETTING = 'master-key';

/**
 * Makes sure that this daemon encrypts under the key that the database says, and makes the first one of all. Throws an
 * Error for a person where the key is missing, or another: nothing was changed then.
 */
export async function agreeOnMasterKey(keyring: Keyring, path: string, store: Store): Promise<void> {
  const recorded = await store.beside(SETTINGS).get(SETTING);
  if (recorded === undefined && keyring.currentId === undefined) {
    const made = newMasterKey();
    await writeMasterKeys(path, [made]);
    keyring.use([made]);
  }
  const agreed = recorded ?? (await store.beside(SETTINGS).setOnce(SETTING, keyring.currentId ?? ''));
  if (!keyring.has(agreed)) throw new Error(missingKey(agreed, path));
  keyring.use(ordered(readMasterKeys(path), agreed));
}

/** Opens the store; a key that it misses is told with the file that should have it. */
export async function withMasterKey<T>(path: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof MissingKeyError) throw new Error(missingKey(error.keyId, path), { cause: error });
    throw error;
  }
}

/** For a person: what is stored can be read with that key alone. */
const missingKey = (id: string, path: string): string =>
  `the database is encrypted under master key ${id}, and ${path} does not hold it: put the file back that had it, from a copy or from another daemon of this database, or name it by --master-key-file. Nothing was changed`;

const ordered = (keys: readonly MasterKey[], first: string): readonly MasterKey[] => [
  ...keys.filter(({ id }) => id === first),
  ...keys.filter(({ id }) => id !== first),
];

/**
 * Goes over to another master key: the one that a person has put first into the file, else a new one. It is on the disk
 * before the first row needs it.
 * @returns its id, and how many rows were encrypted anew.
 */
export async function rotateMasterKey(
  keyring: Keyring,
  path: string,
  store: Store,
): Promise<{ keyId: string; rows: number }> {
  const keys = readMasterKeys(path);
  const next = keys[0] && keys[0].id !== keyring.currentId ? keys : [newMasterKey(), ...keys];
  if (next !== keys) await writeMasterKeys(path, next);
  keyring.use(next);
  const keyId = keyring.currentId ?? '';
  await store.beside(SETTINGS).set(SETTING, keyId);
  await reencryptDigestKey(store.beside(SETTINGS), keyring);
  return { keyId, rows: await store.reencrypt() };
}
