import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { macWith } from '../../src/base/hash.ts';
import { ObjectKeys } from '../../src/s3/encryption.ts';
import { call } from './http.ts';
import type { Endpoint } from './http.ts';

/** Of an installation that has no Secrets. */
export const KEYS = new ObjectKeys({ mac: macWith(Buffer.from('test')), secretOf: () => undefined });

export interface TestS3 {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** What S3's clients sign with, for the token of an endpoint. */
export const s3Of = async (endpoint: Endpoint): Promise<TestS3> =>
  (await call(endpoint, 'GET', '/apis/miniaws.dev/v1/s3credentials')).json<TestS3>();

export const s3Client = (
  { endpoint, accessKeyId, secretAccessKey }: TestS3,
  config: Partial<S3ClientConfig> = {},
): S3Client =>
  new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    ...config,
  });

/** S3's code, and the HTTP status. */
export const refusal = (sent: Promise<unknown>) =>
  sent.then(
    () => 'no refusal',
    (error: { name: string; $metadata: { httpStatusCode?: number } }) =>
      `${error.$metadata.httpStatusCode} ${error.name}`,
  );
