import type { Duplex } from 'node:stream';
import { StatusError } from '../../base/errors.ts';
import { controlFrame, dataFrames, FrameParser, RESET, TYPE } from './frames.ts';
import type { Frame } from './frames.ts';
import { emptyHeaders, HeaderReader } from './headers.ts';

/** Streams of one connection that are open at once. */
const MOST_STREAMS = 512;
/** What waits in memory for the client, bytes: whoever writes waits beyond it. */
const AHEAD = 1 << 18;

/** What is done with what the client says on a stream. Nothing more of the connection is read until a promise resolves. */
export interface StreamReader {
  data?: (data: Buffer) => Promise<void> | undefined;
  /** The client says no more on it. */
  end?: () => void;
  /** It is over, in both directions. */
  closed?: () => void;
}

/** One that the client has opened. */
export interface SpdyStream {
  headers: ReadonlyMap<string, string>;
  /** Resolves when more may be written. What is written after its end goes nowhere. */
  write(data: Buffer): Promise<void>;
  /** We say no more on it. */
  end(): void;
  reset(): void;
}

interface Open {
  reader: StreamReader;
  clientEnded: boolean;
  weEnded: boolean;
}

/**
 * The server's side of SPDY/3.1, as far as kubectl speaks it: it opens streams, we answer and write on them. It knows no
 * windows: neither side counts them, so a stream that is not read holds the connection, as with Kubernetes' own.
 */
export class SpdyConnection {
  readonly #wire: Duplex;
  readonly #parser = new FrameParser();
  readonly #headers = new HeaderReader();
  readonly #streams = new Map<number, Open>();
  #lastStream = 0;
  #hasReplied = false;

  constructor(wire: Duplex) {
    this.#wire = wire;
    wire.on('error', () => undefined);
    // Every stream may wait for it.
    wire.setMaxListeners(0);
  }

  /** Until the client has gone. Rejects when it does not speak SPDY. `accept` says what is done with a stream. */
  async serve(accept: (stream: SpdyStream) => StreamReader, moved: () => void): Promise<void> {
    try {
      for await (const chunk of this.#wire as AsyncIterable<Buffer>) {
        moved();
        for (const frame of this.#parser.push(chunk)) {
          if (await this.#take(frame, accept)) return;
        }
      }
    } finally {
      this.#headers.close();
      for (const id of this.#streams.keys()) this.#forget(id);
      this.#wire.destroy();
    }
  }

  /** Says that no more streams are taken; what was written is still sent. */
  close(): void {
    if (!this.#wire.writable) return;
    this.#wire.end(controlFrame(TYPE.goAway, this.#lastStream, 0));
  }

  destroy(): void {
    this.#wire.destroy();
  }

  /** Calls back once the connection is gone. */
  closed(gone: () => void): void {
    if (this.#wire.closed) gone();
    else this.#wire.once('close', gone);
  }

  /** Answers whether the client has said that it is done. */
  async #take(frame: Frame, accept: (stream: SpdyStream) => StreamReader): Promise<boolean> {
    if (frame.is === 'data') {
      await this.#data(frame.stream, frame.data, frame.fin);
      return false;
    }
    const { type, body, fin } = frame;
    if (type === TYPE.goAway) return this.#streams.size === 0;
    if (type === TYPE.ping) this.#write(controlFrame(TYPE.ping, body));
    else if (type === TYPE.rstStream) this.#forget(streamIn(body));
    else if (type === TYPE.synStream) await this.#open(body, fin, accept);
    // Not read, it would leave zlib behind.
    else if (type === TYPE.headers) await this.#headers.read(body.subarray(4));
    return false;
  }

  async #open(body: Buffer, fin: boolean, accept: (stream: SpdyStream) => StreamReader): Promise<void> {
    const id = streamIn(body);
    const headers = await this.#headers.read(body.subarray(10));
    if (id % 2 === 0 || id <= this.#lastStream)
      throw new StatusError('BadRequest', `SPDY: a client cannot open stream ${id} after ${this.#lastStream}`);
    this.#lastStream = id;
    if (this.#streams.size >= MOST_STREAMS)
      return void this.#write(controlFrame(TYPE.rstStream, id, RESET.refusedStream));
    this.#write(controlFrame(TYPE.synReply, id, emptyHeaders(!this.#hasReplied)));
    this.#hasReplied = true;
    const open: Open = { reader: {}, clientEnded: false, weEnded: false };
    this.#streams.set(id, open);
    open.reader = accept({
      headers,
      write: (data) => this.#say(id, data),
      end: () => this.#endOurs(id),
      reset: () => {
        if (this.#streams.has(id)) this.#write(controlFrame(TYPE.rstStream, id, RESET.cancel));
        this.#forget(id);
      },
    });
    if (fin) this.#endTheirs(id);
  }

  async #data(id: number, data: Buffer, fin: boolean): Promise<void> {
    const open = this.#streams.get(id);
    // It was closed while the client was still sending.
    if (!open || open.clientEnded) return;
    if (data.length > 0) await open.reader.data?.(data);
    if (fin) this.#endTheirs(id);
  }

  async #say(id: number, data: Buffer): Promise<void> {
    const open = this.#streams.get(id);
    if (!open || open.weEnded || data.length === 0) return;
    if (this.#write(dataFrames(id, data, false)) || this.#wire.writableLength <= AHEAD) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#wire.off('drain', done).off('close', done);
        resolve();
      };
      this.#wire.on('drain', done).on('close', done);
    });
  }

  #endOurs(id: number): void {
    const open = this.#streams.get(id);
    if (!open || open.weEnded) return;
    open.weEnded = true;
    this.#write(dataFrames(id, Buffer.alloc(0), true));
    if (open.clientEnded) this.#forget(id);
  }

  #endTheirs(id: number): void {
    const open = this.#streams.get(id);
    if (!open) return;
    open.clientEnded = true;
    open.reader.end?.();
    if (open.weEnded) this.#forget(id);
  }

  #forget(id: number): void {
    const open = this.#streams.get(id);
    this.#streams.delete(id);
    open?.reader.closed?.();
  }

  #write(frame: Buffer): boolean {
    return !this.#wire.writable || this.#wire.write(frame);
  }
}

function streamIn(body: Buffer): number {
  if (body.length < 4) throw new StatusError('BadRequest', 'SPDY: a frame is cut short');
  return body.readUInt32BE(0) & 0x7fffffff;
}
