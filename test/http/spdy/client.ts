import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { constants, createDeflate } from 'node:zlib';
import { controlFrame, dataFrames, FrameParser, TYPE } from '../../../src/http/spdy/frames.ts';
import type { Frame } from '../../../src/http/spdy/frames.ts';
import { DICTIONARY } from '../../../src/http/spdy/headers.ts';

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Blocks of headers as clients write them: one zlib stream for all. */
export class HeaderWriter {
  readonly #deflate = createDeflate({ dictionary: DICTIONARY });

  write(headers: Record<string, string>): Promise<Buffer> {
    const texts = Object.entries(headers).flat();
    const block = [uint32(texts.length / 2), ...texts.flatMap((text) => [uint32(text.length), Buffer.from(text)])];
    const parts: Buffer[] = [];
    this.#deflate.removeAllListeners('data').on('data', (part: Buffer) => parts.push(part));
    this.#deflate.write(Buffer.concat(block));
    return new Promise((resolve) => {
      this.#deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(Buffer.concat(parts)));
    });
  }
}

/** A client over a wire in memory. */
export class SpdyClient {
  readonly server: Duplex;
  readonly frames: Frame[] = [];
  readonly #wire: Duplex;
  readonly #headers = new HeaderWriter();
  closed = false;

  constructor() {
    [this.#wire, this.server] = duplexPair();
    const parser = new FrameParser();
    this.#wire.on('data', (chunk: Buffer) => this.frames.push(...parser.push(chunk)));
    this.#wire.on('close', () => (this.closed = true)).on('end', () => (this.closed = true));
    this.#wire.on('error', () => undefined);
  }

  async open(id: number, headers: Record<string, string>): Promise<void> {
    const block = await this.#headers.write(headers);
    this.send(controlFrame(TYPE.synStream, id, 0, Buffer.alloc(2), block));
  }

  say(id: number, text: string, fin = false): void {
    this.send(dataFrames(id, Buffer.from(text), fin));
  }

  send(bytes: Buffer): void {
    this.#wire.write(bytes);
  }

  end(): void {
    this.#wire.end();
  }

  /** All that was said on a stream. */
  text(id: number): string {
    return this.frames.flatMap((f) => (f.is === 'data' && f.stream === id ? f.data.toString() : [])).join('');
  }

  control(type: number): Buffer[] {
    return this.frames.flatMap((f) => (f.is === 'control' && f.type === type ? [f.body] : []));
  }

  hasEnded(id: number): boolean {
    return this.frames.some((f) => f.is === 'data' && f.stream === id && f.fin);
  }
}
