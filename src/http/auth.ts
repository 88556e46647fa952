import { sha256 } from '../base/hash.ts';
import { StatusError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { KeyStore } from '../store/keys.ts';

/** How long a good key is believed without asking the database: also how long a revoked one still works. */
const BELIEVED_MS = 1_000;
/** Keys remembered; more are looked up again. */
const REMEMBERED = 1_000;

/** What a request was let in by. */
export interface Credential {
  user: string;
  /** Calls back once when it is good no longer: what goes on in its name is to end. Returns what lets go of it. */
  hold(gone: () => void): () => void;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** No key is asked for: the route has its own way to know who asks, such as a signature. */
    anonymous?: boolean;
  }

  interface FastifyRequest {
    /** Set before any handler runs. */
    credential: Credential;
  }
}

/** Every request needs a key; only its SHA-256 is compared, so that no time tells anything of a key. */
export class Authenticator {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  readonly #believed = new Map<string, { user: string; until: number }>();
  /** By hash, what ends with the key. */
  readonly #held = new Map<string, Set<() => void>>();
  #looking = false;

  constructor(keys: KeyStore, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Throws Unauthorized. */
  async authenticate(authorization: string | undefined): Promise<Credential> {
    const token = /^Bearer\s+(\S{1,512})$/i.exec(authorization ?? '')?.[1];
    if (!token)
      throw new StatusError(
        'Unauthorized',
        'a key is needed: send "Authorization: Bearer <key>"; admin.kubeconfig in the data folder has one',
      );
    const hash = sha256(token);
    return { user: await this.#userOf(hash), hold: (gone) => this.#hold(hash, gone) };
  }

  async #userOf(hash: string): Promise<string> {
    const known = this.#believed.get(hash);
    if (known && known.until > this.#clock.monotonic()) return known.user;
    const key = await this.#keys.find(hash).catch((error: unknown) => {
      // While the database is away a key that was good is still good: /readyz and /metrics must say what is wrong.
      if (known) return { name: known.user };
      throw error;
    });
    if (!key)
      throw new StatusError(
        'Unauthorized',
        'the key is not known here; on the machine, miniaws kubeconfig --reset makes another',
      );
    if (this.#believed.size >= REMEMBERED) this.#believed.clear();
    this.#believed.set(hash, { user: key.name, until: this.#clock.monotonic() + BELIEVED_MS });
    return key.name;
  }

  #hold(hash: string, gone: () => void): () => void {
    const holders = this.#held.get(hash) ?? new Set();
    this.#held.set(hash, holders.add(gone));
    this.#lookLater();
    return () => {
      holders.delete(gone);
      if (holders.size === 0 && this.#held.get(hash) === holders) this.#held.delete(hash);
    };
  }

  /** While anything is held, one question for all keys; none while nothing is. */
  #lookLater(): void {
    if (this.#looking || this.#held.size === 0) return;
    this.#looking = true;
    this.#clock.after(BELIEVED_MS, () => {
      void this.#look().finally(() => {
        this.#looking = false;
        this.#lookLater();
      });
    });
  }

  async #look(): Promise<void> {
    const hashes = [...this.#held.keys()];
    // While the database is away nothing is known of a key: nothing ends.
    const known = await this.#keys.known(hashes).catch(() => new Set(hashes));
    for (const hash of hashes) {
      if (known.has(hash)) continue;
      this.#believed.delete(hash);
      for (const gone of this.#held.get(hash) ?? []) gone();
      this.#held.delete(hash);
    }
  }
}
