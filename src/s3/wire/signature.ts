import { createHash } from 'node:crypto';
import { denied, headerClaim, invalidRequest, presignedClaim, USE_V4 } from './claim.ts';
import type { Claim, SignedRequest } from './claim.ts';
import { S3Error } from './errors.ts';
import { canonicalPath, canonicalQuery, decodedQuery, requestTarget } from './request-target.ts';
import { ALGORITHM, isSame, scopeText, signatureOf, signingKey } from './signing.ts';
import type { ChunkSigning, Payload } from './signing.ts';

export interface Verified {
  /** Whose key has signed; `undefined` for a request that nobody has signed. */
  accessKeyId: string | undefined;
  payload: Payload;
  /**
   * What a presigned URL says in place of headers, such as `x-amz-acl` and `x-amz-meta-…`, by names in lower case. Checksums
   * are not among them: the SDKs put there that of an empty body, and S3 does not look at it.
   */
  hoistedHeaders: Readonly<Record<string, string>>;
}

/** Parameters of a presigned URL that stand for no header that means something. */
const NOT_HOISTED =
  /^x-amz-(?:algorithm|credential|date|expires|signedheaders|signature|content-sha256|(?:sdk-)?checksum-.*)$/;

/**
 * Whose request it is. Signature V4 by header or presigned URL; a request without either is anonymous. It throws S3's
 * refusal when the signature is of another secret, another request, or another time.
 */
export function authenticate(
  request: SignedRequest,
  secretOf: (accessKeyId: string) => string | undefined,
  now: Date,
): Verified {
  const target = requestTarget(request.rawUrl);
  const query = decodedQuery(target.query);
  const isPresigned = query.has('X-Amz-Algorithm') || query.has('X-Amz-Signature') || query.has('X-Amz-Credential');
  const authorization = request.headers.authorization ?? '';
  if (request.headers['x-amz-security-token'] !== undefined || query.has('X-Amz-Security-Token'))
    throw new S3Error('InvalidToken');
  if (query.has('AWSAccessKeyId') && query.has('Signature')) throw invalidRequest(USE_V4);
  if (authorization !== '' && isPresigned)
    throw new S3Error('InvalidArgument', {
      message:
        'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    });
  if (authorization === '' && !isPresigned) {
    const contentSha256 = String(request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD');
    return { accessKeyId: undefined, payload: payloadOf(contentSha256, undefined), hoistedHeaders: {} };
  }
  const claim = isPresigned ? presignedClaim(request, target, now) : headerClaim(request, target, now);
  checkSignedHeaders(request, claim);
  const key = verifiedKey(request, claim, secretOf);
  const { accessKeyId, timestamp, scope, signature, contentSha256 } = claim;
  return {
    accessKeyId,
    payload: payloadOf(contentSha256, { key, timestamp, scope: scopeText(scope), seed: signature }),
    hoistedHeaders: isPresigned ? hoistedHeaders(query) : {},
  };
}

const hoistedHeaders = (query: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries(
    [...query]
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => name.startsWith('x-amz-') && !NOT_HOISTED.test(name)),
  );

/** The host is signed, and every header that means something to S3: else one could be added to what another has signed. */
function checkSignedHeaders({ headers }: SignedRequest, { signedHeaders, isPresigned }: Claim): void {
  const missing = Object.keys(headers).filter((name) => {
    if (name !== 'host' && !name.startsWith('x-amz-')) return false;
    // What a presigned URL says already.
    if (isPresigned && name === 'x-amz-content-sha256' && headers[name] === 'UNSIGNED-PAYLOAD') return false;
    return !signedHeaders.includes(name);
  });
  if (missing.length > 0)
    throw denied('There were headers present in the request which were not signed', {
      HeadersNotSigned: missing.join(', '),
    });
}

/** The key that has signed the request; or the refusal. */
function verifiedKey(
  request: SignedRequest,
  claim: Claim,
  secretOf: (accessKeyId: string) => string | undefined,
): Buffer {
  const { accessKeyId, scope, signature, timestamp } = claim;
  const secret = secretOf(accessKeyId);
  if (secret === undefined) throw new S3Error('InvalidAccessKeyId', { extra: { AWSAccessKeyId: accessKeyId } });
  const key = signingKey(secret, scope);
  const canonical = canonicalRequest(request, claim);
  const stringToSign = (encoding: 'latin1' | 'utf8'): string =>
    [ALGORITHM, timestamp, scopeText(scope), createHash('sha256').update(canonical, encoding).digest('hex')].join('\n');
  // The bytes as they came. Some clients send Latin-1 and sign the same text as UTF-8.
  const isSigned = (['latin1', 'utf8'] as const).some((encoding) =>
    isSame(signature, signatureOf(key, stringToSign(encoding))),
  );
  if (!isSigned)
    throw new S3Error('SignatureDoesNotMatch', {
      extra: {
        AWSAccessKeyId: accessKeyId,
        StringToSign: stringToSign('latin1'),
        SignatureProvided: signature,
        CanonicalRequest: canonical,
      },
    });
  return key;
}

function canonicalRequest(
  request: SignedRequest,
  { target, signedHeaders, contentSha256, isPresigned }: Claim,
): string {
  const query = isPresigned ? target.query.filter(({ name }) => name !== 'X-Amz-Signature') : target.query;
  return [
    request.method,
    canonicalPath(target.path),
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${headerValue(request, name)}`),
    '',
    signedHeaders.join(';'),
    contentSha256,
  ].join('\n');
}

/** Every value that the header has, with a comma between them; runs of blanks are one. */
function headerValue({ headers, rawHeaders }: SignedRequest, name: string): string {
  const raw = rawHeaders?.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
  const values = raw ?? [headers[name] ?? ''].flat();
  return values
    .map((value) => value.split(/[ \t]/).filter((word) => word !== ''))
    .map((words) => words.join(' '))
    .join(',');
}

/** How the body is protected, by what stood for it in what was signed. */
function payloadOf(contentSha256: string, signing: ChunkSigning | undefined): Payload {
  if (/^[0-9a-f]{64}$/.test(contentSha256)) return { kind: 'sha256', sha256: contentSha256 };
  switch (contentSha256) {
    case 'UNSIGNED-PAYLOAD':
      return { kind: 'unsigned' };
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'unsigned-chunks' };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      if (!signing) throw denied('The chunks of a body are signed only where the request is.');
      return { kind: 'signed-chunks', signing, withTrailer: contentSha256.endsWith('-TRAILER') };
    default:
      throw new S3Error('InvalidArgument', {
        message:
          'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, or a valid sha256 value.',
        extra: { ArgumentName: 'x-amz-content-sha256', ArgumentValue: contentSha256 },
      });
  }
}
