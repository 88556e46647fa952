import type { KindModule } from '../shared/kind-module.ts';
import { addS3, S3_WORDS } from './cli/s3.ts';
import { bucketKind } from './definition.ts';
import type { Bucket } from './types.ts';

export const bucket: KindModule<Bucket> = {
  definition: bucketKind,
  commands: [{ group: 'What is wanted', add: addS3, operands: { s3: { words: S3_WORDS } } }],
  runtime: () => import('./runtime.ts'),
};
