import { isMap, isScalar } from 'yaml';
import type { Document, Pair } from 'yaml';
import type { ParsedPart } from '../../../admission/load.ts';
import { NotDecrypted } from './age.ts';

/** Under which SOPS keeps what it needs to decrypt a document. */
const SOPS = 'sops';

/**
 * What decrypting needs of it. Which values are encrypted is told by their form, and not by the rules that SOPS keeps
 * here: a cipher text opens nowhere but under the keys that it was made for, and the MAC counts what is plain.
 */
export interface SopsMetadata {
  age: readonly { recipient: string; enc: string }[];
  mac: string;
  lastModified: string;
  macOnlyEncrypted: boolean;
}

/** The member of a document that SOPS has written. */
export function sopsPair({ contents }: Document.Parsed): Pair | undefined {
  if (!isMap(contents)) return undefined;
  const pair = contents.items.find(({ key }) => isScalar(key) && key.value === SOPS);
  const sops = pair?.value;
  return isMap(sops) && ['mac', 'age', 'lastmodified'].some((name) => sops.has(name)) ? pair : undefined;
}

export function dropSops(yaml: Document.Parsed): void {
  const pair = sopsPair(yaml);
  if (pair && isMap(yaml.contents)) yaml.contents.items.splice(yaml.contents.items.indexOf(pair as never), 1);
}

/** Throws what a person has to do. */
export function metadataOf({ yaml }: ParsedPart): SopsMetadata {
  const sops = membersOf(yaml);
  const groups = listOf(sops['key_groups']);
  if (groups.length > 1)
    throw new NotDecrypted(
      `its key is split between ${groups.length} groups, which is not read: use one group of keys`,
    );
  const age = listOf(sops['age'] ?? groups[0]?.['age']);
  const others = Object.keys(sops).filter((name) => KEYS_OF_OTHERS.includes(name) && listOf(sops[name]).length > 0);
  if (age.length === 0)
    throw new NotDecrypted(
      `it is encrypted for ${others.join(', ') || 'nobody'}, and for no age recipient: add one (sops updatekeys)`,
    );
  const [mac, lastModified] = [sops['mac'], sops['lastmodified']];
  if (typeof mac !== 'string' || mac === '' || typeof lastModified !== 'string')
    throw new NotDecrypted('it has no MAC (sops.mac, sops.lastmodified): encrypt it anew with sops');
  return {
    age: age.map(({ recipient, enc }) => ({ recipient: String(recipient), enc: String(enc) })),
    mac,
    lastModified,
    macOnlyEncrypted: sops['mac_only_encrypted'] === true,
  };
}

function membersOf(yaml: Document.Parsed): Record<string, unknown> {
  try {
    const { value } = sopsPair(yaml) ?? {};
    return isMap(value) ? (value.toJS(yaml, { maxAliasCount: 0 }) as Record<string, unknown>) : {};
  } catch {
    throw new NotDecrypted('its sops cannot be read: encrypt it anew with sops');
  }
}

const KEYS_OF_OTHERS = ['pgp', 'kms', 'gcp_kms', 'azure_kv', 'hc_vault', 'hckms'];

const listOf = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter((item): item is Record<string, unknown> => Boolean(item)) : [];
