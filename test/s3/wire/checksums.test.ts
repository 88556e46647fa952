import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askedChecksum, checkDigests, digestsToCheck } from '../../../src/s3/wire/asked-checksum.ts';
import {
  canCombine,
  CHECKSUM_ALGORITHMS,
  compositeOf,
  digestBytes,
  Digests,
  fullObjectOf,
  multipartEtag,
} from '../../../src/s3/wire/checksums.ts';
import type { ChecksumAlgorithm, DigestAlgorithm } from '../../../src/s3/wire/checksums.ts';
import { S3Error } from '../../../src/s3/wire/errors.ts';

const ALL = [...CHECKSUM_ALGORITHMS, 'MD5'] as const;
const digest = (algorithm: DigestAlgorithm, bytes: Uint8Array) =>
  new Digests([algorithm]).update(bytes).digest(algorithm);
const base64 = (algorithm: DigestAlgorithm, text: string) => digest(algorithm, Buffer.from(text)).toString('base64');

describe('digests', () => {
  it.each<[DigestAlgorithm, string, string]>([
    ['CRC32', 'cbf43926', '00000000'],
    ['CRC32C', 'e3069283', '00000000'],
    ['CRC64NVME', 'ae8b14860a799888', '0000000000000000'],
    ['SHA1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441', 'da39a3ee5e6b4b0d3255bfef95601890afd80709'],
    ['MD5', '25f9e794323b453885f5181f1b624d0b', 'd41d8cd98f00b204e9800998ecf8427e'],
  ])('of %s are those that the world knows', (algorithm, ofDigits, ofNothing) => {
    expect(new Digests([algorithm]).update(Buffer.from('123456789')).hex(algorithm)).toBe(ofDigits);
    expect(new Digests([algorithm]).hex(algorithm)).toBe(ofNothing);
  });

  it('do not depend on how the bytes come, nor on others that are made meanwhile', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), fc.uint8Array(), (pieces, other) => {
        const [whole, mixed, meanwhile] = [new Digests(ALL), new Digests(ALL), new Digests(ALL)];
        whole.update(Buffer.concat(pieces));
        for (const piece of pieces) {
          mixed.update(piece);
          meanwhile.update(other);
        }
        for (const algorithm of ALL) expect(mixed.base64(algorithm)).toBe(whole.base64(algorithm));
      }),
    );
  });

  it('are read in one form alone', () => {
    expect(digestBytes('CRC32', 'y/Q5Jg==')?.toString('hex')).toBe('cbf43926');
    for (const text of ['', 'y/Q5Jg', 'y_Q5Jg==', 'y/Q5Jg==\n', 'y/Q5Jh==', 'y/Q5JgA=', 'ff'])
      expect(digestBytes('CRC32', text)).toBeUndefined();
  });
});

describe('checksums of multipart objects', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 12 });

  it('follow from CRCs of the parts, whatever their lengths', () => {
    fc.assert(
      fc.property(parts, (pieces) => {
        for (const algorithm of CHECKSUM_ALGORITHMS.filter(canCombine)) {
          const checksums = pieces.map((piece) => ({ digest: digest(algorithm, piece), size: piece.length }));
          const direct = digest(algorithm, Buffer.concat(pieces)).toString('base64');
          expect(fullObjectOf(algorithm, checksums)).toBe(direct);
        }
      }),
    );
  });

  it('follow from CRCs of large parts, and of many', () => {
    const [first, second] = [Buffer.alloc(3 << 20, 'a'), Buffer.alloc((2 << 20) + 1, 'b')];
    const one = Buffer.from('x');
    for (const algorithm of CHECKSUM_ALGORITHMS.filter(canCombine)) {
      const two = [first, second].map((part) => ({ digest: digest(algorithm, part), size: part.length }));
      expect(fullObjectOf(algorithm, two)).toBe(digest(algorithm, Buffer.concat([first, second])).toString('base64'));
      const many = Array.from({ length: 10_000 }, () => ({ digest: digest(algorithm, one), size: 1 }));
      expect(fullObjectOf(algorithm, many)).toBe(digest(algorithm, Buffer.alloc(10_000, 'x')).toString('base64'));
    }
    expect(CHECKSUM_ALGORITHMS.filter((algorithm) => !canCombine(algorithm))).toEqual(['SHA1', 'SHA256']);
  });

  it('are made of those of the parts, with their number', () => {
    const [a, b] = [Buffer.from('a'), Buffer.from('b')];
    const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
    const expected = sha(Buffer.concat([sha(a), sha(b)])).toString('base64');
    expect(compositeOf('SHA256', [digest('SHA256', a), digest('SHA256', b)])).toBe(`${expected}-2`);
    const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
    const etag = createHash('md5')
      .update(Buffer.from(md5(a) + md5(b), 'hex'))
      .digest('hex');
    expect(multipartEtag([md5(a), md5(b)])).toBe(`${etag}-2`);
  });
});

