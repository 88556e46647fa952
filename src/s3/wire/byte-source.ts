import { S3Error } from './errors.ts';

/** Longer than any line of a body's framing: a chunk's header, a trailer. */
const LONGEST_LINE = 4_096;
const LINE_FEED = 0x0a;

/**
 * Reads lines and counted bytes from pieces of any size, and holds one piece. It never closes where they come from: who
 * refuses a request wants to answer it.
 */
export class ByteSource {
  readonly #pieces: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(pieces: AsyncIterable<Buffer>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next bytes, at most so many; `undefined` at the end. */
  async piece(most = Infinity): Promise<Buffer | undefined> {
    if (!(await this.#fill())) return undefined;
    return this.#take(Math.min(most, this.#rest.length));
  }

  /** The text before the next line feed, without a carriage return at its end. */
  async line(): Promise<string> {
    let text = '';
    while (text.length <= LONGEST_LINE) {
      if (!(await this.#fill())) throw new S3Error('IncompleteBody');
      const end = this.#rest.indexOf(LINE_FEED);
      text += this.#take(end === -1 ? this.#rest.length : end).toString('latin1');
      if (end === -1) continue;
      this.#take(1);
      return text.endsWith('\r') ? text.slice(0, -1) : text;
    }
    throw badFraming(`a line is longer than ${LONGEST_LINE} bytes`);
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return false;
      this.#rest = next.value;
    }
    return true;
  }

  #take(bytes: number): Buffer {
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }
}

export const badFraming = (what: string): S3Error =>
  new S3Error('InvalidRequest', { message: `The body is not framed as aws-chunked asks: ${what}.` });
