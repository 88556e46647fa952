import { crc32 } from '@node-rs/crc32';
import { BytesGoneError } from '../drivers/objects/bytes.ts';
import type { ByteRange } from '../drivers/objects/bytes.ts';

/** Bytes that are checked together before any of them is sent: small, because a range reads whole pieces. */
export const PIECE_BYTES = 256 << 10;
const SUM_BYTES = 4;

/** CRC-32 of each piece of what it is given. */
export class PieceSums {
  readonly #sums: number[] = [];
  #sum = 0;
  #filled = 0;

  update(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PIECE_BYTES - this.#filled);
      this.#sum = crc32(part, this.#sum);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === PIECE_BYTES) this.#end();
    }
  }

  /** All of them, in the order of the bytes. */
  digest(): Buffer {
    if (this.#filled > 0) this.#end();
    const digest = Buffer.alloc(this.#sums.length * SUM_BYTES);
    for (const [i, sum] of this.#sums.entries()) digest.writeUInt32BE(sum, i * SUM_BYTES);
    return digest;
  }

  #end(): void {
    this.#sums.push(this.#sum);
    this.#sum = 0;
    this.#filled = 0;
  }
}

/** The whole pieces that a range is in. */
export const piecesAround = ({ first, last }: ByteRange, sizeBytes: number): ByteRange => ({
  first: first - (first % PIECE_BYTES),
  last: Math.min(last - (last % PIECE_BYTES) + PIECE_BYTES, sizeBytes) - 1,
});

/**
 * The bytes of the range, out of those of `piecesAround` it: each piece once it is known to be what was put. Throws
 * BytesGoneError in place of the first that is not, or is not whole.
 */
export async function* checked(
  pieces: AsyncIterable<Buffer>,
  sums: Buffer,
  range: ByteRange,
  sizeBytes: number,
): AsyncIterable<Buffer> {
  let at = piecesAround(range, sizeBytes).first;
  for await (const piece of inPieces(pieces)) {
    const place = (at / PIECE_BYTES) * SUM_BYTES;
    const isWhole = piece.length === Math.min(PIECE_BYTES, sizeBytes - at);
    if (!isWhole || place >= sums.length || sums.readUInt32BE(place) !== crc32(piece))
      throw new BytesGoneError(`bytes ${at} to ${at + piece.length - 1} are not what was put there`);
    yield piece.subarray(Math.max(range.first - at, 0), range.last - at + 1);
    at += piece.length;
  }
  if (at <= range.last) throw new BytesGoneError(`bytes from ${at} on are gone`);
}

async function* inPieces(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (size + rest.length >= PIECE_BYTES) {
      const part = rest.subarray(0, PIECE_BYTES - size);
      rest = rest.subarray(part.length);
      yield held.length === 0 ? part : Buffer.concat([...held, part], PIECE_BYTES);
      held = [];
      size = 0;
    }
    if (rest.length === 0) continue;
    held.push(rest);
    size += rest.length;
  }
  if (size > 0) yield Buffer.concat(held, size);
}
