import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
/** Of a key of AES-256, bytes. */
const KEY_BYTES = 32;
/** Of the nonce that GCM wants (NIST SP 800-38D), and of its tag. */
const [NONCE_BYTES, TAG_BYTES] = [12, 16];
/** Marks cipher text, and says how it was made. */
const MARK = 'miniaws.dev/encrypted:v1';

/** A master key, and the name by which cipher text says that it was made under it. */
export interface MasterKey {
  id: string;
  key: Buffer;
}

export const newMasterKey = (): MasterKey => masterKey(randomBytes(KEY_BYTES));

/** The id follows from the key, so that one can be told from another wherever it is kept. Throws for a key of the wrong length. */
export function masterKey(key: Buffer): MasterKey {
  if (key.length !== KEY_BYTES) throw new Error(`a master key has ${KEY_BYTES} bytes, this one has ${key.length}`);
  return { id: createHash('sha256').update('miniaws master key id').update(key).digest('hex').slice(0, 16), key };
}

/** What was encrypted under a key that is not here. */
export class MissingKeyError extends Error {
  override readonly name = 'MissingKeyError';
  readonly keyId: string;

  constructor(keyId: string) {
    super(`what is stored is encrypted under master key ${keyId}, and that key is not here`);
    this.keyId = keyId;
  }
}

/**
 * Encrypts by AES-256-GCM: each text under a data key of its own, which travels with it, encrypted under the master key
 * (envelope encryption). `context` is where the text belongs: cipher text that was moved elsewhere cannot be read.
 */
export class Keyring {
  #keys: ReadonlyMap<string, MasterKey>;
  #current: MasterKey | undefined;
  readonly #reread: () => readonly MasterKey[];

  /** `keys`: the present one first; older ones can still be read. `reread` looks for one that is not among them. */
  constructor(keys: readonly MasterKey[], reread: () => readonly MasterKey[] = () => []) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#current = keys[0];
    this.#reread = reread;
  }

  get currentId(): string | undefined {
    return this.#current?.id;
  }

  /** From now on the first is used; those before stay readable. */
  use(keys: readonly MasterKey[]): void {
    this.#keys = new Map([...this.#keys, ...keys.map((key): [string, MasterKey] => [key.id, key])]);
    this.#current = keys[0] ?? this.#current;
  }

  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  encrypt(text: string, context: string): string {
    if (!this.#current) throw new Error('there is no master key to encrypt with');
    const dataKey = randomBytes(KEY_BYTES);
    const parts = [seal(this.#current.key, dataKey, context), seal(dataKey, Buffer.from(text), context)];
    return [MARK, this.#current.id, ...parts.map((part) => part.toString('base64'))].join(':');
  }

  /** Throws MissingKeyError, and an Error for what is no cipher text or was changed or moved. */
  decrypt(encrypted: string, context: string): string {
    const { id, dataKey, text } = read(encrypted);
    const master = this.#find(id);
    if (!master) throw new MissingKeyError(id);
    return unseal(unseal(master.key, dataKey, context), text, context).toString('utf8');
  }

  #find(id: string): MasterKey | undefined {
    if (!this.#keys.has(id))
      this.#keys = new Map([...this.#reread().map((key) => [key.id, key] as const), ...this.#keys]);
    return this.#keys.get(id);
  }
}

/** Under which key it was made; `undefined` for what is no cipher text. */
export const keyIdOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value.startsWith(`${MARK}:`) ? read(value).id : undefined;

function read(encrypted: string): { id: string; dataKey: Buffer; text: Buffer } {
  const [id, dataKey, text, ...more] = encrypted.startsWith(`${MARK}:`)
    ? encrypted.slice(MARK.length + 1).split(':')
    : [];
  if (id === undefined || dataKey === undefined || text === undefined || more.length > 0)
    throw new Error('what is stored as cipher text is none');
  return { id, dataKey: Buffer.from(dataKey, 'base64'), text: Buffer.from(text, 'base64') };
}

function seal(key: Buffer, plain: Buffer, context: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function unseal(key: Buffer, sealed: Buffer, context: string): Buffer {
  const [nonce, tag] = [sealed.subarray(0, NONCE_BYTES), sealed.subarray(-TAG_BYTES)];
  try {
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new Error(`what is encrypted at ${context} was changed, or moved from elsewhere: it cannot be read`, {
      cause: error,
    });
  }
}
