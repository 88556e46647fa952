import { sha256 } from '../base/hash.ts';
import { StatusError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { KeyStore } from '../store/store.ts';

/** How long a good key is believed without asking the database: also how long a revoked one still works. */
const BELIEVED_MS = 1_000;
/** Keys remembered; more are looked up again. */
const REMEMBERED = 1_000;

/** Every request needs a key; only its SHA-256 is compared, so that no time tells anything of a key. */
export class Authenticator {
  readonly #keys: KeyStore;
  readonly #clock: Clock;
  readonly #believed = new Map<string, { user: string; until: number }>();

  constructor(keys: KeyStore, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** @returns the key's name. Throws Unauthorized. */
  async authenticate(authorization: string | undefined): Promise<string> {
    const token = /^Bearer\s+(\S{1,512})$/i.exec(authorization ?? '')?.[1];
    if (!token)
      throw new StatusError(
        'Unauthorized',
        'a key is needed: send "Authorization: Bearer <key>"; admin.kubeconfig in the data folder has one',
      );
    const hash = sha256(token);
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
}
