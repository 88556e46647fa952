import { S3Error } from '../wire/errors.ts';
import type { S3ErrorCode } from '../wire/errors.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import type { S3Request } from './request.ts';

/** What a bucket does not have here: asking for it is answered as by a bucket that has none of it. */
export const UNSET: Readonly<Record<string, S3ErrorCode>> = {
  replication: 'ReplicationConfigurationNotFoundError',
  website: 'NoSuchWebsiteConfiguration',
};

/** Of these, to take away what is not there is no mistake. */
export const REMOVED = ['website'] as const;

export const unset =
  (subresource: string) =>
  ({ bucket }: S3Request): Answer => {
    throw new S3Error(UNSET[subresource] ?? 'NotImplemented', { extra: { BucketName: bucket.name } });
  };

export const removed = ({ bucket: _ }: S3Request): Answer => ({ status: 204 });

export const getLogging = ({ bucket: _ }: S3Request): Answer => xml('BucketLoggingStatus', {});

export const getRequestPayment = ({ bucket: _ }: S3Request): Answer =>
  xml('RequestPaymentConfiguration', { Payer: 'BucketOwner' });
