import { describe, expect, it } from 'vitest';
import type { SignedRequest } from '../../../src/s3/wire/claim.ts';
import { canonicalPath, canonicalQuery, decodedQuery, requestTarget } from '../../../src/s3/wire/request-target.ts';
import { authenticate } from '../../../src/s3/wire/signature.ts';
import {
  authorization,
  chunkedExample,
  EMPTY,
  exampleRequest,
  KEY,
  NOW,
  refusalOf,
  secretOf,
  trailerExample,
} from './support/example.ts';

const RANGE_HEADERS = 'host;range;x-amz-content-sha256;x-amz-date';
const RANGE_SIGNATURE = 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41';
const read = (headers: Record<string, string> = {}, rawUrl = '/test.txt') =>
  exampleRequest('GET', rawUrl, {
    range: 'bytes=0-9',
    authorization: authorization(RANGE_HEADERS, RANGE_SIGNATURE),
    ...headers,
  });
const presignedUrl =
  '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
  '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
  '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
const presigned = (rawUrl = presignedUrl, headers: Record<string, string> = {}): SignedRequest => ({
  method: 'GET',
  rawUrl,
  headers: { host: 'examplebucket.s3.amazonaws.com', ...headers },
});
const outcome = (request: SignedRequest, now = NOW, secret = secretOf) =>
  refusalOf(() => authenticate(request, secret, now)) ?? 'accepted';
const after = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

describe("Amazon's worked examples", () => {
  const plain = (signature: string) => authorization('host;x-amz-content-sha256;x-amz-date', signature);

  it.each<[string, SignedRequest]>([
    ['a GET with a range', read()],
    [
      'a PUT',
      exampleRequest('PUT', '/test$file.text', {
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
        authorization: authorization(
          'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
          '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
        ),
      }),
    ],
    [
      'a parameter without a value',
      exampleRequest('GET', '/?lifecycle', {
        authorization: plain('fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'),
      }),
    ],
    [
      'a list',
      exampleRequest('GET', '/?prefix=J&max-keys=2', {
        authorization: plain('34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'),
      }),
    ],
    ['a presigned URL', presigned()],
    ['signed chunks', chunkedExample],
    ['signed chunks with a trailer', trailerExample],
  ])('%s', (_, request) => {
    expect(authenticate(request, secretOf, NOW).accessKeyId).toBe(KEY.id);
    for (const changed of [
      { ...request, method: 'DELETE' },
      { ...request, rawUrl: request.rawUrl.replace('/', '/x') },
      { ...request, rawUrl: `${request.rawUrl}${request.rawUrl.includes('?') ? '&' : '?'}acl` },
      { ...request, headers: { ...request.headers, host: 'other' } },
    ])
      expect(outcome(changed)).toBe('SignatureDoesNotMatch');
    expect(outcome(request, NOW, () => 'another secret')).toBe('SignatureDoesNotMatch');
    expect(outcome(request, NOW, () => undefined)).toBe('InvalidAccessKeyId');
  });

  it('say how the body is protected', () => {
    const payload = (request: SignedRequest) => authenticate(request, secretOf, NOW).payload;
    expect(payload(read())).toEqual({ kind: 'sha256', sha256: EMPTY });
    expect(payload(presigned())).toEqual({ kind: 'unsigned' });
    expect(payload(chunkedExample)).toMatchObject({
      kind: 'signed-chunks',
      withTrailer: false,
      signing: { timestamp: '20130524T000000Z', scope: '20130524/us-east-1/s3/aws4_request' },
    });
    expect(payload(trailerExample)).toMatchObject({ kind: 'signed-chunks', withTrailer: true });
  });
});

