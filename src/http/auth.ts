import type { Access } from '../api/access.ts';
import type { Clock } from '../base/clock.ts';
import { StatusError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import { FailureLimit } from './failure-limit.ts';

/** Between looks at what is held: a key that is taken back has no more than a second. */
const LOOK_MS = 500;
const LONGEST_TOKEN = 8_192;

/** Whom a token speaks for (Kubernetes' UserInfo), and what that one may do. */
export interface Identity {
  /** The key's name. */
  key: string;
  /** A person or a machine. */
  user: string;
  groups: readonly string[];
  access: Access;
  /** Whether the token is as good as it was: neither taken back, nor expired, nor allowed anything else. */
  isGood: () => boolean;
}

/** One way to know tokens. */
export interface TokenAuthenticator {
  /** `undefined`: it knows no such token. Throws Unauthorized or Forbidden for one that it knows and refuses. */
  authenticate: (token: string, address: string) => Promise<Identity | undefined> | Identity | undefined;
  /** Brings what it knows up to date, as far as the database answers. */
  refresh?: () => Promise<void>;
}

/** What a request was let in by. */
export interface Credential extends Identity {
  /** Where the connection comes from. */
  address: string;
  /** Calls back once when it is good no longer: what goes on in its name is to end. Returns what lets go of it. */
  hold(gone: () => void): () => void;
}

/** Every request needs a token that one of the authenticators knows. Those that fail are slowed down, and nobody else. */
export class Authenticator {
  readonly #authenticators: readonly TokenAuthenticator[];
  readonly #clock: Clock;
  readonly #limit: FailureLimit;
  readonly #held = new Map<() => void, Identity>();
  #looking = false;

  constructor(authenticators: readonly TokenAuthenticator[], clock: Clock) {
    this.#authenticators = authenticators;
    this.#clock = clock;
    this.#limit = new FailureLimit(clock);
  }

  /** Throws Unauthorized, Forbidden, or TooManyRequests after too many of them. */
  async authenticate(authorization: string | undefined, from: string | undefined): Promise<Credential> {
    const address = from ?? '';
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    try {
      if (!token || token.length > LONGEST_TOKEN)
        throw new StatusError(
          'Unauthorized',
          'a key is needed: send "Authorization: Bearer <key>"; admin.kubeconfig in the data folder has one',
        );
      for (const authenticator of this.#authenticators) {
        const found = authenticator.authenticate(token, address);
        const identity = found instanceof Promise ? await found : found;
        if (identity) return { ...identity, address, hold: (gone) => this.#hold(identity, gone) };
      }
      throw new StatusError(
        'Unauthorized',
        'the key is not known here: it was rotated or revoked, or is of another installation',
      );
    } catch (error) {
      if (error instanceof StatusError && error.reason !== 'ServiceUnavailable')
        this.#limit.failed(address, token && sha256(token));
      throw error;
    }
  }

  #hold(identity: Identity, gone: () => void): () => void {
    this.#held.set(gone, identity);
    this.#lookLater();
    return () => void this.#held.delete(gone);
  }

  /** While anything is held; nothing is asked while nothing is. */
  #lookLater(): void {
    if (this.#looking || this.#held.size === 0) return;
    this.#looking = true;
    this.#clock.after(LOOK_MS, () => {
      void this.#look().finally(() => {
        this.#looking = false;
        this.#lookLater();
      });
    });
  }

  async #look(): Promise<void> {
    // While the database is away nothing new is known of a key.
    for (const each of this.#authenticators) await each.refresh?.().catch(() => undefined);
    for (const [gone, identity] of this.#held) {
      if (identity.isGood()) continue;
      this.#held.delete(gone);
      gone();
    }
  }
}
