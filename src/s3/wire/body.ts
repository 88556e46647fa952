import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { trailerNames } from './asked-checksum.ts';
import { badFraming, ByteSource } from './byte-source.ts';
import { S3Error } from './errors.ts';
import { isSame, signatureOf } from './signing.ts';
import type { ChunkSigning, Payload } from './signing.ts';

/** A signed chunk up to this size is held until its signature is checked. */
const MOST_HELD = 1 << 20;
const EMPTY_SHA256 = createHash('sha256').digest('hex');

/**
 * The content of a request's body, whatever its framing and protection. It is read once.
 *
 * **Nothing of it may be acted on before its end**: an iteration that throws has given bytes that nobody vouches for. That is
 * so for a body with one digest, which is known to be right at its end; and for a signed chunk of more than 1 MiB, which is
 * not held in memory. The bytes of a smaller one are given on after its signature was checked.
 *
 * The stream is not closed when the body is refused, so that the refusal can be answered.
 */
export class RequestBody implements AsyncIterable<Buffer> {
  /** How many bytes the content has, by what the client says; `undefined` where it does not say. */
  readonly length: number | undefined;
  readonly #source: ByteSource;
  readonly #payload: Payload;
  readonly #announced: ReadonlySet<string>;
  #trailers: Readonly<Record<string, string>> | undefined;

  constructor(pieces: AsyncIterable<Buffer>, payload: Payload, headers: IncomingHttpHeaders) {
    this.#source = new ByteSource(pieces);
    this.#payload = payload;
    this.#announced = new Set(trailerNames(headers));
    const isChunked = payload.kind === 'signed-chunks' || payload.kind === 'unsigned-chunks';
    const name = isChunked ? 'x-amz-decoded-content-length' : 'content-length';
    const length = headers[name];
    if (isChunked && length === undefined) throw new S3Error('MissingContentLength');
    this.length = length === undefined ? undefined : byteCount(name, String(length));
  }