describe('the checksum that a request asks for', () => {
  const outcome = (headers: Record<string, string>, body = 'hello', trailers: Record<string, string> = {}): string => {
    try {
      const asked = askedChecksum(headers);
      const digests = new Digests(digestsToCheck(asked)).update(Buffer.from(body));
      checkDigests(asked, digests, trailers);
      return asked.checksum?.algorithm ?? 'none';
    } catch (error) {
      if (error instanceof S3Error) return error.code;
      throw error;
    }
  };
  const named = (algorithm: ChecksumAlgorithm) => `x-amz-checksum-${algorithm.toLowerCase()}`;

  it.each(CHECKSUM_ALGORITHMS)('is checked by %s, from a header or a trailer', (algorithm) => {
    const [right, wrong] = [base64(algorithm, 'hello'), base64(algorithm, 'other')];
    const header = { 'x-amz-sdk-checksum-algorithm': algorithm };
    expect(outcome({ ...header, [named(algorithm)]: right })).toBe(algorithm);
    expect(outcome({ [named(algorithm)]: wrong })).toBe('BadDigest');
    const trailer = { ...header, 'x-amz-trailer': named(algorithm) };
    expect(outcome(trailer, 'hello', { [named(algorithm)]: right })).toBe(algorithm);
    expect(outcome(trailer, 'hello', { [named(algorithm)]: wrong })).toBe('BadDigest');
    expect(outcome(trailer)).toBe('BadDigest');
  });

  it.each<[string, Record<string, string>, string]>([
    ['nothing', { 'x-amz-checksum-mode': 'ENABLED', 'x-amz-checksum-type': 'COMPOSITE' }, 'none'],
    ['a Content-MD5', { 'content-md5': base64('MD5', 'hello') }, 'none'],
    ['that of another body', { 'content-md5': base64('MD5', 'other') }, 'BadDigest'],
    ['one that is none', { 'content-md5': 'YWJyYWNhZGFicmE=' }, 'InvalidDigest'],
    ['an empty one', { 'content-md5': '' }, 'InvalidDigest'],
    ['a checksum that is none', { 'x-amz-checksum-crc32': 'bad' }, 'BadDigest'],
    ['two values', { 'x-amz-checksum-crc32': 'y/Q5Jg==, y/Q5Jg==' }, 'BadDigest'],
    ['two checksums', { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'x-amz-checksum-crc32c': 'y/Q5Jg==' }, 'InvalidRequest'],
    [
      'a header and a trailer',
      { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'x-amz-trailer': 'x-amz-checksum-sha1' },
      'InvalidRequest',
    ],
    [
      'another algorithm',
      { 'x-amz-checksum-crc32': 'y/Q5Jg==', 'x-amz-sdk-checksum-algorithm': 'SHA1' },
      'InvalidRequest',
    ],
    ['an algorithm alone', { 'x-amz-sdk-checksum-algorithm': 'SHA1' }, 'InvalidRequest'],
    ['one that is not offered', { 'x-amz-checksum-xxhash3': 'AAAAAAAAAAA=' }, 'NotImplemented'],
  ])('%s', (_, headers, expected) => {
    expect(outcome(headers)).toBe(expected);
  });
});
