import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestBody } from '../../../src/s3/wire/body.ts';
import { S3Error } from '../../../src/s3/wire/errors.ts';
import { authenticate } from '../../../src/s3/wire/signature.ts';
import type { Payload } from '../../../src/s3/wire/signing.ts';
import {
  CHUNK_SIGNATURES,
  chunkedExample,
  NOW,
  secretOf,
  TRAILER_SIGNATURES,
  trailerExample,
} from './support/example.ts';
import { signedFraming, unsignedFraming } from './support/framing.ts';

const signing = {
  key: Buffer.alloc(32, 1),
  timestamp: '20130524T000000Z',
  scope: '20130524/r/s3/aws4_request',
  seed: 'a'.repeat(64),
};
const CRC = 'x-amz-checksum-crc32';
const CHECKSUM = { [CRC]: 'y/Q5Jg==' };

async function* cut(bytes: Buffer, places: readonly number[]): AsyncGenerator<Buffer> {
  const ends = [...places, bytes.length].sort((a, b) => a - b);
  for (const [i, end] of ends.entries()) yield bytes.subarray(ends[i - 1] ?? 0, end);
}

interface Outcome {
  content: Buffer;
  pieces: Buffer[];
  refused?: string;
  trailers?: Readonly<Record<string, string>>;
}
async function read(
  payload: Payload,
  headers: Record<string, string>,
  bytes: Buffer,
  places: readonly number[] = [],
): Promise<Outcome> {
  const pieces: Buffer[] = [];
  try {
    const body = new RequestBody(cut(bytes, places), payload, headers);
    for await (const piece of body) pieces.push(piece);
    return { content: Buffer.concat(pieces), pieces, trailers: body.trailers };
  } catch (error) {
    if (error instanceof S3Error) return { content: Buffer.concat(pieces), pieces, refused: error.code };
    throw error;
  }
}

/** The same content in every framing that there is. */
const framings = (chunks: readonly Uint8Array[]): [string, Payload, Record<string, string>, Buffer][] => {
  const content = Buffer.concat(chunks);
  const filled = chunks.filter((chunk) => chunk.length > 0);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const length = { 'content-length': String(content.length) };
  const decoded = { 'x-amz-decoded-content-length': String(content.length) };
  const trailer = { ...decoded, 'x-amz-trailer': CRC };
  return [
    ['unsigned', { kind: 'unsigned' }, length, content],
    ['with a digest', { kind: 'sha256', sha256 }, length, content],
    ['unsigned chunks', { kind: 'unsigned-chunks' }, trailer, unsignedFraming(filled, CHECKSUM)],
    ['signed chunks', { kind: 'signed-chunks', signing, withTrailer: false }, decoded, signedFraming(signing, filled)],
    [
      'signed chunks with a trailer',
      { kind: 'signed-chunks', signing, withTrailer: true },
      trailer,
      signedFraming(signing, filled, CHECKSUM),
    ],
  ];
};

