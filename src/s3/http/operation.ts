import type { Asks } from './asks.ts';
import type { S3Keys, S3Service } from '../buckets.ts';
import type { Answer } from './answer.ts';
import type { S3Request } from './request.ts';

interface OperationContext extends S3Service {
  keys: S3Keys;
}

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
