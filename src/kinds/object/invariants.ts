import type { Contradiction } from '../shared/kind-module.ts';
import { isBucket } from '../bucket/types.ts';
import type { DeclaredObject } from './types.ts';

/** Its bucket is there. Files are judged where they are: by pictures of the world. */
export const contradiction: Contradiction<DeclaredObject> = ({ metadata, spec }, _compute, documents) => {
  if (!documents) return undefined;
  const bucket = documents.find(
    (r) => isBucket(r) && r.metadata.namespace === metadata.namespace && r.metadata.name === spec.bucket,
  );
  return bucket ? undefined : `there is no Bucket ${metadata.namespace}/${spec.bucket}`;
};
