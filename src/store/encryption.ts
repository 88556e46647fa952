import { mapEncrypted, holdsSecrets } from '../api/encrypted.ts';
import { titleOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { jsonOf } from './json.ts';
import type { Keyring } from '../base/keyring.ts';

/** Between documents in memory, which are in clear text, and their rows, in which what the schema calls encrypted is cipher text (I10). */
export class Encryption {
  readonly keyring: Keyring;
  readonly #kinds: KindRegistry;

  constructor(kinds: KindRegistry, keyring: Keyring) {
    this.#kinds = kinds;
    this.keyring = keyring;
  }

  /** The kinds some of whose documents' values rest encrypted. */
  get kinds(): string[] {
    return this.#kinds.all.filter(holdsSecrets).map(({ kind }) => kind);
  }

  /** As it is stored. */
  textOf(resource: Resource): string {
    const kind = this.#kinds.get(resource.kind);
    return kind && holdsSecrets(kind) ? JSON.stringify(this.encrypted(resource)) : jsonOf(resource);
  }

  encrypted(resource: Resource): Resource {
    return this.#map(resource, (value, context) => this.keyring.encrypt(JSON.stringify(value), context));
  }

  decrypted(stored: Resource): Resource {
    return this.#map(stored, (value, context) => {
      if (typeof value !== 'string')
        throw new Error(`${titleOf(refOf(stored))} is stored in clear text where it has to be encrypted`);
      return JSON.parse(this.keyring.decrypt(value, context)) as unknown;
    });
  }

  #map(resource: Resource, change: (value: unknown, context: string) => unknown): Resource {
    const kind = this.#kinds.get(resource.kind);
    if (!kind) return resource;
    return mapEncrypted(kind, resource, (value, path) => change(value, `${resource.metadata.uid} ${path}`));
  }
}
