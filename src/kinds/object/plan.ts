import { sameJson } from '../../base/hash.ts';
import type { Step } from '../../engine/contract.ts';
import type { ObjectBucket } from '../../s3/objects.ts';
import type { ObjectRow } from '../../s3/row.ts';
import type { Content } from './content.ts';
import type { DeclaredObject } from './types.ts';

/** The bucket as far as an object needs it. */
export type BucketObserved = { is: 'missing' } | ({ is: 'deleting' | 'there' } & { bucket: ObjectBucket });

export interface ObjectObserved {
  bucket: BucketObserved;
  content: Content;
  /** The current object under the key, whoever put it; a delete marker is none. */
  row: ObjectRow | undefined;
  /** What is wrong with its bytes, where it is this document's. */
  damage: string | undefined;
  /** Why bytes can be neither put nor read. */
  outage: string | undefined;
}

/** `write` puts the object; `restore` writes the file of the one that is there anew. */
export type ObjectStep = Step &
  ({ do: 'write' } | { do: 'restore'; id: string; etag: string } | { do: 'delete'; versionId: string });

/** It was put for this document. */
export const isOurs = ({ metadata }: DeclaredObject, row: ObjectRow | undefined): row is ObjectRow =>
  row?.declaredBy === metadata.uid;

/** A client was there before the document had written anything: that is not overwritten (I5). */
export const isTaken = (object: DeclaredObject, row: ObjectRow | undefined): boolean =>
  row !== undefined && !isOurs(object, row) && object.status?.etag === undefined;

/** Pure. */
export function planObject(object: DeclaredObject, observed: ObjectObserved): ObjectStep[] {
  const { bucket, content, row, damage, outage } = observed;
  if (object.metadata.deletionTimestamp !== undefined)
    return isOurs(object, row) && bucket.is !== 'missing'
      ? [{ do: 'delete', versionId: row.versionId, why: 'the document was deleted' }]
      : [];
  if (bucket.is !== 'there' || outage !== undefined || 'missing' in content || isTaken(object, row)) return [];
  const tampering = tamperingWith(object, row);
  if (tampering !== undefined) return [{ do: 'write', why: tampering, event: 'ObjectRestored', warns: true }];
  const change = row ? changeOf(object, row, content.etag) : 'it is not there yet';
  if (change !== undefined) return [{ do: 'write', why: change, event: 'ObjectWritten' }];
  if (row === undefined || damage === undefined) return [];
  const { id, etag } = row;
  return [{ do: 'restore', id, etag, why: damage, event: 'ObjectRestored', warns: true }];
}

/** What was done under the key since the document has written it. */
function tamperingWith(object: DeclaredObject, row: ObjectRow | undefined): string | undefined {
  if (isOurs(object, row) || object.status?.etag === undefined) return undefined;
  return row ? 'somebody put another object under the key' : 'the object was deleted';
}

function changeOf({ spec }: DeclaredObject, row: ObjectRow, etag: string): string | undefined {
  if (row.etag !== etag) return 'the content changed';
  if (row.contentType !== spec.contentType) return `the content type changed from ${row.contentType}`;
  return sameJson(row.metadata, spec.metadata ?? {}) ? undefined : 'the metadata changed';
}
