/** What stands before each message: all of one log have the same length, so that they compare as text. */
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** With its space. */
const LONGEST_STAMP = 40;
/** The Engine cuts a longer line into messages of so many bytes, each with a time of its own (daemon/logger/copier.go). */
const MESSAGE_BYTES = 16_384;
const NEW_LINE = 0x0a;
const SPACE = 0x20;

/**
 * The messages of a log that is read with times, perhaps over several streams: what a stream repeats of the one before is
 * left out, to the nanosecond.
 */
export class LogLines {
  readonly #withTimes: boolean;
  /** The newest time, and how many messages have it. */
  #last = '';
  #same = 0;
  /** Messages of the newest time that the stream will repeat. */
  #repeated = 0;
  #rest = Buffer.alloc(0);
  /** Bytes until the Engine cuts; 0: a message begins. */
  #left = 0;
  #dropping = false;
  #beginsLine = true;

  constructor(withTimes: boolean) {
    this.#withTimes = withTimes;
  }

  /** The newest time that was seen; the next stream may begin there. */
  get last(): string | undefined {
    return this.#last || undefined;
  }

  /** Another stream begins. */
  resume(): void {
    this.#repeated = this.#same;
    this.#rest = Buffer.alloc(0);
    this.#left = 0;
    this.#beginsLine = true;
  }

  /** What of a piece is to be printed. */
  take(chunk: Buffer): Buffer {
    const data = Buffer.concat([this.#rest, chunk]);
    const out: Buffer[] = [];
    let at = 0;
    while (at < data.length) {
      if (this.#left === 0) {
        const length = this.#begin(data.subarray(at, at + LONGEST_STAMP), out);
        if (length === undefined) break;
        at += length;
      } else at += this.#body(data.subarray(at, at + this.#left), out);
    }
    this.#rest = Buffer.from(data.subarray(at));
    return Buffer.concat(out);
  }

  /** @returns the length of the time that stands there; `undefined`: it is not whole yet. */
  #begin(head: Buffer, out: Buffer[]): number | undefined {
    const space = head.indexOf(SPACE);
    if (space < 0 && head.length < LONGEST_STAMP) return undefined;
    const stamp = space < 0 ? '' : head.toString('latin1', 0, space);
    this.#left = MESSAGE_BYTES;
    // A message without a time is printed as it is.
    if (!STAMP.test(stamp)) return 0;
    this.#dropping = stamp < this.#last || (stamp === this.#last && this.#repeated > 0);
    if (stamp === this.#last && this.#repeated > 0) this.#repeated--;
    if (!this.#dropping) this.#saw(stamp);
    if (!this.#dropping && this.#withTimes && this.#beginsLine) out.push(head.subarray(0, space + 1));
    return space + 1;
  }

  #saw(stamp: string): void {
    this.#same = stamp === this.#last ? this.#same + 1 : 1;
    this.#last = stamp;
  }

  #body(text: Buffer, out: Buffer[]): number {
    const end = text.indexOf(NEW_LINE);
    const part = end < 0 ? text : text.subarray(0, end + 1);
    if (!this.#dropping) out.push(part);
    this.#left = end < 0 ? this.#left - part.length : 0;
    if (this.#left === 0) this.#beginsLine = end >= 0;
    return part.length;
  }
}
