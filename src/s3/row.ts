import type { Grant, RetentionMode } from '../api/bucket-config.ts';
import type { ObjectEncryption } from './encryption.ts';
import type { ChecksumAlgorithm } from './wire/checksums.ts';

/** What a client has asked to be kept beside the bytes, in base64. */
export interface StoredChecksum {
  algorithm: ChecksumAlgorithm;
  type: 'FULL_OBJECT' | 'COMPOSITE';
  value: string;
}

/** Until when a version stays. GOVERNANCE is lifted by who may; COMPLIANCE by nobody. */
export interface Retention {
  mode: RetentionMode;
  until: Date;
}

/** What may be said of an object that is there, beside its tags. */
export interface ObjectStanding {
  /** The namespace whose key has put it; `undefined`: the bucket's own. */
  owner: string | undefined;
  /** `undefined`: it is its owner's alone. */
  grants: readonly Grant[] | undefined;
  retention: Retention | undefined;
  /** It stays until that is taken back. */
  legalHold: boolean;
}

/** Of what was put while the bucket kept no versions. */
export const NULL_VERSION = 'null';

/** One object, or one version of it; what a delete marker has of the rest is empty. */
export interface ObjectRow extends ObjectStanding {
  /** Its bytes have it too. */
  id: string;
  bucket: string;
  key: string;
  /** In the order in which rows came to the bucket. */
  sequence: number;
  versionId: string;
  isLatest: boolean;
  isDeleteMarker: boolean;
  sizeBytes: number;
  /** Without quotation marks. */
  etag: string;
  contentType: string;
  /** CRC-32 of each piece of its bytes (`pieces.ts`). */
  pieceSums: Buffer;
  checksum: StoredChecksum | undefined;
  /** `Cache-Control` and such, by the names that S3 has for them. */
  headers: Readonly<Record<string, string>>;
  /** The user's own, by names in small letters. */
  metadata: Readonly<Record<string, string>>;
  tags: Readonly<Record<string, string>>;
  createdAt: Date;
  /** Uid of the document that declares it. */
  declaredBy: string | undefined;
  /** `undefined`: its bytes are as they were put. */
  encryption: ObjectEncryption | undefined;
  /** 0: its bytes are under its own id. Else they are those of its parts. */
  partCount: number;
}

/** An upload in parts that has not come to an end. The object that it becomes has its id. */
export interface Upload {
  id: string;
  bucket: string;
  key: string;
  startedAt: Date;
  description: UploadDescription;
}

export interface UploadDescription extends Partial<ObjectStanding> {
  contentType: string;
  headers: Readonly<Record<string, string>>;
  metadata: Readonly<Record<string, string>>;
  tags: Readonly<Record<string, string>>;
  encryption?: ObjectEncryption;
  /** Which checksum its parts and the object have. */
  checksum?: Omit<StoredChecksum, 'value'>;
}

/** A part of an upload, or of the object that this has become. */
export interface ObjectPart {
  /** Its bytes have it too. */
  id: string;
  /** From 1. */
  number: number;
  sizeBytes: number;
  etag: string;
  /** By the upload's algorithm, in base64. */
  checksum: string | undefined;
  pieceSums: Buffer;
  storedAt: Date;
}

/** A bucket as rows know it: the document's uid, and its name. */
export interface BucketId {
  uid: string;
  name: string;
}

export interface BucketUse {
  /** Versions count, delete markers do not. */
  objects: number;
  bytes: number;
}
