import { placesOf } from '../../../admission/load.ts';
import type { Problem } from '../../../admission/load.ts';
import type { GitFile } from '../../../drivers/git/git.ts';
import type { Plain } from './sops-value.ts';

/** What decrypting has found in a file. It is kept in memory alone. */
export interface Decrypted {
  /** The plain text of a file that is encrypted as a whole. */
  text?: string;
  /** Plain values, by where in the file the encrypted ones begin. */
  values: ReadonlyMap<number, Plain>;
  problems: readonly Problem[];
  /** What no message may show. */
  secrets: readonly string[];
}

/** A file of a snapshot. One with something encrypted has `decrypted`, where its sync decrypts. */
export interface SyncFile extends GitFile {
  decrypted?: Decrypted;
}

/** Gathers what is found in one file. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly #values = new Map<number, Plain>();
  readonly #secrets = new Set<string>();
  readonly #file: string;
  readonly #at: ReturnType<typeof placesOf>;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#at = placesOf(text);
  }

  value(offset: number, plain: Plain): void {
    this.#values.set(offset, plain);
    this.secret(plain);
  }

  /** A boolean is in every message. */
  secret(plain: unknown): void {
    if (typeof plain === 'string' || typeof plain === 'number') this.#secrets.add(String(plain));
  }

  problem(offset: number, message: string): void {
    this.problems.push({ file: this.#file, place: this.#at(offset), message });
  }

  found(): Decrypted {
    return { values: this.#values, problems: this.problems, secrets: [...this.#secrets] };
  }
}