describe('a body', () => {
  it('is its content, wherever the network cuts it', async () => {
    const chunks = [Buffer.from('hello\r\n'), Buffer.from('0\r\n\r\nworld')];
    for (const [name, payload, headers, bytes] of framings(chunks)) {
      const expected = { content: Buffer.concat(chunks), trailers: headers['x-amz-trailer'] ? CHECKSUM : {} };
      const every = Array.from({ length: bytes.length }, (_, i) => i);
      for (const places of [[], every, ...every.map((place) => [place])])
        expect([name, await read(payload, headers, bytes, places)]).toEqual([name, expect.objectContaining(expected)]);
    }
  });

  it('is its content, whatever the sizes of chunks and pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 6 }),
        fc.array(fc.nat(1_000), { maxLength: 6 }),
        async (chunks, places) => {
          for (const [, payload, headers, bytes] of framings(chunks)) {
            const cuts = places.map((place) => place % (bytes.length + 1));
            const { content, refused } = await read(payload, headers, bytes, cuts);
            expect(refused).toBeUndefined();
            expect(content.equals(Buffer.concat(chunks))).toBe(true);
          }
        },
      ),
    );
  });

  it('is refused when it ends too early, at whatever byte', async () => {
    for (const [name, payload, headers, bytes] of framings([Buffer.from('hello'), Buffer.from('world')]))
      for (let end = 0; end < bytes.length; end++)
        expect([name, end, (await read(payload, headers, bytes.subarray(0, end))).refused]).toEqual([
          name,
          end,
          expect.any(String),
        ]);
  });

  it('is never accepted as something else: one changed bit of what is protected is found', async () => {
    const chunks = [Buffer.from('hello'), Buffer.from('world')];
    const content = Buffer.concat(chunks);
    for (const [name, payload, headers, bytes] of framings(chunks)) {
      if (payload.kind === 'unsigned' || payload.kind === 'unsigned-chunks') continue;
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = Buffer.from(bytes);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        const result = await read(payload, headers, changed);
        // A bit of the framing may mean the same: `A` and `a` in a chunk's size, or in a trailer's name.
        if (result.refused === undefined)
          expect([name, result.content, result.trailers]).toEqual([
            name,
            content,
            headers['x-amz-trailer'] ? CHECKSUM : {},
          ]);
        if (payload.kind === 'signed-chunks')
          expect(content.subarray(0, result.content.length)).toEqual(result.content);
      }
    }
  });

  it('is refused when chunks are left out, repeated or in another order', async () => {
    const chunks = ['one', 'two', 'six'].map((text) => Buffer.from(text));
    const framed = signedFraming(signing, chunks).toString();
    const [one, two, six, end] = framed.split(/(?=(?:3|0);chunk)/);
    for (const parts of [
      [two, one, six, end],
      [one, one, six, end],
      [one, two, two, end],
    ]) {
      const { refused } = await read(
        { kind: 'signed-chunks', signing, withTrailer: false },
        { 'x-amz-decoded-content-length': '9' },
        Buffer.from(parts.join('')),
      );
      expect(refused).toBe('SignatureDoesNotMatch');
    }
    const short = await read(
      { kind: 'signed-chunks', signing, withTrailer: false },
      { 'x-amz-decoded-content-length': '6' },
      Buffer.from([one, two, end].join('')),
    );
    expect(short.refused).toBe('SignatureDoesNotMatch');
  });
});

describe("Amazon's worked examples of signed chunks", () => {
  const content = Buffer.alloc(66_560, 'a');
  const chunks = [content.subarray(0, 65_536), content.subarray(65_536)];
  const sizes = ['10000', '400', '0'];

  it('are accepted', async () => {
    const { payload } = authenticate(chunkedExample, secretOf, NOW);
    const bytes = sizes
      .map((size, i) => `${size};chunk-signature=${CHUNK_SIGNATURES[i]}\r\n${chunks[i]?.toString() ?? ''}\r\n`)
      .join('');
    expect(bytes.length).toBe(Number(chunkedExample.headers['content-length']));
    const result = await read(payload, chunkedExample.headers, Buffer.from(bytes));
    expect([result.refused, result.content.equals(content)]).toEqual([undefined, true]);
  });

  it.each([
    [
      'as Amazon writes it',
      (signature: string) => `x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:${signature}\r\n\r\n`,
    ],
    [
      'as minio-go writes it',
      (signature: string) => `x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:${signature}\r\n\r\n`,
    ],
  ])('are accepted with a trailer, %s', async (_, trailer) => {
    const { payload } = authenticate(trailerExample, secretOf, NOW);
    const framed = sizes.map(
      (size, i) =>
        `${size};chunk-signature=${TRAILER_SIGNATURES[i]}\r\n${chunks[i]?.toString() ?? ''}${chunks[i] ? '\r\n' : ''}`,
    );
    const bytes = Buffer.from([...framed, trailer(TRAILER_SIGNATURES[3]!)].join(''));
    const result = await read(payload, trailerExample.headers, bytes);
    expect([result.refused, result.content.equals(content), result.trailers]).toEqual([
      undefined,
      true,
      { 'x-amz-checksum-crc32c': 'sOO8/Q==' },
    ]);
    const forged = Buffer.from(bytes.toString().replace('sOO8', 'sOO9'));
    expect((await read(payload, trailerExample.headers, forged)).refused).toBe('SignatureDoesNotMatch');
  });
});

