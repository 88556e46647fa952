import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import {
  access,
  constants,
  link,
  lstat,
  mkdir,
  open,
  opendir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../base/errors.ts';
import { UUID } from '../../base/uuid7.ts';
import { BytesGoneError, NoSpaceError, only } from './bytes.ts';
import type { ByteRange, BytesLook, ObjectBytes, StoredBytes } from './bytes.ts';
import { readAt, readRange } from './file-reads.ts';
import { FolderSync } from './folder-sync.ts';

/** For the owner alone (I10). */
const [FILE_MODE, FOLDER_MODE] = [0o600, 0o700];
const PERMISSIONS = 0o7777;
/** Says whose folder it is. */
const MARK = 'miniaws-objects';
const DRAFTS = 'drafts';
/** Bytes that are written at once: fewer calls, and no more than this is held for one object. */
const WRITE_BYTES = 512 << 10;

/**
 * A file for each id, in folders by the last two of its digits: those of a version 7 tell nothing of its time, so that they
 * spread. A put is: a draft, its bytes, fsync, rename, fsync of the folder.
 */
export class BytesFolder implements ObjectBytes {
  readonly #root: string;
  readonly #syncs = new FolderSync();
  readonly #made = new Set<string>();

  /** The same wherever the folder is moved. */
  readonly id: string;

  private constructor(root: string, id: string) {
    this.#root = root;
    this.id = id;
  }

  /** Makes the folder where it is missing. Throws when it is another installation's, or cannot be written to. */
  static async open(root: string, installation: string): Promise<BytesFolder> {
    await mkdir(join(root, DRAFTS), { recursive: true, mode: FOLDER_MODE });
    const mark = join(root, MARK);
    const draft = join(root, DRAFTS, randomUUID());
    await writeFile(draft, `${installation}\n${randomUUID()}\n`, { flag: 'wx', mode: FILE_MODE, flush: true });
    // Whole or not at all: a half of it would be somebody else's.
    await link(draft, mark).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    await rm(draft, { force: true });
    const [owner = '', id = ''] = (await readFile(mark, 'utf8')).split('\n');
    if (owner !== installation)
      throw new Error(
        `${root} holds objects of installation "${owner}", and this is "${installation}": give --object-dir another folder`,
      );
    const folder = new BytesFolder(root, id);
    await folder.#syncs.sync(root);
    return folder;
  }

  async put(id: string, body: AsyncIterable<Buffer>): Promise<number> {
    const folder = await this.#folderOf(id);
    const draft = join(this.#root, DRAFTS, randomUUID());
    try {
      const size = await written(draft, body);
      await rename(draft, join(folder, id));
      await this.#syncs.sync(folder);
      return size;
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      // Somebody has removed the folder: the next put makes it again.
      if (codeOf(error) === 'ENOENT') this.#made.delete(folder);
      if (['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? ''))
        throw new NoSpaceError(`the disk of ${this.#root} is full: ${messageOf(error)}`, { cause: error });
      throw error;
    }
  }

  async get(id: string, range?: ByteRange): Promise<AsyncIterable<Buffer>> {
    const file = await open(this.#pathOf(id)).catch((error: unknown) => {
      throw codeOf(error) === 'ENOENT' ? new BytesGoneError(`the file of ${id} is gone`) : error;
    });
    try {
      const asked = range ?? { first: 0, last: (await file.stat()).size - 1 };
      const first = await readAt(file, asked);
      const isAll = first.length > asked.last - asked.first;
      const size = isAll ? Infinity : (await file.stat()).size;
      if (asked.last >= size)
        throw new BytesGoneError(`the file of ${id} has ${size} bytes, and byte ${asked.last} was asked for`);
      if (!isAll) return readRange(file, asked, first);
      await file.close();
      return only(first);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async look(id: string): Promise<BytesLook | undefined> {
    const found = await lstat(this.#pathOf(id), { bigint: true }).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    if (!found) return undefined;
    // The time of the last change of the inode: whoever writes, truncates, chmods or renames moves it, and cannot set it back.
    const version = `${found.ino} ${found.ctimeNs}`;
    const mode = Number(found.mode) & PERMISSIONS;
    const wrong = !found.isFile()
      ? 'it is no file'
      : mode === FILE_MODE
        ? undefined
        : `its mode is ${octal(mode)} and not ${octal(FILE_MODE)}`;
    return { size: Number(found.size), version, ...(wrong !== undefined && { wrong }) };
  }

  async delete(ids: readonly string[]): Promise<void> {
    for (const id of ids) await rm(this.#pathOf(id), { force: true });
  }

  async *list(): AsyncIterable<StoredBytes> {
    for await (const { name, isFolder } of entries(this.#root)) {
      if (!isFolder || !/^[0-9a-f]{2}$/.test(name)) continue;
      for await (const file of entries(join(this.#root, name))) {
        if (file.isFolder || !UUID.test(file.name) || !file.name.endsWith(name)) continue;
        const found = await stat(join(this.#root, name, file.name)).catch(() => undefined);
        if (found) yield { id: file.name, size: found.size, storedAt: found.mtime };
      }
    }
  }

  async sweep(before: Date): Promise<number> {
    let removed = 0;
    for await (const { name } of entries(join(this.#root, DRAFTS))) {
      const path = join(this.#root, DRAFTS, name);
      const found = await stat(path).catch(() => undefined);
      if (!found || !UUID.test(name) || found.mtime >= before) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  async outage(): Promise<string | undefined> {
    try {
      await access(join(this.#root, DRAFTS), constants.R_OK | constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      return `the folder of objects cannot be used: ${messageOf(error)}`;
    }
  }

  /** Throws for what is no id: it would be a path. */
  #pathOf(id: string): string {
    if (!UUID.test(id)) throw new Error(`no id of bytes: ${JSON.stringify(id)}`);
    return join(this.#root, id.slice(-2), id);
  }

  async #folderOf(id: string): Promise<string> {
    const folder = join(this.#pathOf(id), '..');
    if (this.#made.has(folder)) return folder;
    if ((await mkdir(folder, { recursive: true, mode: FOLDER_MODE })) !== undefined) await this.#syncs.sync(this.#root);
    this.#made.add(folder);
    return folder;
  }
}

const octal = (mode: number): string => `0${mode.toString(8).padStart(3, '0')}`;

async function* entries(folder: string): AsyncIterable<{ name: string; isFolder: boolean }> {
  for await (const entry of await opendir(folder)) yield { name: entry.name, isFolder: entry.isDirectory() };
}

async function written(path: string, body: AsyncIterable<Buffer>): Promise<number> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    let size = 0;
    for await (const chunks of gathered(body)) size += await writeWhole(file, chunks);
    await file.datasync();
    return size;
  } finally {
    await file.close();
  }
}

/** Answers how many bytes they are. A write may take less than it was given. */
async function writeWhole(file: FileHandle, chunks: readonly Buffer[]): Promise<number> {
  let size = 0;
  for (let left = chunks; left.length > 0;) {
    const { bytesWritten } = await file.writev(left);
    size += bytesWritten;
    left = after(left, bytesWritten);
  }
  return size;
}

/** What follows so many bytes. */
function after(chunks: readonly Buffer[], bytes: number): readonly Buffer[] {
  let skipped = bytes;
  for (const [i, chunk] of chunks.entries()) {
    if (skipped < chunk.length) return [chunk.subarray(skipped), ...chunks.slice(i + 1)];
    skipped -= chunk.length;
  }
  return [];
}

/** Many at once. */
async function* gathered(body: AsyncIterable<Buffer>): AsyncIterable<readonly Buffer[]> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    held.push(chunk);
    size += chunk.length;
    if (size < WRITE_BYTES) continue;
    yield held;
    held = [];
    size = 0;
  }
  if (size > 0) yield held;
}
