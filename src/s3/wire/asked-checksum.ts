import type { IncomingHttpHeaders } from 'node:http';
import { checksumAlgorithm, digestBytes } from './checksums.ts';
import type { ChecksumAlgorithm, DigestAlgorithm, Digests } from './checksums.ts';
import { S3Error } from './errors.ts';

/** What a request says of its body's digests. */
export interface AskedChecksum {
  /** Of `Content-MD5`. */
  md5?: Buffer;
  /** The one checksum: its value is known before the body, or comes in its trailer. */
  checksum?: { algorithm: ChecksumAlgorithm; value: Buffer } | { algorithm: ChecksumAlgorithm; trailer: string };
}

const PREFIX = 'x-amz-checksum-';
/** They begin alike, and are no checksums. */
const NO_CHECKSUM = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-mode', 'x-amz-checksum-type']);

/** What the headers ask for; of a form, its fields. A header with a list of values is as if it were malformed. */
export function askedChecksum(headers: IncomingHttpHeaders): AskedChecksum {
  const asked: AskedChecksum = {};
  const md5 = headers['content-md5'];
  if (md5 !== undefined) asked.md5 = md5Of(String(md5));
  const values = Object.keys(headers).filter((name) => name.startsWith(PREFIX) && !NO_CHECKSUM.has(name));
  const trailers = trailerNames(headers).filter((name) => name.startsWith(PREFIX));
  const [name] = [...values, ...trailers];
  const named = headers['x-amz-sdk-checksum-algorithm'];
  if (name === undefined) {
    if (named !== undefined)
      throw refused(
        'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
      );
    return asked;
  }
  if (values.length + trailers.length > 1)
    throw refused('Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.');
  const algorithm = offered(name.slice(PREFIX.length));
  if (named !== undefined && String(named).toUpperCase() !== algorithm)
    throw refused('Value for x-amz-sdk-checksum-algorithm header is invalid.');
  if (values.length === 0) return { ...asked, checksum: { algorithm, trailer: name } };
  return { ...asked, checksum: { algorithm, value: checksumValue(algorithm, name, String(headers[name])) } };
}

/** The trailers that the request announces, in lower case. */
export const trailerNames = (headers: IncomingHttpHeaders): string[] =>
  String(headers['x-amz-trailer'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');

/** The digests that have to be calculated to know whether what was said is true. */
export const digestsToCheck = ({ md5, checksum }: AskedChecksum): DigestAlgorithm[] => [
  ...(md5 ? (['MD5'] as const) : []),
  ...(checksum ? [checksum.algorithm] : []),
];

/** BadDigest unless all that the request said of its body is true. After the body's end: trailers are known by then. */
export function checkDigests(asked: AskedChecksum, digests: Digests, trailers: Readonly<Record<string, string>>): void {
  if (asked.md5 && !asked.md5.equals(digests.digest('MD5')))
    throw new S3Error('BadDigest', {
      extra: { ExpectedDigest: asked.md5.toString('base64'), CalculatedDigest: digests.base64('MD5') },
    });
  if (!asked.checksum) return;
  const { algorithm } = asked.checksum;
  const value =
    'value' in asked.checksum
      ? asked.checksum.value
      : checksumValue(algorithm, asked.checksum.trailer, trailers[asked.checksum.trailer] ?? '');
  if (!value.equals(digests.digest(algorithm)))
    throw new S3Error('BadDigest', {
      message: `The ${algorithm} you specified did not match the calculated checksum.`,
    });
}

function md5Of(text: string): Buffer {
  const bytes = digestBytes('MD5', text);
  if (bytes === undefined) throw new S3Error('InvalidDigest', { extra: { 'Content-MD5': text } });
  return bytes;
}

function offered(name: string): ChecksumAlgorithm {
  const algorithm = checksumAlgorithm(name);
  if (algorithm === undefined)
    throw new S3Error('NotImplemented', { message: `The checksum algorithm ${name.toUpperCase()} is not offered.` });
  return algorithm;
}

function checksumValue(algorithm: ChecksumAlgorithm, name: string, text: string): Buffer {
  const bytes = digestBytes(algorithm, text);
  if (bytes === undefined) throw new S3Error('BadDigest', { message: `Value for ${name} header is invalid.` });
  return bytes;
}

const refused = (message: string): S3Error => new S3Error('InvalidRequest', { message });
