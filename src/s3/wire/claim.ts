import type { IncomingHttpHeaders } from 'node:http';
import { S3Error } from './errors.ts';
import { decodedQuery } from './request-target.ts';
import type { RequestTarget } from './request-target.ts';
import { ALGORITHM, amzDate, parseAmzDate, parseCredential } from './signing.ts';
import type { Credential } from './signing.ts';

/** A request as it came: `rawUrl` and the values of headers as on the wire, bytes as Node reads them (Latin-1). */
export interface SignedRequest {
  method: string;
  rawUrl: string;
  headers: IncomingHttpHeaders;
  /** Names and values in turn. Needed for headers that come more than once, of which Node keeps one. */
  rawHeaders?: readonly string[];
}

/** How far a client's clock may be off. */
const MAX_SKEW_MS = 15 * 60_000;
const LONGEST_EXPIRY_S = 604_800;
export const USE_V4 = 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';

/** What a client claims, wherever it stands in the request. */
export interface Claim extends Credential {
  signedHeaders: readonly string[];
  signature: string;
  timestamp: string;
  /** What stands for the body in what is signed. */
  contentSha256: string;
  target: RequestTarget;
  isPresigned: boolean;
}

/** `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`. */
function parseAuthorization(text: string): Pick<Claim, 'accessKeyId' | 'scope' | 'signedHeaders' | 'signature'> {
  const space = text.indexOf(' ');
  const scheme = space === -1 ? text : text.slice(0, space);
  if (scheme === 'AWS') {
    if (!/^AWS [^:\s]+:[^:\s]+$/.test(text))
      throw new S3Error('InvalidArgument', {
        message: 'AWS authorization header is invalid. Expected AwsAccessKeyId:signature',
      });
    throw invalidRequest(USE_V4);
  }
  if (scheme.startsWith('AWS4-') && scheme !== ALGORITHM) throw invalidRequest(USE_V4);
  if (scheme !== ALGORITHM) throw new S3Error('InvalidArgument', { message: 'Unsupported Authorization Type' });
  const fields = new Map(
    text
      .slice(scheme.length)
      .split(',')
      .map((field) => field.trim())
      .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((n) => fields.get(n));
  if (!credential || !signedHeaders || !signature)
    throw headerMalformed('it must have Credential, SignedHeaders and Signature.');
  return {
    ...scoped(credential, headerMalformed),
    signedHeaders: signedHeaders.toLowerCase().split(';'),
    signature,
  };
}

const headerMalformed = (what: string): S3Error =>
  new S3Error('AuthorizationHeaderMalformed', { message: `The authorization header is malformed; ${what}` });
const queryMalformed = (what: string): S3Error =>
  new S3Error('AuthorizationQueryParametersError', {
    message: `Error parsing the X-Amz-Credential parameter; ${what}`,
  });
export const invalidRequest = (message: string): S3Error => new S3Error('InvalidRequest', { message });

/** The region is whatever the client says: there is one. */
function scoped(text: string, malformed: (what: string) => S3Error): Credential {
  const credential = parseCredential(text);
  if (!credential) throw malformed('the Credential must be "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".');
  const { service, terminator } = credential.scope;
  if (service !== 's3') throw malformed(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (terminator !== 'aws4_request') throw malformed(`incorrect terminal "${terminator}". It must be "aws4_request".`);
  return credential;
}

export function headerClaim({ headers }: SignedRequest, target: RequestTarget, now: Date): Claim {
  const parsed = parseAuthorization(headers.authorization ?? '');
  const contentSha256 = headers['x-amz-content-sha256'];
  if (contentSha256 === undefined)
    throw invalidRequest('Missing required header for this request: x-amz-content-sha256');
  const given = headers['x-amz-date'] ?? headers.date ?? '';
  const date = parseAmzDate(String(given)) ?? parseHttpDate(String(given));
  if (!date)
    throw new S3Error('AccessDenied', {
      message: 'AWS authentication requires a valid Date or x-amz-date header',
    });
  if (Math.abs(now.getTime() - date.getTime()) > MAX_SKEW_MS)
    throw new S3Error('RequestTimeTooSkewed', {
      extra: {
        RequestTime: String(given),
        ServerTime: now.toISOString(),
        MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
      },
    });
  const timestamp = amzDate(date);
  if (!timestamp.startsWith(`${parsed.scope.date}T`))
    throw headerMalformed(`the Credential's date "${parsed.scope.date}" is not that of X-Amz-Date.`);
  return { ...parsed, contentSha256: String(contentSha256), timestamp, target, isPresigned: false };
}

/** The form that HTTP has for dates, and no other that a machine could guess. */
function parseHttpDate(text: string): Date | undefined {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (?:GMT|UTC|[+]0000)$/.test(text)) return undefined;
  const date = new Date(text);
  return date.getTime() >= 0 ? date : undefined;
}

const PRESIGNED = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
] as const;

export function presignedClaim({ headers }: SignedRequest, target: RequestTarget, now: Date): Claim {
  const query = decodedQuery(target.query);
  const [algorithm, credential, timestamp, expires, signedHeaders, signature] = PRESIGNED.map((name) =>
    query.get(name),
  );
  if (!algorithm || !credential || !timestamp || !expires || !signedHeaders || !signature)
    throw new S3Error('AuthorizationQueryParametersError');
  if (algorithm !== ALGORITHM)
    throw new S3Error('AuthorizationQueryParametersError', {
      message: 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"',
    });
  const parsed = scoped(credential, queryMalformed);
  const date = parseAmzDate(timestamp);
  if (!date)
    throw new S3Error('AuthorizationQueryParametersError', {
      message: "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
    });
  if (!timestamp.startsWith(`${parsed.scope.date}T`))
    throw queryMalformed(`its date "${parsed.scope.date}" is not that of X-Amz-Date.`);
  checkExpiry(expires, date, now);
  const lower = signedHeaders.toLowerCase().split(';');
  // Clients that hoist the header say it in the URL; one that is not signed says nothing.
  const header = lower.includes('x-amz-content-sha256') ? headers['x-amz-content-sha256'] : undefined;
  const contentSha256 = query.get('X-Amz-Content-Sha256') ?? String(header ?? 'UNSIGNED-PAYLOAD');
  return { ...parsed, signedHeaders: lower, signature, timestamp, contentSha256, target, isPresigned: true };
}

/**
 * A URL is valid from its date for so many seconds. What is no such number is AccessDenied, as expired ones are: ceph's
 * suite asks for 403 in each case.
 */
function checkExpiry(expires: string, date: Date, now: Date): void {
  const seconds = /^\d{1,9}$/.test(expires) ? Number(expires) : -1;
  if (seconds < 0) throw denied('X-Amz-Expires must be non-negative');
  if (seconds > LONGEST_EXPIRY_S)
    throw denied(
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  if (date.getTime() - now.getTime() > MAX_SKEW_MS) throw denied('Request is not valid yet');
  const end = new Date(date.getTime() + seconds * 1000);
  if (now >= end)
    throw denied('Request has expired', {
      'X-Amz-Expires': expires,
      Expires: end.toISOString(),
      ServerTime: now.toISOString(),
    });
}

export const denied = (message: string, extra: Readonly<Record<string, string>> = {}): S3Error =>
  new S3Error('AccessDenied', { message, extra });
