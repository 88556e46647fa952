import { constants, createInflate } from 'node:zlib';
import { StatusError } from '../../base/errors.ts';

/** Of a block of headers when it is unpacked; clients send far less. */
const MOST_BYTES = 16 * 1024;

const WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status';
const MORE_WORDS = ['200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie', 'keep-alive', 'origin'];
const TAIL =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

const lengthOf = (text: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return length;
};

/** What both sides' zlib knows from the start (SPDY/3, 2.6.10.1). */
export const DICTIONARY: Buffer = Buffer.concat([
  ...[...WORDS.split(' '), ...MORE_WORDS].flatMap((word) => [lengthOf(word), Buffer.from(word)]),
  Buffer.from(TAIL),
]);

/** The blocks of one direction are one zlib stream: each must be read, in their order. */
export class HeaderReader {
  readonly #inflate = createInflate({ dictionary: DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH });
  #parts: Buffer[] = [];
  #size = 0;
  #fail: (error: Error) => void = () => undefined;

  constructor() {
    this.#inflate.on('data', (part: Buffer) => {
      this.#parts.push(part);
      this.#size += part.length;
      if (this.#size <= MOST_BYTES) return;
      this.#fail(new StatusError('BadRequest', `SPDY: a block of headers is larger than ${MOST_BYTES} bytes`));
      this.close();
    });
    this.#inflate.on('error', (error) => this.#fail(error));
  }

  async read(block: Buffer): Promise<ReadonlyMap<string, string>> {
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject;
      this.#inflate.write(block);
      // Whatever is left of it in the stream's own buffer is wanted now.
      this.#inflate.flush(constants.Z_SYNC_FLUSH, () => resolve());
    });
    const text = Buffer.concat(this.#parts.splice(0));
    this.#size = 0;
    return headersIn(text);
  }

  close(): void {
    this.#inflate.destroy();
  }
}

/** A count, then names and values, each with its length before it. Throws BadRequest for what is cut short. */
function headersIn(block: Buffer): ReadonlyMap<string, string> {
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw cutShort();
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw cutShort();
    at += length;
    return block.toString('latin1', at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = number(); left > 0; left--) headers.set(text(), text());
  return headers;
}

const cutShort = (): StatusError => new StatusError('BadRequest', 'SPDY: a block of headers is cut short');

/** The head of a zlib stream. */
const ZLIB_HEAD = Buffer.from([0x78, 0x01]);
/**
 * All that we ever say: a stored block of four bytes, which count no header. The empty one after it is what a flush
 * writes: Go's reader looks for it, and takes the end without one for a failure.
 */
const NO_HEADERS = Buffer.from([0x00, 0x04, 0x00, 0xfb, 0xff, 0, 0, 0, 0, 0x00, 0x00, 0x00, 0xff, 0xff]);

/** The next block without a header: only the first has the head of the stream. */
export const emptyHeaders = (isFirst: boolean): Buffer =>
  isFirst ? Buffer.concat([ZLIB_HEAD, NO_HEADERS]) : NO_HEADERS;
