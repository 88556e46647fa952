import { S3Error } from '../../../../src/s3/wire/errors.ts';
import type { SignedRequest } from '../../../../src/s3/wire/claim.ts';

/** The worked examples of Amazon's page on Signature V4 for S3: all of one key, at one moment. */
export const KEY = { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
export const NOW = new Date('2013-05-24T00:00:00Z');
export const secretOf = (id: string): string | undefined => (id === KEY.id ? KEY.secret : undefined);
export const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export const authorization = (signedHeaders: string, signature: string, scope = '20130524/us-east-1/s3/aws4_request') =>
  `AWS4-HMAC-SHA256 Credential=${KEY.id}/${scope},SignedHeaders=${signedHeaders},Signature=${signature}`;

export const exampleRequest = (
  method: string,
  rawUrl: string,
  headers: Record<string, string>,
): SignedRequest & { headers: Record<string, string> } => ({
  method,
  rawUrl,
  headers: {
    host: 'examplebucket.s3.amazonaws.com',
    'x-amz-date': '20130524T000000Z',
    'x-amz-content-sha256': EMPTY,
    ...headers,
  },
});

const CHUNKED_HEADERS = {
  host: 's3.amazonaws.com',
  'content-encoding': 'aws-chunked',
  'x-amz-decoded-content-length': '66560',
  'x-amz-storage-class': 'REDUCED_REDUNDANCY',
};

/** A body of 66,560 bytes in chunks of 64 KiB. */
export const chunkedExample = exampleRequest('PUT', '/examplebucket/chunkObject.txt', {
  ...CHUNKED_HEADERS,
  'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'content-length': '66824',
  authorization: authorization(
    'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
    '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  ),
});
export const CHUNK_SIGNATURES = [
  'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
  '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
  'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
];

/** The same with a trailing checksum. */
export const trailerExample = exampleRequest('PUT', '/examplebucket/chunkObject.txt', {
  ...CHUNKED_HEADERS,
  'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'x-amz-trailer': 'x-amz-checksum-crc32c',
  authorization: authorization(
    'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
    '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
  ),
});
export const TRAILER_SIGNATURES = [
  'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
  '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
  '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
  'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
];

/** The code of the refusal; anything else that is thrown is thrown on. */
export function refusalOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
}
