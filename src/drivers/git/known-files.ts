import type { GitFile, Snapshot } from './git.ts';

/** The files of a snapshot that the caller still has. */
export class KnownFiles {
  readonly #byPath = new Map<string, GitFile>();
  readonly #contents = new Map<string, Buffer>();

  constructor(known: Snapshot | undefined) {
    for (const file of known?.folders.flatMap(({ files }) => files) ?? []) {
      this.#byPath.set(file.path, file);
      this.#contents.set(file.id, file.content);
    }
  }

  /** By the content's id, whatever path it had. */
  content(id: string): Buffer | undefined {
    return this.#contents.get(id);
  }

  /** The very same object where it was so before. */
  file(file: GitFile): GitFile {
    const known = this.#byPath.get(file.path);
    return known?.id === file.id ? known : file;
  }
}
