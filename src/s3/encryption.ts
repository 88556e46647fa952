import { createCipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Mac } from '../base/hash.ts';

/** How the bytes of an object rest. The keys themselves are stored nowhere. */
export interface ObjectEncryption {
  /** By this installation's own key; by a key of the bucket's namespace; by a key that the client has. */
  algorithm: 'AES256' | 'aws:kms' | 'SSE-C';
  /** Of aws:kms: the key, as the client has named it; left out: this installation's own. */
  keyId?: string;
  /** Whose key that is. */
  namespace?: string;
  /** Of the client's key: what S3 tells it by, in base64; and what it is known again by. */
  customer?: { md5: string; salt: string; check: string };
}

/** A key of a client, of 256 bits. */
export interface CustomerKey {
  key: Buffer;
  md5: string;
}

/** The key that was given is not that of the object, or there is none. `missing`: one is needed, and none was given. */
export class EncryptionKeyError extends Error {
  override readonly name = 'EncryptionKeyError';
  readonly why: 'missing' | 'wrong' | 'needless' | 'unknown';

  constructor(why: EncryptionKeyError['why'], message: string) {
    super(message);
    this.why = why;
  }
}

export interface ObjectKeysParts {
  /** Of what this installation alone can calculate: it stays the same when the master key is another one. */
  mac: Mac;
  /** The bytes of a key that a namespace has under this name. */
  secretOf: (namespace: string, name: string) => Buffer | undefined;
}

const KEY_BYTES = 32;
const SALT_BYTES = 16;

/** Finds the key that an object's bytes rest under. */
export class ObjectKeys {
  readonly #parts: ObjectKeysParts;

  constructor(parts: ObjectKeysParts) {
    this.#parts = parts;
  }

  /** Throws EncryptionKeyError. */
  rootOf(encryption: ObjectEncryption, customer?: CustomerKey): Buffer {
    const { algorithm, keyId, namespace = '' } = encryption;
    if (algorithm === 'SSE-C') return checkedCustomerKey(encryption, customer);
    if (customer) throw new EncryptionKeyError('needless', 'the object is not encrypted by a key of a client');
    if (algorithm === 'AES256') return this.#own('AES256');
    if (keyId === undefined) return this.#own('aws:kms');
    const secret = this.#parts.secretOf(namespace, nameOf(keyId));
    if (!secret || secret.length < KEY_BYTES)
      throw new EncryptionKeyError(
        'unknown',
        `there is no key ${keyId}: it is a Secret of namespace ${namespace} whose member "key" has at least ${KEY_BYTES} bytes`,
      );
    return createHmac('sha256', this.#own('aws:kms')).update(secret).digest();
  }

  #own(what: string): Buffer {
    return Buffer.from(this.#parts.mac(`key of objects: ${what}`), 'hex');
  }
}

/** `arn:aws:kms:REGION:NAMESPACE:key/NAME`, `alias/NAME`, or the name alone. */
const nameOf = (keyId: string): string => keyId.split('/').at(-1) ?? keyId;

function checkedCustomerKey({ customer }: ObjectEncryption, given: CustomerKey | undefined): Buffer {
  if (!given) throw new EncryptionKeyError('missing', 'the object is encrypted by a key that its client has');
  const check = checkOf(given.key, Buffer.from(customer?.salt ?? '', 'base64'));
  if (!timingSafeEqual(check, Buffer.from(customer?.check ?? '', 'base64')))
    throw new EncryptionKeyError('wrong', 'the object is encrypted by another key');
  return given.key;
}

const checkOf = (key: Buffer, salt: Buffer): Buffer => createHmac('sha256', key).update('check').update(salt).digest();

/** What is kept of a client's key: it does not tell the key. */
export function customerEncryption({ key, md5 }: CustomerKey): ObjectEncryption {
  const salt = randomBytes(SALT_BYTES);
  return {
    algorithm: 'SSE-C',
    customer: { md5, salt: salt.toString('base64'), check: checkOf(key, salt).toString('base64') },
  };
}

const BLOCK_BYTES = 16;

/**
 * AES-256 in counter mode, under a key of these bytes' own: there are as many bytes as before, and any of them by themselves.
 * `at`: the place of the first one. The same for both ways.
 */
export function cipherOf(root: Buffer, bytesId: string, at = 0): (chunk: Buffer) => Buffer {
  const key = createHmac('sha256', root).update(bytesId).digest();
  const counter = Buffer.alloc(BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / BLOCK_BYTES)), BLOCK_BYTES - 8);
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  cipher.update(Buffer.alloc(at % BLOCK_BYTES));
  return (chunk) => cipher.update(chunk);
}
