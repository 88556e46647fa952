import type { Resource } from '../../api/metadata.ts';

/** A key of a ConfigMap or a Secret. */
interface KeyOf {
  name: string;
  key: string;
}

export interface ObjectSpec {
  bucket: string;
  key: string;
  contentType: string;
  /** The user's own, by names in small letters. */
  metadata?: Readonly<Record<string, string>>;
  /** One of these three. */
  content?: string;
  contentBase64?: string;
  contentFrom?: { configMap?: KeyOf; secret?: KeyOf };
}

export interface ObjectStatus {
  phase?: 'Pending' | 'Available' | 'Deleting';
  /** Since it has written it: what is under the key is its own. */
  etag?: string;
  versionId?: string;
  bytes?: number;
}

/** An object that a manifest declares. */
export type DeclaredObject = Resource<ObjectSpec, ObjectStatus>;

export const isDeclaredObject = (r: Resource): r is DeclaredObject => r.kind === 'Object';
