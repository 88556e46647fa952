import type { PieceSums } from './pieces.ts';

interface Reckoning {
  digester: { update(chunk: Buffer): void };
  sums: PieceSums;
  finish: () => void;
}

/** The bytes as they rest. Digests are of what was put; the sums of pieces of what rests, so that it is checked without its key. */
export async function* resting(
  body: AsyncIterable<Buffer>,
  { digester, sums, finish }: Reckoning,
  cipher: ((chunk: Buffer) => Buffer) | undefined,
): AsyncIterable<Buffer> {
  for await (const chunk of body) {
    digester.update(chunk);
    const rests = cipher ? cipher(chunk) : chunk;
    sums.update(rests);
    yield rests;
  }
  finish();
}

/** Deciphers what is read, and enciphers what needs no digests. */
export async function* ciphered(body: AsyncIterable<Buffer>, cipher: (chunk: Buffer) => Buffer): AsyncIterable<Buffer> {
  for await (const chunk of body) yield cipher(chunk);
}