describe('bytes of a signed body', () => {
  const length = (bytes: number) => ({ 'x-amz-decoded-content-length': String(bytes) });
  const payload: Payload = { kind: 'signed-chunks', signing, withTrailer: false };

  it('are given on after the signature of their chunk was checked, up to 1 MiB', async () => {
    const content = Buffer.alloc(1 << 20, 'x');
    const bytes = signedFraming(signing, [content]);
    bytes[bytes.indexOf('x')]! ^= 1;
    expect(await read(payload, length(content.length), bytes)).toMatchObject({
      pieces: [],
      refused: 'SignatureDoesNotMatch',
    });
  });

  it('are given on as they come in a larger one, which fails at its end', async () => {
    const content = Buffer.alloc((1 << 20) + 1, 'x');
    const bytes = signedFraming(signing, [content]);
    const places = [1_000, 500_000];
    expect((await read(payload, length(content.length), bytes, places)).content.equals(content)).toBe(true);
    bytes[bytes.indexOf('x')]! ^= 1;
    const { refused, pieces } = await read(payload, length(content.length), bytes, places);
    expect([refused, pieces.length]).toEqual(['SignatureDoesNotMatch', 3]);
  });

  it('are not waited for when a header promises more than the request has', async () => {
    const { refused } = await read(
      payload,
      length(5),
      Buffer.from(`ffffffffff;chunk-signature=${'a'.repeat(64)}\r\nx`),
    );
    expect(refused).toBe('IncompleteBody');
  });
});

describe('framing that is refused', () => {
  const unsigned = (text: string, headers: Record<string, string> = {}) =>
    read({ kind: 'unsigned-chunks' }, { 'x-amz-decoded-content-length': '5', ...headers }, Buffer.from(text));

  it.each<[string, string, string, Record<string, string>?]>([
    ['no chunk', 'hello', 'IncompleteBody'],
    ['a size that is none', 'x\r\nhello\r\n0\r\n\r\n', 'InvalidRequest'],
    ['a negative size', '-5\r\nhello\r\n0\r\n\r\n', 'InvalidRequest'],
    ['a longer line than there is', 'a'.repeat(5_000), 'InvalidRequest'],
    ['a chunk longer than it says', '4\r\nhello\r\n0\r\n\r\n', 'InvalidRequest'],
    ['more than the client said', '6\r\nhello!\r\n0\r\n\r\n', 'IncompleteBody'],
    ['less than the client said', '4\r\nhell\r\n0\r\n\r\n', 'IncompleteBody'],
    ['bytes after the end', '5\r\nhello\r\n0\r\n\r\nx', 'InvalidRequest'],
    ['a trailer that was not announced', '5\r\nhello\r\n0\r\nx-a:b\r\n\r\n', 'MalformedTrailerError'],
    ['a trailer that is none', '5\r\nhello\r\n0\r\nx-a\r\n\r\n', 'MalformedTrailerError', { 'x-amz-trailer': 'x-a' }],
    [
      'a trailer twice',
      '5\r\nhello\r\n0\r\nx-a:b\r\nx-a:c\r\n\r\n',
      'MalformedTrailerError',
      { 'x-amz-trailer': 'x-a' },
    ],
    ['a trailer that is missing', '5\r\nhello\r\n0\r\n\r\n', 'MalformedTrailerError', { 'x-amz-trailer': 'x-a' }],
    ['a length that is none', '0\r\n\r\n', 'InvalidArgument', { 'x-amz-decoded-content-length': '1e3' }],
  ])('%s', async (_, text, code, headers) => {
    expect((await unsigned(text, headers)).refused).toBe(code);
  });

  it('a body without a length, or with another one', async () => {
    const plain = (headers: Record<string, string>) => read({ kind: 'unsigned' }, headers, Buffer.from('hello'));
    expect((await read({ kind: 'unsigned-chunks' }, {}, Buffer.from('0\r\n\r\n'))).refused).toBe(
      'MissingContentLength',
    );
    for (const length of ['4', '6']) expect((await plain({ 'content-length': length })).refused).toBe('IncompleteBody');
    expect((await plain({})).content.toString()).toBe('hello');
  });

  it('a body with another digest', async () => {
    const { refused } = await read({ kind: 'sha256', sha256: '0'.repeat(64) }, {}, Buffer.from('hello'));
    expect(refused).toBe('XAmzContentSHA256Mismatch');
  });
});
