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

/**
 * What S3's clients sign with follows from a key's token and from this installation's own key: nothing more of it is stored
 * anywhere, and it works as long as the token does.
 */
export class KeySigning implements S3Keys {
  readonly #store: Store;
  readonly #keys: KeyAuthenticator;
  readonly #mac: Mac;

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
    const hash = this.#hashOf(accessKeyId);
    return hash === undefined ? undefined : this.#credentials(hash).secretAccessKey;
  }

  async identify(accessKeyId: string, address: string): Promise<S3Identity> {
    const hash = this.#hashOf(accessKeyId);
    const identity = hash === undefined ? undefined : await this.#keys.identify(hash, address);
    if (!identity) throw new StatusError('Unauthorized', 'the key was revoked');
    return { ...identity, address };
  }

  #hashOf(accessKeyId: string): string | undefined {
    for (const found of this.#store.cached().lookup(apiKeyKind.kind, 'accessKeyId', accessKeyId)) {
      const tokens = isApiKey(found) ? (found.status?.tokens ?? []) : [];
      const token = tokens.find((each) => accessKeyIdOf(each.sha256) === accessKeyId);
      if (token) return token.sha256;
    }
    return undefined;
  }
}
