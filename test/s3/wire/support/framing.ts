import { createHash } from 'node:crypto';
import { signatureOf } from '../../../../src/s3/wire/signing.ts';
import type { ChunkSigning } from '../../../../src/s3/wire/signing.ts';

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The body of STREAMING-UNSIGNED-PAYLOAD-TRAILER, as a client makes it. */
export function unsignedFraming(chunks: readonly Uint8Array[], trailers: Record<string, string> = {}): Buffer {
  const lines = Object.entries(trailers).map(([name, value]) => `${name}:${value}\r\n`);
  return Buffer.concat([
    ...chunks.flatMap((chunk) => [Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
    Buffer.from(`0\r\n${lines.join('')}\r\n`),
  ]);
}

/** The body of STREAMING-AWS4-HMAC-SHA256-PAYLOAD, or of that with -TRAILER, as a client makes it. */
export function signedFraming(
  signing: ChunkSigning,
  chunks: readonly Uint8Array[],
  trailers?: Record<string, string>,
): Buffer {
  const { key, timestamp, scope, seed } = signing;
  let previous = seed;
  const sign = (algorithm: string, ...digests: string[]): string =>
    (previous = signatureOf(key, [algorithm, timestamp, scope, previous, ...digests].join('\n')));
  const framed = [...chunks, Buffer.alloc(0)].flatMap((chunk) => {
    const signature = sign('AWS4-HMAC-SHA256-PAYLOAD', sha256(''), sha256(chunk));
    const header = `${chunk.length.toString(16)};chunk-signature=${signature}\r\n`;
    return [Buffer.from(header), chunk, Buffer.from(chunk.length > 0 ? '\r\n' : '')];
  });
  if (!trailers) return Buffer.concat([...framed, Buffer.from('\r\n')]);
  const lines = Object.entries(trailers).map(([name, value]) => `${name}:${value}`);
  const signature = sign('AWS4-HMAC-SHA256-TRAILER', sha256(lines.map((line) => `${line}\n`).join('')));
  return Buffer.concat([
    ...framed,
    Buffer.from([...lines, `x-amz-trailer-signature:${signature}`, '', ''].join('\r\n')),
  ]);
}
