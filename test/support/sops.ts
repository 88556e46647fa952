import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { armor, Encrypter, identityToRecipient } from 'age-encryption';
import { stringify } from 'yaml';

type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
type Document = { readonly [key: string]: Value };

interface SopsOptions {
  /** Whose recipients it is for. */
  identities: readonly string[];
  /** Which keys' values are encrypted; all when left out. */
  encryptedRegex?: RegExp;
  macOnlyEncrypted?: boolean;
  json?: boolean;
}

/** Encrypts by age, armored. */
export async function ageFile(plain: string | Uint8Array, identities: readonly string[]): Promise<string> {
  const encrypter = new Encrypter();
  for (const identity of identities) encrypter.addRecipient(await identityToRecipient(identity));
  return armor.encode(await encrypter.encrypt(plain));
}

/** The documents as `sops encrypt` writes them, each with the same `sops`. */
export async function sopsFile(documents: readonly Document[], options: SopsOptions): Promise<string> {
  const { identities, encryptedRegex, macOnlyEncrypted = false, json = false } = options;
  const key = randomBytes(32);
  const hash = createHash('sha512');
  if (macOnlyEncrypted) hash.update(createHash('sha256').update('sops').digest());
  const encrypt = (value: Value, keys: readonly string[]): Value => {
    if (value === null) return null;
    if (Array.isArray(value)) return value.map((item: Value) => encrypt(item, keys));
    if (typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, encrypt(each, [...keys, name])]));
    const bytes = bytesOf(value as string | number | boolean);
    const isEncrypted = !encryptedRegex || keys.some((each) => encryptedRegex.test(each));
    if (isEncrypted || !macOnlyEncrypted) hash.update(bytes);
    return isEncrypted && value !== '' ? sealed(bytes, typeOf(value), key, `${keys.join(':')}:`) : value;
  };
  const encrypted = documents.map((document) => encrypt(document, []) as Document);
  const lastmodified = '2026-01-02T03:04:05Z';
  const sops = {
    age: await Promise.all(
      identities.map(async (identity) => ({
        recipient: await identityToRecipient(identity),
        enc: await ageFile(key, [identity]),
      })),
    ),
    lastmodified,
    mac: sealed(hash.digest('hex').toUpperCase(), 'str', key, lastmodified),
    ...(encryptedRegex ? { encrypted_regex: encryptedRegex.source } : {}),
    ...(macOnlyEncrypted ? { mac_only_encrypted: true } : {}),
    version: '3.10.2',
  };
  const texts = encrypted.map((document) =>
    json ? JSON.stringify({ ...document, sops }, undefined, 2) : stringify({ ...document, sops }, { lineWidth: 0 }),
  );
  return texts.join(json ? '\n' : '---\n');
}

/** `ENC[…]`, for the place that `keys` lead to. */
export function sealed(plain: string, type: string, key: Buffer, keys: string): string {
  const iv = randomBytes(32);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(keys));
  const data = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
  const [d, i, t] = [data, iv, cipher.getAuthTag()].map((bytes) => bytes.toString('base64'));
  return `ENC[AES256_GCM,data:${d},iv:${i},tag:${t},type:${type}]`;
}

const bytesOf = (value: string | number | boolean): string =>
  typeof value === 'boolean' ? (value ? 'True' : 'False') : typeof value === 'number' ? plainDigits(value) : value;

/** As Go's FormatFloat(…, 'f', -1, 64) for what the tests use. */
const plainDigits = (value: number): string =>
  String(value).includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : String(value);

const typeOf = (value: Value): string =>
  typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? (Number.isInteger(value) ? 'int' : 'float') : 'str';
