import { GitError, MIB, type GitLimits } from './git.ts';

/** What the selected files may weigh, each and together. */
export class FileBudget {
  readonly #limits: GitLimits;
  readonly #where: string;
  #total = 0;

  constructor(limits: GitLimits, where: string) {
    this.#limits = limits;
    this.#where = where;
  }

  /** Throws `TooLarge` when this file is too much. */
  add(path: string, bytes: number): void {
    const { fileBytes, totalBytes } = this.#limits;
    if (bytes > fileBytes)
      throw new GitError(
        'TooLarge',
        `${this.#where}: ${path} has ${bytes} bytes, more than ${fileBytes}: exclude it, or divide it`,
      );
    this.#total += bytes;
    if (this.#total > totalBytes)
      throw new GitError(
        'TooLarge',
        `${this.#where}: the selected files are larger than ${totalBytes / MIB} MiB: name a smaller folder in path, or exclude some`,
      );
  }
}
