import { accessOf } from '../../api/access.ts';
import type { Access } from '../../api/access.ts';
import type { KindRegistry } from '../../api/registry.ts';
import type { Clock } from '../../base/clock.ts';
import { StatusError } from '../../base/errors.ts';
import { memoised } from '../../base/memoised.ts';
import { sha256 } from '../../base/hash.ts';
import { isMistyped, TOKEN_PREFIX } from '../../base/token.ts';
import type { Identity, TokenAuthenticator } from '../../http/auth.ts';
import type { Store } from '../../store/store.ts';
import { isWithin } from '../../base/address-ranges.ts';
import { apiKeyKind, rulesOfKey } from './definition.ts';
import { workingTokens } from './tokens.ts';
import { isApiKey, isPast } from './types.ts';
import type { ApiKey } from './types.ts';

/** How old what is known of keys may be: a revocation of another daemon's is told of, but the word may be lost. */
const BELIEVED_MS = 900;

/**
 * Knows keys by the SHA-256 of their tokens, out of the documents in memory: a request costs no query, and the map by which
 * a hash is found tells nothing of a token by its time.
 */
export class KeyAuthenticator implements TokenAuthenticator {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #accessOf: (spec: ApiKey['spec']) => Access;
  #freshAt = -Infinity;
  /** By uid, since they were last written. */
  #uses = new Map<string, Date>();

  constructor(store: Store, kinds: KindRegistry, clock: Clock) {
    this.#store = store;
    this.#accessOf = memoised((spec) => accessOf(rulesOfKey({ spec }, kinds)));
    this.#clock = clock;
  }

  authenticate(token: string, address: string): Promise<Identity | undefined> | Identity | undefined {
    if (!token.startsWith(TOKEN_PREFIX)) return undefined;
    if (isMistyped(token))
      throw new StatusError(
        'Unauthorized',
        'the key was copied wrongly: the checksum at its end does not fit; copy the whole of it again',
      );
    return this.identify(sha256(token), address);
  }

  /** By the SHA-256 of a token, which its holder need not have shown: a signature told who it is. */
  identify(hash: string, address: string): Promise<Identity | undefined> | Identity | undefined {
    const isFresh = this.#clock.monotonic() - this.#freshAt < BELIEVED_MS;
    const known = isFresh ? this.#find(hash) : undefined;
    return known ? this.#identity(known, hash, address) : this.#afterRefresh(hash, address);
  }

  async refresh(): Promise<void> {
    await this.#store.current();
    this.#freshAt = this.#clock.monotonic();
  }

  /** By the key's uid, once. */
  takeUses(): ReadonlyMap<string, Date> {
    const uses = this.#uses;
    this.#uses = new Map();
    return uses;
  }

  lastUse(uid: string): Date | undefined {
    return this.#uses.get(uid);
  }

  async #afterRefresh(hash: string, address: string): Promise<Identity | undefined> {
    // While the database is away a key that was good is still good: /readyz and /metrics must say what is wrong.
    await this.refresh().catch((error: unknown) => {
      if (!this.#find(hash)) throw error;
    });
    const known = this.#find(hash);
    return known && this.#identity(known, hash, address);
  }

  #find(hash: string): ApiKey | undefined {
    const [found] = this.#store.cached().lookup(apiKeyKind.kind, 'token', hash);
    return found && isApiKey(found) ? found : undefined;
  }

  #identity(key: ApiKey, hash: string, address: string): Identity {
    const { metadata, spec } = key;
    const why = this.#whyNot(key, hash);
    if (why !== undefined) throw new StatusError('Unauthorized', `the key ${metadata.name} ${why}`);
    if (spec.allowedFrom && !isWithin(address, spec.allowedFrom))
      throw new StatusError(
        'Forbidden',
        `the key ${metadata.name} may not be used from ${address}: its spec.allowedFrom names where it may`,
      );
    this.#uses.set(metadata.uid, this.#clock.now());
    const { uid, generation } = metadata;
    return {
      key: metadata.name,
      user: spec.userId,
      groups: spec.role === undefined ? [] : [`miniaws:${spec.role}`],
      access: this.#accessOf(spec),
      isGood: () => {
        const now = this.#store.cached().byUid(uid);
        return (
          now !== undefined &&
          isApiKey(now) &&
          now.metadata.generation === generation &&
          this.#whyNot(now, hash) === undefined
        );
      },
    };
  }

  #whyNot(key: ApiKey, hash: string): string | undefined {
    const now = this.#clock.now();
    if (key.metadata.deletionTimestamp !== undefined) return 'was revoked';
    if (isPast(key.spec.expiresAt, now)) return `expired at ${key.spec.expiresAt}`;
    return workingTokens(key, now).some(({ sha256: each }) => each === hash)
      ? undefined
      : 'was rotated, and this token has expired; the new one works';
  }
}
