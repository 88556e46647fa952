import type { FileHandle } from 'node:fs/promises';
import type { ByteRange } from './bytes.ts';

/** Bytes that are read at once; three times as many are held for one reader at most. */
const READ_BYTES = 256 << 10;

/** What the file has of the range, and of READ_BYTES from its first byte on: less only where the file ends. */
export async function readAt(file: FileHandle, { first, last }: ByteRange): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(last - first + 1, READ_BYTES));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, first + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/**
 * The range of an open file, whose first bytes are there already, read one step ahead of who takes it. It ends where the file does,
 * and closes it in any case.
 */
export async function* readRange(file: FileHandle, { first, last }: ByteRange, begin: Buffer): AsyncGenerator<Buffer> {
  let ahead: Promise<Buffer> | undefined;
  try {
    let at = first;
    for (let chunk = begin; chunk.length > 0;) {
      at += chunk.length;
      ahead = at <= last ? readAt(file, { first: at, last }) : undefined;
      // Thrown where it is waited for, which may be later.
      ahead?.catch(() => undefined);
      yield chunk;
      chunk = (await ahead) ?? Buffer.alloc(0);
    }
  } finally {
    await ahead?.catch(() => undefined);
    await file.close();
  }
}
