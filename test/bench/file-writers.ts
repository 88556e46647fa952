import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileHandle } from 'node:fs/promises';

/**
 * Files written by many at once straight to the disk, in a process of its own whose pool has a thread for each of them
 * (`objects.ts` forks it): each is synced, and has its name after that.
 */
export interface FileOrders {
  folder: string;
  writers: number;
  files: number;
  bytes: number;
  /** SHA-256 of each while it is written. */
  hashed: boolean;
}

const CHUNK = Buffer.alloc(1 << 20, 'miniaws');

process.on('message', (orders: FileOrders) => {
  void write(orders).then(
    (seconds) => process.send?.({ seconds }),
    (error: Error) => process.send?.({ failure: error.message }),
  );
});

async function write({ folder, writers, files, bytes, hashed }: FileOrders): Promise<number> {
  let next = 0;
  const work = async () => {
    for (let n = next++; n < files; n = next++) await writeOne(join(folder, `file-${n}`), bytes, hashed);
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: writers }, work));
  const seconds = (performance.now() - began) / 1_000;
  for (let n = 0; n < files; n++) await rm(join(folder, `file-${n}`));
  return seconds;
}

async function writeOne(path: string, bytes: number, hashed: boolean): Promise<void> {
  const hash = hashed ? createHash('sha256') : undefined;
  const file = await open(`${path}.draft`, 'wx');
  try {
    for (let left = bytes; left > 0; left -= CHUNK.length) {
      const chunk = left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK;
      hash?.update(chunk);
      await writeWhole(file, chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  hash?.digest();
  await rename(`${path}.draft`, path);
}

async function writeWhole(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
}
