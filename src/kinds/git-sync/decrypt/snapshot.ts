import type { GitFile, GitFolder, Snapshot } from '../../../drivers/git/git.ts';
import { turns } from '../../../base/turns.ts';
import { keysOf } from './age.ts';
import type { Keys } from './age.ts';
import { openFile } from './file.ts';
import type { SyncFile } from './findings.ts';
import type { Decryption } from './identities.ts';

/** A snapshot whose files are decrypted, where its sync decrypts. */
export interface SyncSnapshot extends Snapshot {
  folders: readonly (GitFolder & { files: readonly SyncFile[] })[];
}

/** Decrypts the files of one sync's snapshots. A file that is as it was in the one before is the very same object. */
export class SnapshotDecrypter {
  readonly #keys: Promise<Keys>;
  #last: ReadonlyMap<string, SyncFile> = new Map();

  constructor(decryption: Decryption) {
    this.#keys = keysOf(decryption);
  }

  async decrypt({ commit, folders }: Snapshot, signal: AbortSignal): Promise<SyncSnapshot> {
    const keys = await this.#keys;
    const opened = new Map<string, SyncFile>();
    const files = folders.flatMap((folder) => folder.files);
    await turns.each(files, async (file) => {
      signal.throwIfAborted();
      const last = this.#last.get(file.path);
      opened.set(file.path, last?.id === file.id ? last : await this.#opened(file, keys));
    });
    this.#last = opened;
    return {
      commit,
      folders: folders.map(({ path, files }) => ({ path, files: files.map((file) => opened.get(file.path) ?? file) })),
    };
  }

  async #opened(file: GitFile, keys: Keys): Promise<SyncFile> {
    const decrypted = await openFile(file, keys);
    return decrypted ? { ...file, decrypted } : file;
  }
}
