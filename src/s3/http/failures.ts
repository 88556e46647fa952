import { messageOf, StatusError } from '../../base/errors.ts';
import type { StatusReason } from '../../base/errors.ts';
import { BytesGoneError, NoSpaceError } from '../../drivers/objects/bytes.ts';
import { EncryptionKeyError } from '../encryption.ts';
import { UploadGoneError } from '../multipart.ts';
import { QuotaError } from '../objects.ts';
import { ObjectLockedError } from '../retention.ts';
import { BucketGoneError } from '../rows.ts';
import { S3Error } from '../wire/errors.ts';
import type { S3ErrorCode } from '../wire/errors.ts';

/** What the API says in Kubernetes' words, in S3's. */
const CODES: Readonly<Partial<Record<StatusReason, S3ErrorCode>>> = {
  BadRequest: 'InvalidRequest',
  Invalid: 'InvalidRequest',
  Unauthorized: 'InvalidAccessKeyId',
  Forbidden: 'AccessDenied',
  NotFound: 'NoSuchBucket',
  Conflict: 'OperationAborted',
  AlreadyExists: 'BucketAlreadyExists',
  TooManyRequests: 'SlowDown',
  ServiceUnavailable: 'ServiceUnavailable',
};

/** Anything thrown, as S3 answers it. What nobody has foreseen is InternalError. */
export function asS3Error(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  const message = messageOf(error);
  if (error instanceof StatusError)
    return new S3Error(CODES[error.reason] ?? 'InternalError', { message, cause: error });
  if (error instanceof ObjectLockedError)
    return new S3Error('AccessDenied', {
      message: `Access Denied because object protected by object lock: ${message}`,
      cause: error,
    });
  if (error instanceof EncryptionKeyError)
    return new S3Error(error.why === 'unknown' ? 'KMS.NotFoundException' : 'InvalidRequest', { message, cause: error });
  if (error instanceof QuotaError) return new S3Error('QuotaExceeded', { message, cause: error });
  if (error instanceof BucketGoneError) return new S3Error('NoSuchBucket', { cause: error });
  if (error instanceof UploadGoneError) return new S3Error('NoSuchUpload', { cause: error });
  if (error instanceof NoSpaceError) return new S3Error('InsufficientStorage', { cause: error });
  if (error instanceof BytesGoneError)
    return new S3Error('InternalError', {
      message: 'The bytes of the object are damaged: nothing of them is given. miniaws s3 check tells more.',
      cause: error,
    });
  return new S3Error('InternalError', { cause: error });
}