describe('a request without a signature', () => {
  const anonymous = (headers: Record<string, string> = {}): SignedRequest => ({ method: 'GET', rawUrl: '/a', headers });

  it('is anonymous, and its body may have a digest', () => {
    expect(authenticate(anonymous(), secretOf, NOW)).toEqual({
      accessKeyId: undefined,
      payload: { kind: 'unsigned' },
      hoistedHeaders: {},
    });
    expect(outcome(anonymous({ authorization: '' }))).toBe('accepted');
    const framed = anonymous({ 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' });
    expect(authenticate(framed, secretOf, NOW).payload).toEqual({ kind: 'unsigned-chunks' });
    expect(outcome(anonymous({ 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD' }))).toBe('AccessDenied');
  });
});

describe('a signed request is refused', () => {
  const inScope = (scope: string) => authorization(RANGE_HEADERS, RANGE_SIGNATURE, scope);

  it.each<[string, Record<string, string>, string]>([
    ['with another header', { range: 'bytes=0-10' }, 'SignatureDoesNotMatch'],
    ['with a header of S3 that is not signed', { 'x-amz-acl': 'public-read' }, 'AccessDenied'],
    [
      'without a signed host',
      { authorization: authorization('range;x-amz-content-sha256;x-amz-date', 'a') },
      'AccessDenied',
    ],
    ['by a session', { 'x-amz-security-token': 'x' }, 'InvalidToken'],
    [
      'for another service',
      { authorization: inScope('20130524/us-east-1/ec2/aws4_request') },
      'AuthorizationHeaderMalformed',
    ],
    [
      'for something else',
      { authorization: inScope('20130524/us-east-1/s3/aws5_request') },
      'AuthorizationHeaderMalformed',
    ],
    [
      'for another day',
      { authorization: inScope('20130523/us-east-1/s3/aws4_request') },
      'AuthorizationHeaderMalformed',
    ],
    ['for another region', { authorization: inScope('20130524/eu-west-1/s3/aws4_request') }, 'SignatureDoesNotMatch'],
    ['with half of it', { authorization: 'AWS4-HMAC-SHA256 Credential=a' }, 'AuthorizationHeaderMalformed'],
    ['without a scope', { authorization: inScope('x') }, 'AuthorizationHeaderMalformed'],
    ['by Signature V2', { authorization: 'AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=' }, 'InvalidRequest'],
    ['by what is no signature', { authorization: 'AWS HAHAHA' }, 'InvalidArgument'],
    ['by Signature V4A', { authorization: 'AWS4-ECDSA-P256-SHA256 Credential=a' }, 'InvalidRequest'],
    ['by a bearer', { authorization: 'Bearer x' }, 'InvalidArgument'],
    ['with a date that is none', { 'x-amz-date': 'Bad Date' }, 'AccessDenied'],
    ['without a date', { 'x-amz-date': '' }, 'AccessDenied'],
    ['before the epoch', { 'x-amz-date': 'Fri, 07 Jul 1950 21:53:04 GMT' }, 'AccessDenied'],
    ['of the year 9999', { 'x-amz-date': 'Wed, 07 Jul 9999 21:53:04 GMT' }, 'RequestTimeTooSkewed'],
  ])('%s', (_, headers, code) => {
    expect(outcome(read(headers))).toBe(code);
  });

  it('when its digest is missing', () => {
    const { 'x-amz-content-sha256': _, ...headers } = read().headers;
    expect(outcome({ ...read(), headers })).toBe('InvalidRequest');
  });

  it('when the clocks differ by more than a quarter of an hour', () => {
    for (const seconds of [900, -900]) expect(outcome(read(), after(seconds))).toBe('accepted');
    for (const seconds of [901, -901]) expect(outcome(read(), after(seconds))).toBe('RequestTimeTooSkewed');
  });

  it('when it is signed twice', () => {
    expect(outcome(read({}, presignedUrl))).toBe('InvalidArgument');
  });
});

describe('a presigned URL', () => {
  const withExpiry = (expires: string) => presigned(presignedUrl.replace('=86400', `=${expires}`));

  it('is valid until it expires, and not long before its date', () => {
    expect(outcome(presigned(), after(86_399))).toBe('accepted');
    expect(() => authenticate(presigned(), secretOf, after(86_400))).toThrow('Request has expired');
    expect(outcome(presigned(), after(-900))).toBe('accepted');
    expect(outcome(presigned(), after(-901))).toBe('AccessDenied');
  });

  it.each<[string, SignedRequest, string]>([
    ['for longer than a week', withExpiry('604801'), 'AccessDenied'],
    ['for less than nothing', withExpiry('-7'), 'AccessDenied'],
    ['for no time', withExpiry('0'), 'AccessDenied'],
    ['for longer than was signed', withExpiry('86401'), 'SignatureDoesNotMatch'],
    [
      'without its expiry',
      presigned(presignedUrl.replace('&X-Amz-Expires=86400', '')),
      'AuthorizationQueryParametersError',
    ],
    ['with another algorithm', presigned(presignedUrl.replace('SHA256', 'SHA1')), 'AuthorizationQueryParametersError'],
    ['with a date that is none', presigned(presignedUrl.replace('T000000Z', '')), 'AuthorizationQueryParametersError'],
    [
      'of another service',
      presigned(presignedUrl.replace('%2Fs3%2F', '%2Fec2%2F')),
      'AuthorizationQueryParametersError',
    ],
    ['by a session', presigned(`${presignedUrl}&X-Amz-Security-Token=x`), 'InvalidToken'],
    ['with a header that is not signed', presigned(presignedUrl, { 'x-amz-acl': 'public-read' }), 'AccessDenied'],
    ['by Signature V2', presigned('/a?AWSAccessKeyId=a&Signature=b&Expires=1'), 'InvalidRequest'],
  ])('is refused %s', (_, request, code) => {
    expect(outcome(request)).toBe(code);
  });

  it('may come with a header that says what it says', () => {
    expect(outcome(presigned(presignedUrl, { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }))).toBe('accepted');
    expect(outcome(presigned(presignedUrl, { 'x-amz-content-sha256': EMPTY }))).toBe('AccessDenied');
  });
});

describe('what is signed of a URL', () => {
  it.each([
    ['/', '/'],
    ['/bucket/a/../b//c/.', '/bucket/a/../b//c/.'],
    ['/bucket/a b+c$d', '/bucket/a%20b%2Bc%24d'],
    ['/bucket/%41%2f%2F%7e%20', '/bucket/A%2F%2F~%20'],
    ['/bucket/%zz%', '/bucket/%25zz%25'],
    ['/bucket/\u00c3\u00a4%c3%a4\n', '/bucket/%C3%A4%C3%A4%0A'],
  ])('of the path %j is %j', (path, canonical) => {
    expect(canonicalPath(path)).toBe(canonical);
  });

  it('of parameters is their order by name and value, each encoded once', () => {
    const { path, query } = requestTarget('http://host:9000/b/k?b&a-b=1&a=%2B+/&a=&&a=A%7E');
    expect(path).toBe('/b/k');
    expect(canonicalQuery(query)).toBe('a=&a=%2B%20%2F&a=A~&a-b=1&b=');
    expect([...decodedQuery(query)]).toEqual([
      ['b', ''],
      ['a-b', '1'],
      ['a', '+ /'],
    ]);
    expect(refusalOf(() => decodedQuery(requestTarget('/?a=%ff').query))).toBe('InvalidURI');
  });
});
