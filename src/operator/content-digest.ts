import { randomBytes } from 'node:crypto';
import { macWith } from '../base/hash.ts';
import type { Mac } from '../base/hash.ts';
import { keyIdOf } from '../base/keyring.ts';
import type { Keyring } from '../base/keyring.ts';
import type { SettingStore } from '../store/settings.ts';

/** Encrypted: with it, short secrets could be guessed from their digests. */
const SETTING = 'digest-key';
const KEY_BYTES = 32;

/** By this installation's own key, which the first daemon that asks for it makes. */
export async function installationMac(settings: SettingStore, keyring: Keyring): Promise<Mac> {
  const made = keyring.encrypt(randomBytes(KEY_BYTES).toString('base64'), SETTING);
  const stored = await settings.setOnce(SETTING, made);
  // An early build has stored it in the clear.
  if (keyIdOf(stored) === undefined) await settings.set(SETTING, keyring.encrypt(stored, SETTING));
  return macWith(Buffer.from(clearText(stored, keyring), 'base64'));
}

/** The same key, under the present master key. */
export async function reencryptDigestKey(settings: SettingStore, keyring: Keyring): Promise<void> {
  const stored = await settings.get(SETTING);
  if (stored !== undefined) await settings.set(SETTING, keyring.encrypt(clearText(stored, keyring), SETTING));
}

const clearText = (stored: string, keyring: Keyring): string =>
  keyIdOf(stored) === undefined ? stored : keyring.decrypt(stored, SETTING);