  /** What came after the content, by names in lower case: signed like it, or as little. */
  get trailers(): Readonly<Record<string, string>> {
    if (!this.#trailers) throw new Error('the trailers of a body are known after its end');
    return this.#trailers;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    const payload = this.#payload;
    if (payload.kind === 'signed-chunks') {
      const signer = new ChunkSigner(payload.signing);
      yield* this.#chunks(signer);
      this.#trailers = payload.withTrailer ? await this.#readTrailers(signer) : await this.#noTrailers();
    } else if (payload.kind === 'unsigned-chunks') {
      yield* this.#chunks(undefined);
      this.#trailers = await this.#readTrailers(undefined);
    } else {
      yield* this.#plain(payload);
      this.#trailers = {};
    }
    if ((await this.#source.piece()) !== undefined) throw badFraming('bytes follow its end');
  }

  async *#plain(payload: Payload & { kind: 'unsigned' | 'sha256' }): AsyncGenerator<Buffer> {
    const hash = payload.kind === 'sha256' ? createHash('sha256') : undefined;
    let length = 0;
    for (let piece = await this.#source.piece(); piece !== undefined; piece = await this.#source.piece()) {
      length += piece.length;
      if (this.length !== undefined && length > this.length) throw new S3Error('IncompleteBody');
      hash?.update(piece);
      yield piece;
    }
    if (this.length !== undefined && length < this.length) throw new S3Error('IncompleteBody');
    const computed = hash?.digest('hex');
    if (payload.kind === 'sha256' && computed !== undefined && computed !== payload.sha256)
      throw new S3Error('XAmzContentSHA256Mismatch', {
        extra: { ClientComputedContentSHA256: payload.sha256, S3ComputedContentSHA256: computed },
      });
  }

  /** Until after the line of the last chunk, which is empty. */
  async *#chunks(signer: ChunkSigner | undefined): AsyncGenerator<Buffer> {
    let left = this.length ?? 0;
    for (;;) {
      const { size, signature } = chunkHeader(await this.#source.line());
      if (size > left || (size === 0 && left > 0)) throw new S3Error('IncompleteBody');
      if (signer && signature === undefined) throw badFraming('a chunk has no signature');
      if (size === 0) {
        signer?.checkChunk(EMPTY_SHA256, signature ?? '');
        return;
      }
      yield* signer ? this.#signedChunk(size, signer, signature ?? '') : this.#bytes(size);
      if ((await this.#source.line()) !== '') throw badFraming('a chunk is longer than its header says');
      left -= size;
    }
  }

  async *#signedChunk(size: number, signer: ChunkSigner, signature: string): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    const held: Buffer[] = [];
    for await (const piece of this.#bytes(size)) {
      hash.update(piece);
      if (size > MOST_HELD) yield piece;
      else held.push(piece);
    }
    signer.checkChunk(hash.digest('hex'), signature);
    yield* held;
  }

  async *#bytes(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      const piece = await this.#source.piece(left);
      if (piece === undefined) throw new S3Error('IncompleteBody');
      left -= piece.length;
      yield piece;
    }
  }

  async #noTrailers(): Promise<Record<string, string>> {
    if ((await this.#source.line()) !== '') throw badFraming('it has a trailer that was not announced');
    return {};
  }

  async #readTrailers(signer: ChunkSigner | undefined): Promise<Record<string, string>> {
    const trailers = new Map<string, string>();
    let isChecked = signer === undefined;
    for (let lines = 0; ; lines++) {
      const line = await this.#source.line();
      if (line === '' && isChecked) break;
      // minio-go has an empty line before the signature.
      if (line === '' && lines === trailers.size) continue;
      const { name, value } = trailerOf(line);
      if (signer && !isChecked && name === 'x-amz-trailer-signature') {
        signer.checkTrailers(trailers, value);
        isChecked = true;
      } else if (isChecked && signer) throw new S3Error('MalformedTrailerError');
      else if (!this.#announced.has(name) || trailers.has(name)) throw new S3Error('MalformedTrailerError');
      else trailers.set(name, value);
    }
    if (trailers.size < this.#announced.size) throw new S3Error('MalformedTrailerError');
    return Object.fromEntries(trailers);
  }
}

function byteCount(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new S3Error('InvalidArgument', {
      message: `The value of ${name} must be a number of bytes.`,
      extra: { ArgumentName: name, ArgumentValue: text },
    });
  return Number(text);
}

/** `10000;chunk-signature=…`, the size in hexadecimal. */
function chunkHeader(line: string): { size: number; signature?: string } {
  const parts = /^([0-9a-fA-F]{1,13})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
  if (!parts) throw badFraming('a chunk does not begin with its size');
  const size = Number.parseInt(parts[1] ?? '', 16);
  return parts[2] === undefined ? { size } : { size, signature: parts[2] };
}

function trailerOf(line: string): { name: string; value: string } {
  const colon = line.indexOf(':');
  if (colon < 1) throw new S3Error('MalformedTrailerError');
  return { name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() };
}

/** Each signature covers the one before it: no chunk can be left out, repeated, or put elsewhere. */
class ChunkSigner {
  readonly #signing: ChunkSigning;
  #previous: string;

  constructor(signing: ChunkSigning) {
    this.#signing = signing;
    this.#previous = signing.seed;
  }

  checkChunk(sha256: string, signature: string): void {
    this.#check('AWS4-HMAC-SHA256-PAYLOAD', [EMPTY_SHA256, sha256], signature);
  }

  checkTrailers(trailers: ReadonlyMap<string, string>, signature: string): void {
    const text = [...trailers].map(([name, value]) => `${name}:${value}\n`).join('');
    this.#check('AWS4-HMAC-SHA256-TRAILER', [createHash('sha256').update(text).digest('hex')], signature);
  }

  #check(algorithm: string, digests: readonly string[], signature: string): void {
    const { key, timestamp, scope } = this.#signing;
    const expected = signatureOf(key, [algorithm, timestamp, scope, this.#previous, ...digests].join('\n'));
    if (!isSame(signature, expected)) throw new S3Error('SignatureDoesNotMatch');
    this.#previous = expected;
  }
}
