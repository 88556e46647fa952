import type { IncomingMessage } from 'node:http';
import type { CorsRule } from '../../api/bucket-config.ts';
import { globMatches } from '../../base/glob.ts';
import type { S3Bucket } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import type { Answer } from './answer.ts';

const VARY = 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method';

/** What a browser is told of an answer, that it may show it to a page of another origin. */
export function corsHeaders(raw: IncomingMessage, bucket: S3Bucket | undefined): Record<string, string> {
  const { origin, 'access-control-request-method': method = raw.method ?? '' } = raw.headers;
  const rule = origin === undefined ? undefined : ruleFor(bucket, origin, method);
  return origin === undefined || !rule ? {} : said(rule, origin);
}

/** What a browser asks before it asks for anything else. Throws AccessForbidden. */
export function preflight({ headers }: IncomingMessage, bucket: S3Bucket | undefined): Answer {
  const { origin, 'access-control-request-method': method } = headers;
  if (origin === undefined || method === undefined)
    throw new S3Error('BadRequest', {
      message: 'Insufficient information. Origin and Access-Control-Request-Method request headers needed.',
    });
  const wanted = (headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const rule = ruleFor(bucket, origin, method, wanted);
  if (!rule) throw new S3Error('AccessForbidden');
  return {
    headers: {
      ...said(rule, origin),
      ...(wanted.length > 0 && { 'access-control-allow-headers': wanted.join(', ') }),
      ...(rule.maxAgeSeconds !== undefined && { 'access-control-max-age': String(rule.maxAgeSeconds) }),
    },
  };
}

function ruleFor(
  bucket: S3Bucket | undefined,
  origin: string,
  method: string,
  headers: readonly string[] = [],
): CorsRule | undefined {
  return bucket?.config.cors?.find(
    ({ allowedOrigins, allowedMethods, allowedHeaders = [] }) =>
      allowedOrigins.some((pattern) => globMatches(pattern, origin)) &&
      allowedMethods.some((each) => each === method) &&
      headers.every((name) => allowedHeaders.some((pattern) => globMatches(pattern.toLowerCase(), name))),
  );
}

function said({ allowedOrigins, allowedMethods, exposeHeaders = [] }: CorsRule, origin: string) {
  const isAnyone = allowedOrigins.includes('*');
  return {
    'access-control-allow-origin': isAnyone ? '*' : origin,
    'access-control-allow-methods': allowedMethods.join(', '),
    ...(!isAnyone && { 'access-control-allow-credentials': 'true' }),
    ...(exposeHeaders.length > 0 && { 'access-control-expose-headers': exposeHeaders.join(', ') }),
    vary: VARY,
  };
}
