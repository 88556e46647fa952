import { StatusError } from '../../base/errors.ts';

/** Bytes of a control frame; a block of headers is the longest that clients send. */
const LONGEST_CONTROL = 16 * 1024;
const HEAD = 8;
const VERSION = 3;
/** A frame's length has 24 bits; ours are short, so that streams take turns. */
const LONGEST_DATA = 1 << 15;
const FIN = 1;

export const TYPE = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8 } as const;
/** Why a stream is reset. */
export const RESET = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5, internalError: 6 } as const;

export type Frame =
  /** A part of a data frame, as it came; `fin` with the last part of the last frame. */
  | { is: 'data'; stream: number; data: Buffer; fin: boolean }
  | { is: 'control'; type: number; fin: boolean; body: Buffer };

/** Cuts what comes into frames (SPDY/3.1, 2.2). Nothing but a control frame that is not whole yet is kept. */
export class FrameParser {
  #kept: Buffer = Buffer.alloc(0);
  /** Of the data frame that is under way. */
  #data: { stream: number; left: number; fin: boolean } | undefined;

  /** Throws BadRequest for what is no SPDY, or too long. */
  *push(chunk: Buffer): Generator<Frame> {
    let rest = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk;
    this.#kept = Buffer.alloc(0);
    for (;;) {
      if (this.#data) {
        const data = rest.subarray(0, this.#data.left);
        rest = rest.subarray(data.length);
        yield this.#part(this.#data, data);
        if (this.#data) return;
      }
      if (rest.length < HEAD) return void (this.#kept = rest);
      const length = rest.readUIntBE(5, 3);
      const fin = ((rest[4] ?? 0) & FIN) !== 0;
      if (((rest[0] ?? 0) & 0x80) === 0) {
        this.#data = { stream: rest.readUInt32BE(0), left: length, fin };
        rest = rest.subarray(HEAD);
        // The rest of it is yet to come.
        if (rest.length === 0 && length > 0) return;
        continue;
      }
      checkControl(rest.readUInt16BE(0) & 0x7fff, length);
      if (rest.length < HEAD + length) return void (this.#kept = rest);
      yield { is: 'control', type: rest.readUInt16BE(2), fin, body: rest.subarray(HEAD, HEAD + length) };
      rest = rest.subarray(HEAD + length);
    }
  }

  #part(frame: { stream: number; left: number; fin: boolean }, data: Buffer): Frame {
    frame.left -= data.length;
    const isLast = frame.left === 0;
    if (isLast) this.#data = undefined;
    return { is: 'data', stream: frame.stream, data, fin: frame.fin && isLast };
  }
}

function checkControl(version: number, length: number): void {
  if (version !== VERSION) throw new StatusError('BadRequest', `SPDY: version ${version} is not spoken, ${VERSION} is`);
  if (length > LONGEST_CONTROL)
    throw new StatusError('BadRequest', `SPDY: a control frame is longer than ${LONGEST_CONTROL} bytes`);
}

/** Frames of a stream's data; without data, the one that ends it. */
export function dataFrames(stream: number, data: Buffer, fin: boolean): Buffer {
  const frames: Buffer[] = [];
  let at = 0;
  do {
    const part = data.subarray(at, at + LONGEST_DATA);
    at += part.length;
    frames.push(head(stream, fin && at >= data.length ? FIN : 0, part.length), part);
  } while (at < data.length);
  return Buffer.concat(frames);
}

export const controlFrame = (type: number, ...body: (number | Buffer)[]): Buffer => {
  const whole = Buffer.concat(body.map((part) => (Buffer.isBuffer(part) ? part : uint32(part))));
  return Buffer.concat([head(((0x8000 | VERSION) << 16) | type, 0, whole.length), whole]);
};

function head(first: number, flags: number, length: number): Buffer {
  const bytes = Buffer.alloc(HEAD);
  bytes.writeUInt32BE(first >>> 0, 0);
  bytes[4] = flags;
  bytes.writeUIntBE(length, 5, 3);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0, 0);
  return bytes;
}
