import type { Wanted } from '../authorization/authorizer.ts';
import type { Clock } from '../../base/clock.ts';
import type { S3Keys, S3Service } from '../buckets.ts';
import type { Answer } from './answer.ts';
import type { S3Request } from './request.ts';

interface OperationContext extends S3Service {
  keys: S3Keys;
  clock: Clock;
}

export type Asks = Omit<Wanted, 'key' | 'versionId' | 'values'>;

export interface Operation {
  name: string;
  /** What who asks is to be let. Left out: whoever has a key may, and the answer has what that may see. */
  asks?: Asks;
  /** It is of use to who empties a bucket that is being deleted. */
  empties?: true;
  /** It finds out itself who asks, and whether they may. */
  isSignedInside?: true;
  run: (request: S3Request, context: OperationContext) => Promise<Answer> | Answer;
}

export const onObject = (action: string, verb: 'get' | 'update', permission?: 'READ_ACP' | 'WRITE_ACP'): Asks => ({
  action: `s3:${action}`,
  permission: { verb, of: 'objects' },
  ...(permission && { grant: { of: 'object', permission } }),
});
export const onBucket = (action: string, verb: 'get' | 'update', permission?: 'READ_ACP' | 'WRITE_ACP'): Asks => ({
  action: `s3:${action}`,
  permission: { verb, of: 'buckets' },
  ...(permission && { grant: { of: 'bucket', permission } }),
});
export const LISTING: Asks = {
  action: 's3:ListBucket',
  permission: { verb: 'list', of: 'objects' },
  grant: { of: 'bucket', permission: 'READ' },
};
