import { randomBytes } from 'node:crypto';
import { digestWith } from '../base/hash.ts';
import type { Digest } from '../base/hash.ts';
import type { SettingStore } from '../store/settings.ts';

const SETTING = 'digest-key';
const KEY_BYTES = 32;

/** By this installation's own key, which the first daemon that asks for it makes. */
export async function contentDigest(settings: SettingStore): Promise<Digest> {
  const key = await settings.setOnce(SETTING, randomBytes(KEY_BYTES).toString('base64'));
  return digestWith(Buffer.from(key, 'base64'));
}
