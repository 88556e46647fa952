import type { Resource } from '../../api/metadata.ts';
import { StatusError } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import type { Mac } from '../../base/hash.ts';
import { TOKEN_PREFIX } from '../../base/token.ts';
import type { S3Credentials, S3Identity, S3Keys } from '../../s3/buckets.ts';
import type { Store } from '../../store/store.ts';
import type { KeyAuthenticator } from './authenticator.ts';
import { accessKeyIdOf } from './access-key-id.ts';
import { apiKeyKind } from './definition.ts';
import { isApiKey } from './types.ts';

/** One token of a key: its SHA-256, and what follows from it. */
type Signer = S3Credentials & { hash: string };

/**
 * What S3's clients sign with follows from a key's token and from this installation's own key: nothing more of it is stored
 * anywhere, and it works as long as the token does.
 */
export class KeySigning implements S3Keys {
  readonly #store: Store;
  readonly #keys: KeyAuthenticator;
  readonly #mac: Mac;
  /** Of the tokens of a document, by the id that S3's clients name. A document that has changed is another one. */
  readonly #ofKeys = new WeakMap<Resource, ReadonlyMap<string, Signer>>();

  constructor(store: Store, keys: KeyAuthenticator, mac: Mac) {
    this.#store = store;
    this.#keys = keys;
    this.#mac = mac;
  }

  credentialsOf(token: string): S3Credentials | undefined {
    return token.startsWith(TOKEN_PREFIX) ? this.#credentials(sha256(token)) : undefined;
  }

  #credentials(hash: string): S3Credentials {
    return { accessKeyId: accessKeyIdOf(hash), secretAccessKey: this.#mac(`s3 secret access key of ${hash}`) };
  }

  secretOf(accessKeyId: string): string | undefined {
    return this.#signerOf(accessKeyId)?.secretAccessKey;
  }

  async identify(accessKeyId: string, address: string): Promise<S3Identity> {
    const signer = this.#signerOf(accessKeyId);
    const identity = signer && (await this.#keys.identify(signer.hash, address));
    if (!identity) throw new StatusError('Unauthorized', 'the key was revoked');
    return { ...identity, address };
  }

  #signerOf(accessKeyId: string): Signer | undefined {
    for (const found of this.#store.cached().lookup(apiKeyKind.kind, 'accessKeyId', accessKeyId)) {
      const signer = this.#signersOf(found).get(accessKeyId);
      if (signer) return signer;
    }
    return undefined;
  }

  #signersOf(found: Resource): ReadonlyMap<string, Signer> {
    const known = this.#ofKeys.get(found);
    if (known) return known;
    const tokens = isApiKey(found) ? (found.status?.tokens ?? []) : [];
    const signers = tokens.map((token) => ({ hash: token.sha256, ...this.#credentials(token.sha256) }));
    const byId = new Map(signers.map((signer) => [signer.accessKeyId, signer]));
    this.#ofKeys.set(found, byId);
    return byId;
  }
}
