import type { Readable } from 'node:stream';
import type { OutputChunk } from '../compute.ts';

/** The Engine's frames: one byte for the stream, three unused, four for the length. */
const HEADER_BYTES = 8;

/**
 * The chunks of a container's or an exec's output, as they come: it reads on only when the caller does, ends when
 * the output ends, and lets go of the connection when the caller stops or `signal` aborts. Output of a terminal has no frames.
 */
export async function* outputOf(source: Readable, tty: boolean, signal?: AbortSignal): AsyncIterable<OutputChunk> {
  const stop = () => source.destroy();
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  const chunks: AsyncIterable<Buffer> = source;
  try {
    if (tty) for await (const data of chunks) yield { stream: 'stdout', data };
    else yield* demultiplex(chunks);
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    source.destroy();
  }
}

/** Parts of a frame are passed on at once: a frame can be as large as what the process wrote in one go. */
export async function* demultiplex(chunks: AsyncIterable<Buffer>): AsyncIterable<OutputChunk> {
  let header = Buffer.alloc(0);
  let left = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (rest.length > 0) {
      if (left === 0) {
        const wanted = HEADER_BYTES - header.length;
        header = Buffer.concat([header, rest.subarray(0, wanted)]);
        rest = rest.subarray(wanted);
        if (header.length < HEADER_BYTES) break;
        left = header.readUInt32BE(4);
        if (left === 0) header = Buffer.alloc(0);
        continue;
      }
      const data = rest.subarray(0, left);
      yield { stream: header[0] === 2 ? 'stderr' : 'stdout', data };
      rest = rest.subarray(data.length);
      left -= data.length;
      if (left === 0) header = Buffer.alloc(0);
    }
  }
}
